"""A clean-up that is resumed by its journal keeps all that it changes in one undo file."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.journal.file import read_journal
from tests.support.commands.command import Command
from tests.support.commands.server import served

pytestmark = pytest.mark.slow

Words: TypeAlias = list[str | Path]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return tmp_path / "plan.jsonl"


@pytest.fixture
def stopped(kvsctl: Command, tmp_path: Path, plan: Path) -> Iterator[Command]:
    """kvsctl with a store of 40 records, of which one cannot be deleted now."""
    emulator = embedded(tmp_path / "served.db", EmulatorOptions())
    with served(emulator) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        command("set", "-q", *(f"tmp:{n:02}={n}" for n in range(40)), status=0)
        command("delete", "--prefix", "tmp:", "--plan", plan, status=0)
        emulator.arm(_REFUSING)
        yield command


_REFUSING = read_faults("refuse=tmp:20:MAX_SIZE,only=batch/delete")


def _words(verb: str, tmp_path: Path, plan: Path) -> Words:
    words: Words = ["-y", "-c", "1", "--batch-size", "5", "--max-failures", "1"]
    what: Words = ["delete", "--prefix", "tmp:"] if verb == "delete" else ["apply", plan]
    return [*what, *words, "--journal", tmp_path / "j"]


def _count(command: Command) -> int:
    return int(command("list", "--count", status=0).out)


@pytest.mark.parametrize("verb", ["delete", "apply"])
@pytest.mark.parametrize(
    ("first", "later", "why"),
    [
        (["--undo", "u"], [], "--undo is not given, but was "),
        (["--undo", "u"], ["--undo", "v"], "when the journal was begun"),
        (["--undo", "u-{date}"], ["--undo", "u"], "when the journal was begun"),
        ([], ["--undo", "u"], "but was not given when the journal was begun"),
        (["--undo", "u"], ["--undo", "u", "--undo-keys-only"], "--undo-keys-only is given"),
    ],
)
def test_another_undo_is_refused(
    stopped: Command,
    tmp_path: Path,
    plan: Path,
    verb: str,
    first: list[str],
    later: list[str],
    why: str,
) -> None:
    words = _words(verb, tmp_path, plan)
    stopped(*words, *first, status=4, folder=tmp_path)
    left = _count(stopped)
    assert 1 < left < 40
    files = {path: path.read_bytes() for path in tmp_path.glob("u*")}
    ended = stopped(*words, *later, status=2, folder=tmp_path)
    assert why in ended.err.decode()
    assert _count(stopped) == left
    assert {path: path.read_bytes() for path in tmp_path.glob("[uv]*")} == files
    # The failure that ended the first run is listed again, but not in the plan again.
    forced = stopped(*words, *later, "--journal-force", folder=tmp_path)
    assert forced.status == (4 if verb == "delete" else 1)


@pytest.mark.parametrize("verb", ["delete", "apply"])
def test_an_undo_is_right_as_long_as_nothing_has_changed(
    stopped: Command, tmp_path: Path, plan: Path, verb: str
) -> None:
    words = _words(verb, tmp_path, plan)
    stopped(*words, "--max-delete", "1", status=2)
    stopped(*words, "--undo", tmp_path / "u", status=4)
    assert len((tmp_path / "u").read_bytes().splitlines()) >= 40 - _count(stopped)


def test_an_undo_that_was_removed_is_forgotten(
    stopped: Command, tmp_path: Path, plan: Path
) -> None:
    """Else, a file that is there by then would be taken for it, and appended to."""
    stopped("set", "-q", *(f"tmp:{n:02}=x" for n in range(20)), status=0)
    words = _words("apply", tmp_path, plan)[:-2]
    plan.write_bytes(b"".join(plan.read_bytes().splitlines(keepends=True)[:20]))
    words += ["--journal", tmp_path / "j", "--undo", tmp_path / "u"]
    assert stopped(*words, "--json", status=0).report["skipped_by"] == {"changed": 20}
    assert not (tmp_path / "u").exists()
    assert read_journal(tmp_path / "j").state.undo_path is None
