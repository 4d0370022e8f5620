"""Show how far the units of a job are."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace

from kvsctl.bulk.outcomes.tally import RECORD_COUNTS, REQUEST_COUNTS, Tally
from kvsctl.jobs.fan_out.job import FanOutJob
from kvsctl.jobs.fan_out.relay import Relay
from kvsctl.jobs.fan_out.unit import Unit, UnitEnd
from kvsctl.jobs.progress.many import ManyProgress, was_stopped
from kvsctl.report.console import Environment
from kvsctl.report.merging.shown import tally_of
from kvsctl.report.progress.standing import Shows


class UnitsProgress:
    """Shows how far the units of a job are.

    `environment`: where to write other lines, so that they are above what is drawn.
    """

    def __init__(self, job: FanOutJob, environment: Environment) -> None:
        self._job = job
        self._tally = Tally()
        self._ended = 0
        self._many = ManyProgress(
            environment,
            job.reporting,
            "part",
            self._tally,
            lambda: self._ended,
            prints_records=False,
        )
        self.environment = self._many.environment

    def note(self, end: UnitEnd) -> None:
        """Take how a unit ended."""
        self._ended += not was_stopped(end.status)
        if end.report is not None:
            counted = tally_of(end.report)
            for name in (*RECORD_COUNTS, *REQUEST_COUNTS):
                total = getattr(self._tally, name) + getattr(counted, name)
                setattr(self._tally, name, total)

    @contextmanager
    def working(self) -> Iterator[Sequence[Unit]]:
        """Show how far the units are inside the block. Yield them, to be carried out there."""
        units, display = self._job.units, self._many.display
        with self._many.working(self._job.command, len(units)):
            relay = None if display is None else _relay_to(display)
            if relay is None:
                yield units
                return
            try:
                yield [replace(unit, relay=relay.address) for unit in units]
            finally:
                relay.close()


def _relay_to(display: Shows) -> Relay | None:
    """Return a relay to `display`; None if there cannot be one: the units are then not shown."""
    try:
        return Relay(display)
    except OSError:
        return None
