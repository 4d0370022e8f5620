"""Give the installations of a job to workers, group by group."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence

from kvsctl.jobs.fan_out.crews import Crew
from kvsctl.jobs.fan_out.installations.member import Crewing, Member
from kvsctl.jobs.fan_out.unit import Unit, UnitEnd
from kvsctl.jobs.fan_out.work import FanOut
from kvsctl.jobs.installations.part import PartEnd
from kvsctl.jobs.installations.runs import Runs
from kvsctl.report.console import Environment
from kvsctl.report.installations.ends import InstallationEnd


class Groups:
    """The workers of a job on several installations.

    All of them together work on at most `at_once` installations at a time. `note` receives how each
    installation ended, when its group has ended.
    """

    def __init__(
        self,
        crewing: Crewing,
        runs: Runs,
        environment: Environment,
        note: Callable[[PartEnd], None],
        *,
        at_once: int,
        is_quiet: bool,
    ) -> None:
        self._unit_of = crewing.unit_of
        self._crew: Crew = crewing.crew_of()
        self._runs = runs
        self._environment = environment
        self._note = note
        self._at_once = at_once
        self._is_quiet = is_quiet
        self._names: dict[str, list[str]] = {}
        self._warned: set[str] = set()

    def close(self) -> None:
        """Release the workers."""
        self._crew.close()

    async def work(
        self, members: Sequence[Member], may_begin: Callable[[], bool], ends_at: float
    ) -> None:
        """Work on installations until there are no more, or no other group may begin.

        `ends_at`: when the time is up, by the loop's clock.
        """
        units = self._units(members, _unix_time(ends_at))
        fan_out = FanOut(
            units,
            self._crew,
            self._take,
            self._say,
            lambda: self._runs.interrupted,
            may_begin,
            most_at_once=self._at_once,  # it may be fewer than there are workers
        )
        with self._runs.stopping(fan_out, self._say):
            await fan_out.work()

    def _units(self, members: Sequence[Member], ends_at: float | None) -> list[Unit]:
        """Return groups of the most members that each worker may work on at a time."""
        size = min(self._at_once // self._crew.size, math.ceil(len(members) / self._crew.size))
        size = max(1, size)
        groups = [members[first : first + size] for first in range(0, len(members), size)]
        units = [self._unit_of(group, ends_at) for group in groups]
        pairs = zip(units, groups, strict=True)
        self._names = {unit.name: [one.installation for one in group] for unit, group in pairs}
        return units

    def _take(self, end: UnitEnd) -> None:
        for warning in end.warnings:
            if warning not in self._warned and not self._is_quiet:
                self._environment.warn(warning)
            self._warned.add(warning)
        if end.installations:
            for one in end.installations:
                self._note(one)
            return
        error, hint = end.errors[0] if end.errors else (None, None)
        for name in self._names[end.name]:
            self._note(PartEnd(InstallationEnd(name, int(end.status), error, hint=hint), None))

    def _say(self, text: str) -> None:
        if not self._is_quiet:
            self._environment.note(text)


def _unix_time(moment: float) -> float | None:
    """Return the Unix time of a moment by the loop's clock; None if it never comes."""
    if math.isinf(moment):
        return None
    return time.time() + moment - asyncio.get_running_loop().time()
