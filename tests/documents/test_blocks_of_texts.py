"""The lines that pages show of progress, reports and errors are those that the program makes."""

import hashlib
import re
from collections.abc import Sequence
from typing import Final

import pytest

from kvsctl.report.progress.line import Lines, heartbeat_text
from kvsctl.report.progress.standing import Pause, Standing
from tests.e2e.documents.pages import ROOT, block
from tests.support.commands.command import Command

_PAUSE: Final = Pause("waiting 30 s for quota")
_LONG_PAUSE: Final = Pause("waiting 48 s for quota")
_LOAD: Final = Standing("set", 70_000, done=0.34, rate=1400, seconds_left=93, pause=_PAUSE)
_SETS: Final = Standing(
    "set", 70_000, done=0.34, rate=1400, seconds_left=93, failed=3, retries=5, pause=_PAUSE
)
_DELETES: Final = Standing(
    "delete", 9120, done=0.44, rate=300, seconds_left=40, parts="12 of 27 installations"
)
_PARTS: Final = (
    Standing("prod-eu", 600, done=0.66, rate=20, seconds_left=12),
    Standing("prod-us", 300, done=0.33, rate=10, seconds_left=62, pause=_LONG_PAUSE),
)


def _line(standing: Standing, width: int) -> str:
    return "".join(text for text, _ in Lines("utf-8").line(standing, width)).rstrip()


def _words(text: str) -> list[str]:
    """Return the words of a line; a bar is as long as its terminal has room."""
    return re.sub("[━─]+", "━", text).split()


@pytest.mark.parametrize(
    ("begin", "standings"),
    [("set  ━", (_SETS,)), ("delete  ━", (_DELETES, *_PARTS))],
    ids=["one run", "installations"],
)
def test_running_shows_lines_of_progress(begin: str, standings: Sequence[Standing]) -> None:
    """docs/running.md."""
    shown = block("docs/running.md", "", begin).splitlines()
    assert list(map(_words, shown)) == [_words(_line(one, 130)) for one in standings]
    assert "━" in shown[0]


def test_running_shows_a_line_for_a_log() -> None:
    shown = block("docs/running.md", "", "kvsctl: set").strip()
    assert shown == f"kvsctl: {heartbeat_text(_LOAD)}"


@pytest.mark.parametrize("page", ["docs/reports.md", "SECURITY.md"])
def test_the_sum_of_a_report_is_that_of_the_pages(kvsctl: Command, page: str) -> None:
    """The pages are reports.md and SECURITY.md."""
    whole, _, parts = block(page, "", "records = ").strip().partition(" = ")
    report = kvsctl("set", "-t", "local", "--json", "a=1", "a=2", "b/=1", status=1).report
    assert report[whole] == sum(report[part] for part in parts.split(" + ")) == 3


def test_an_error_has_a_hint_as_shown(kvsctl: Command) -> None:
    """CONTRIBUTING.md."""
    shown = block("CONTRIBUTING.md", "", "kvsctl: ")
    assert kvsctl("get", "-t", "prod", "a", status=2).err.decode() == shown


def test_the_example_data_are_those_whose_hash_is_shown() -> None:
    """examples/README.md."""
    for line in block("examples/README.md", "", "6123").splitlines():
        digest, name = line.split()
        assert hashlib.sha256((ROOT / "examples" / name).read_bytes()).hexdigest() == digest
