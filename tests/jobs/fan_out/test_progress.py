"""The progress of a job in parts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from kvsctl.jobs.fan_out.job import FanOutJob
from kvsctl.jobs.fan_out.progress import UnitsProgress
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


def _nothing() -> Any:
    return None
