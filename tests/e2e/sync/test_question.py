"""What `kvsctl sync` asks before it writes."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvsctl.emulator import embedded
from kvsctl.emulator.web.app import Emulator
from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal, signalled_in_terminal
from tests.support.commands.server import served

pytestmark = pytest.mark.slow

_ASKED = "Write? [y/N]"


@pytest.fixture(name="emulator")
def _emulator(tmp_path: Path) -> Emulator:
    """What serves the source."""
    return embedded(tmp_path / "source.db")


@pytest.fixture(name="source")
def _source(kvsctl: Command, emulator: Emulator) -> Iterator[str]:
    with served(emulator) as url:
        kvsctl("set", "user:1=1", "user:2=2", "job:1=1", "--url", url, status=0)
        emulator.statuses.clear()
        yield url


def _listed(command: Command) -> bytes:
    return command("list", "-t", "local", status=0).out


def test_without_a_terminal_and_without_yes_nothing_is_touched(
    kvsctl: Command, source: str, emulator: Emulator, tmp_path: Path
) -> None:
    words = ("sync", "--from", source, "-t", "local", "--all", "--journal", tmp_path / "j")
    refused = kvsctl(*words, "--plan", tmp_path / "plan", status=2)
    assert b"cannot ask, because this is not a terminal: nothing was written" in refused.err
    assert b"Add --yes if it is meant." in refused.err
    assert emulator.statuses == {}
    assert [path for name in ("j", "plan*") for path in tmp_path.glob(name)] == []
    assert _listed(kvsctl) == b""
    kvsctl(*words, "--yes", status=0)
    assert _listed(kvsctl) == b"job:1\nuser:1\nuser:2\n"


def test_on_a_terminal_what_is_known_is_said(kvsctl: Command, source: str) -> None:
    words = ("--match", "user:[12]*", "--no-expiry", "--key-template", "copy:{key}")
    command = ("sync", "--from", source, "-t", "local", *words)
    screen = in_terminal(kvsctl, *command, typed=b"y\n", columns=400)
    assert screen.status == 0
    text = screen.text.replace("\r\n", "\n")
    assert f"About to write records in LOCAL EMULATOR {kvsctl.database}\n" in text
    chosen = "--match 'user:[12]*' --no-expiry"
    assert f"The source is {source}: plain keys with {chosen}.\n" in text
    assert "Each is written under the key copy:{key}.\n" in text
    assert "Only records that differ are written, and nothing is deleted." in text
    assert _ASKED in text
    assert _listed(kvsctl) == b"copy:user:1\ncopy:user:2\n"


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"\x04"])
def test_any_other_answer_touches_nothing(
    kvsctl: Command, source: str, emulator: Emulator, tmp_path: Path, typed: bytes
) -> None:
    words = ("--all", "--journal", tmp_path / "j", "--lock", tmp_path / "lock")
    screen = in_terminal(kvsctl, "sync", "--from", source, "-t", "local", *words, typed=typed)
    assert screen.status == 2
    assert "not confirmed: nothing was written" in screen.text
    assert emulator.statuses == {}
    assert not (tmp_path / "j").exists()
    assert not (tmp_path / "lock").exists()
    assert _listed(kvsctl) == b""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_an_answer(
    kvsctl: Command, source: str, emulator: Emulator, number: signal.Signals, status: int
) -> None:
    words = ("sync", "--from", source, "-t", "local", "--all")
    screen = signalled_in_terminal(kvsctl, *words, number=number, at=_ASKED.encode())
    assert screen.status == status
    assert f"\r\nkvsctl: interrupted by {number.name}: nothing was written\r\n" in screen.text
    assert emulator.statuses == {}
    assert _listed(kvsctl) == b""


def test_a_dry_run_does_not_ask(kvsctl: Command, source: str) -> None:
    words = ("sync", "--from", source, "-t", "local", "--all", "-n")
    assert _ASKED not in in_terminal(kvsctl, *words).text
    kvsctl(*words, status=0)
    assert _ASKED not in in_terminal(kvsctl, *words[:-1], "-y").text


def test_a_sync_that_also_plans_asks_because_it_writes(
    kvsctl: Command, source: str, tmp_path: Path
) -> None:
    words = ("sync", "--from", source, "-t", "local", "--all", "--plan", tmp_path / "plan")
    screen = in_terminal(kvsctl, *words, typed=b"no\n")
    assert (_ASKED in screen.text, screen.status) == (True, 2)
    assert not (tmp_path / "plan").exists()
