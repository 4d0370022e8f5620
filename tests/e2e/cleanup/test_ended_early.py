"""A clean-up whose listing is not finished in time, or by Ctrl-C, changes nothing, and says so."""

import signal
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from tests.support.commands.command import Command, records_file

pytestmark = pytest.mark.slow

Words: TypeAlias = list[str | Path]
_COUNT: Final = 350
_SLOW: Final[Words] = ["--rps", "0.7", "-c", "1"]
"""The second page of the listing comes after more than a second."""
_RULES: Final = '[[rules]]\nname = "all"\nall = true\naction = "delete"\n'


@pytest.fixture
def stored(kvsctl: Command, tmp_path: Path) -> Command:
    """kvsctl with many records in the store, and a retention file."""
    command = kvsctl.having(KVSCTL_TARGET="local")
    records = [{"key": f"k{n:04}", "value": n} for n in range(_COUNT)]
    command("set", "-q", "-f", records_file(tmp_path / "in.jsonl", records), status=0)
    (tmp_path / "rules.toml").write_text(_RULES)
    return command


def _words(how: str, tmp_path: Path) -> Words:
    words: dict[str, Words] = {
        "delete": ["delete", "--all", "--yes"],
        "delete with a journal": ["delete", "--all", "--yes", "--journal", tmp_path / "journal"],
        "expire": ["expire", "--all", "--ttl", "30d", "--yes"],
        "clean": ["clean", "-f", tmp_path / "rules.toml", "--yes"],
        "clean --plan": ["clean", "-f", tmp_path / "rules.toml", "--plan", tmp_path / "plan"],
        "delete -n": ["delete", "--all", "-n"],
    }
    return words[how]


@pytest.mark.parametrize(
    ("how", "done"),
    [
        ("delete", "deleted"),
        ("delete with a journal", "deleted"),
        ("expire", "changed"),
        ("clean", "deleted"),
        ("clean --plan", "deleted"),
        ("delete -n", "deleted"),
    ],
)
def test_a_listing_that_takes_longer_than_the_time(
    stored: Command, tmp_path: Path, how: str, done: str
) -> None:
    ended = stored(*_words(how, tmp_path), *_SLOW, "--max-duration", "1s", status=75)
    assert ended.err.decode().endswith(
        "kvsctl: the time of --max-duration 1s was up before the listing was finished: nothing was "
        f"{done}\nThe same command starts over: give it more time.\n"
    )
    assert b"ended early" not in ended.err
    assert b"what is left" not in ended.err
    assert list(tmp_path.glob("plan*")) == []
    assert len(stored("list", "-q", "--no-expiry", status=0).out.splitlines()) == _COUNT


def test_time_that_is_up_after_some_were_deleted_leaves_the_rest(stored: Command) -> None:
    words: Words = ["delete", "--all", "--yes", "--max-duration", "2s"]
    ended = stored(*words, "--rps", "8", "-c", "1", status=75)
    assert b"work is left: the time of --max-duration 2s is up\n" in ended.err
    assert b"Run the same command again: it does only what is left.\n" in ended.err
    left = len(stored("list", "-q", status=0).out.splitlines())
    assert 0 < left < _COUNT
    assert stored("delete", "--all", "--yes", "--json", status=0).report["succeeded"] == left


@pytest.mark.parametrize(
    ("undo", "hint"),
    [
        ("undo.jsonl", "Run the same command again, with another name for --undo: it does only"),
        ("undo-{date}.jsonl", "Run the same command again: it does only what is left."),
    ],
)
def test_the_hint_works_with_an_undo_file(
    stored: Command, tmp_path: Path, undo: str, hint: str
) -> None:
    words: Words = ["delete", "--all", "--yes", "--undo", tmp_path / undo, "--max-duration", "2s"]
    ended = stored(*words, "--rps", "8", "-c", "1", status=75)
    assert hint.encode() in ended.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_listing(
    stored: Command, tmp_path: Path, number: signal.Signals
) -> None:
    words = [*_words("clean", tmp_path), *_SLOW, "-v"]
    process = stored.start(*words, stdout=-1, stderr=-1)
    assert process.stderr is not None
    assert any(line.startswith(b"query 200") for line in iter(process.stderr.readline, b""))
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == (130 if number is signal.SIGINT else 143)
    end = b"kvsctl: interrupted before the listing was finished: nothing was deleted\n"
    assert err.endswith(end)
    assert b"no request is in flight" not in err
    assert len(stored("list", "-q", status=0).out.splitlines()) == _COUNT
