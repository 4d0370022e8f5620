"""`delete` of what selectors choose by what records hold, and keys that are never deleted."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.server import served

pytestmark = pytest.mark.slow

_VALUES = {
    "log-2026-01-30": {"at": 1_769_817_600_000, "closed": True},
    "log-2026-01-31": {"at": "2026-01-31T00:00:00Z", "closed": True},
    "log-2026-02-01": {"at": 1_769_904_000, "closed": False},
    "log-2026-02-30": {"at": 0, "closed": "yes"},
    "misc": {"at": "soon"},
}
_LINES = "".join(json.dumps({"key": key, "value": one}) + "\n" for key, one in _VALUES.items())


@pytest.fixture(params=["current", "omitted"])
def store(kvsctl: Command, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Command]:
    """kvsctl with a target that holds these values, whose queries may leave out times."""
    options = EmulatorOptions(query_metadata=request.param)
    with served(embedded(tmp_path / "db", options)) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        there("set", "-f", "-", stdin=_LINES.encode(), status=0)
        yield there


@pytest.mark.parametrize(
    ("words", "deleted", "undecided"),
    [
        (["--age-from", "value.at", "--older-than", "2026-01-31T12:00Z"], 2, 2),
        (["--age-from", "key:log-%Y-%m-%d", "--older-than", "2026-01-31"], 1, 2),
        (["--where", "value.closed"], 2, 2),
        (["--where", "value.closed == `true` && updatedAt > `1`"], 2, 0),
        (["--where", "value.closed", "--match", "log-*-30"], 1, 1),
    ],
)
def test_only_what_is_certain_is_deleted(
    store: Command, words: list[str], deleted: int, undecided: int
) -> None:
    words = [*words, *(() if "--match" in words else ("--all",))]
    tried = store("delete", *words, "-n", status=0)
    report = store("delete", *words, "--yes", "--json", status=0).report
    assert report["succeeded"] == deleted
    assert report["skipped_by"].get("undecided", 0) == undecided
    gone = tried.out.decode().splitlines()
    assert gone == sorted(_VALUES)[:deleted]
    assert store("list", status=0).out.decode().splitlines() == sorted(_VALUES.keys() - gone)


def test_protected_keys_stay_whatever_matches(store: Command, tmp_path: Path) -> None:
    protected = tmp_path / "protected"
    protected.write_text("misc\nlog-*-31\n", "utf-8")
    report = store("delete", "--all", "--protect", protected, "-y", "--json", status=0).report
    assert report["succeeded"] == 3
    assert store("list", status=0).out == b"log-2026-01-31\nmisc\n"
    refused = store("delete", "--protect", protected, "-y", status=2)
    assert b"--protect alone chooses nothing to delete" in refused.err


def test_the_question_says_what_is_kept(store: Command) -> None:
    shown = in_terminal(store, "delete", "--all", "--where", "value.closed", typed=b"n\n")
    assert "Kept, because nothing can be decided about them: 2." in shown.text
    assert store("list", "--count", status=0).out == b"5\n"
