"""The progress of a job in parts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from kvsctl.errors import ExitStatus
from kvsctl.jobs.fan_out.job import FanOutJob
from kvsctl.jobs.fan_out.progress import UnitsProgress
from kvsctl.jobs.fan_out.unit import UnitEnd
from kvsctl.jobs.job import Reporting, Schedule
from kvsctl.report.console import Environment
from kvsctl.report.progress.standing import Followed
from tests.jobs.fan_out.units import unit_named


class _Display:
    """A display that remembers whether something was shown on it."""

    was_used = False

    @contextmanager
    def showing(self, followed: Followed) -> Iterator[None]:
        self.was_used = followed.standing().label == "set"
        yield

    def write_above(self, text: str) -> None:
        raise AssertionError(text)


def test_the_units_are_carried_out_without_a_relay() -> None:
    """The whole is shown then, and no unit."""
    units, first, display = [unit_named("a"), unit_named("b")], _nothing(), _Display()
    job = FanOutJob("set", units, _nothing, first, Reporting(), Schedule(), prints_records=False)
    environment = Environment(None, None, False, False, False, False, 80, display=display)
    no_relay = patch("kvsctl.jobs.fan_out.progress.Relay", side_effect=OSError("path too long"))
    with no_relay, UnitsProgress(job, environment).working() as given:
        assert given == units
    assert display.was_used


def test_a_unit_that_was_stopped_does_not_count_as_done() -> None:
    environment = Environment(None, None, False, False, False, False, 80, display=_Display())
    job = FanOutJob("set", [], _nothing, _nothing(), Reporting(), Schedule(), prints_records=False)
    progress = UnitsProgress(job, environment)
    parts: list[str] = []
    with patch.object(_Display, "showing", lambda _self, board: _noting(board, parts)):
        for status in (75, 130, 141, 143, 0, 1, 3):
            progress.note(UnitEnd("a", ExitStatus(status)))
        with progress.working():
            progress.note(UnitEnd("a", ExitStatus.INTERRUPTED))
            progress.note(UnitEnd("a", ExitStatus.OK))
    assert parts == ["1 of 0 parts"]


@contextmanager
def _noting(board: Followed, parts: list[str]) -> Iterator[None]:
    yield
    parts.append(board.standing().parts)


def _nothing() -> Any:
    return None
