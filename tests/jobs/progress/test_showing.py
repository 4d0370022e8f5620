"""Where it is shown how far a job is."""

import pytest
from msgspec.structs import replace

from kvsctl.jobs.job import Reporting
from kvsctl.jobs.progress.showing import display_of
from kvsctl.report.console import Environment
from kvsctl.report.log.json_log import JsonLog
from kvsctl.report.progress.heartbeat import HeartbeatDisplay
from kvsctl.report.progress.terminal import TerminalDisplay

_LOG = Environment(
    stdout_fd=1,
    stderr_fd=2,
    stdout_is_terminal=False,
    stderr_is_terminal=False,
    stderr_has_colour=False,
    can_redraw=False,
    width=80,
)
_TERMINAL = replace(_LOG, stdout_is_terminal=True, stderr_is_terminal=True, can_redraw=True)
_LINE, _BEATS, _NOWHERE = TerminalDisplay, HeartbeatDisplay, type(None)


@pytest.mark.parametrize(
    ("environment", "prints_records", "expected"),
    [
        (_TERMINAL, False, _LINE),
        (_TERMINAL, True, _NOWHERE),
        (replace(_TERMINAL, stdout_is_terminal=False), True, _LINE),
        (replace(_TERMINAL, can_redraw=False), False, _BEATS),
        (replace(_TERMINAL, log=JsonLog("set", lambda _: None)), False, _BEATS),
        (_LOG, False, _BEATS),
        (_LOG, True, _BEATS),
        (replace(_LOG, stdout_is_terminal=True), True, _BEATS),
        (replace(_LOG, stderr_fd=None), False, _NOWHERE),
    ],
    ids=[
        "terminal",
        "records on the terminal",
        "records in a pipe",
        "dumb terminal",
        "log on a terminal",
        "log",
        "records in a log",
        "records on a terminal, log elsewhere",
        "closed",
    ],
)
def test_it_is_drawn_on_a_terminal_and_said_elsewhere(
    environment: Environment, expected: type, *, prints_records: bool
) -> None:
    found = display_of(environment, Reporting(), prints_records=prints_records)
    assert type(found) is expected


@pytest.mark.parametrize(
    "reporting",
    [Reporting(quiet=True), Reporting(as_json=True), Reporting(verbosity=1)],
    ids=["quiet", "json", "verbose"],
)
@pytest.mark.parametrize("environment", [_LOG, _TERMINAL], ids=["log", "terminal"])
def test_it_is_left_out_if_that_was_asked_for(
    environment: Environment, reporting: Reporting
) -> None:
    assert display_of(environment, reporting, prints_records=False) is None


def test_never_is_never_in_a_log_and_means_nothing_on_a_terminal() -> None:
    never = Reporting(stats_seconds=0)
    assert display_of(_LOG, never, prints_records=False) is None
    assert type(display_of(_TERMINAL, never, prints_records=False)) is TerminalDisplay


def test_a_part_of_a_whole_is_shown_where_the_whole_is() -> None:
    whole = TerminalDisplay(_TERMINAL)
    part = replace(_LOG, stderr_fd=None, display=whole)
    assert display_of(part, Reporting(quiet=True), prints_records=True) is whole
