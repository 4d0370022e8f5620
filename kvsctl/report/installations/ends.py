"""How the work on each installation ended, as reports and ledgers have it."""

from collections.abc import Callable
from operator import add, attrgetter
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from kvsctl.bulk.outcomes.tally import RECORD_COUNTS, REQUEST_COUNTS, Tally
from kvsctl.comparison.joining import Counts
from kvsctl.report.store.differences import Finding


class InstallationEnd(msgspec.Struct, frozen=True, gc=False):
    """How the work on one installation ended.

    `exit_code` is what a command on it alone would have; None: it was not begun. `error` says what
    ended it early, and `hint` what to do about it. `counts` are those of a tally, in the order of
    `COUNTS`. `compared`: what a comparison has found. `finding`: what the verification of
    its export has found.
    """

    installation: str
    exit_code: int | None = None
    error: str | None = None
    elapsed_seconds: float = 0.0
    counts: tuple[int, ...] = ()
    compared: Counts | None = None
    finding: Finding | None = None
    hint: str | None = None

    @property
    def members(self) -> dict[str, Any]:
        """The members of its line in a report."""
        counts = dict(zip(COUNTS, self.counts or (0,) * len(COUNTS), strict=True))
        units = {"read": counts.pop("units_read"), "write": counts.pop("units_write")}
        line: dict[str, Any] = {"installation": self.installation, "exit_code": self.exit_code}
        if self.error is not None:
            line["error"] = self.error
            if self.hint is not None:
                line["hint"] = self.hint
        found = {} if self.compared is None else asdict(self.compared)
        if self.finding is not None:
            found |= self.finding.members
        line["elapsed_s"] = round(self.elapsed_seconds, 3)
        return line | counts | {"units": units} | found

    def after(self, earlier: "InstallationEnd") -> "InstallationEnd":
        """Return this end, with the counts and the time of an earlier part of the work added."""
        if not earlier.counts:
            return self
        counts = tuple(map(add, earlier.counts, self.counts or (0,) * len(COUNTS)))
        seconds = earlier.elapsed_seconds + self.elapsed_seconds
        return replace(self, counts=counts, elapsed_seconds=seconds)

    def count(self, name: str) -> int:
        """Return one of its counts."""
        return self.counts[COUNTS.index(name)] if self.counts else 0


COUNTS = (*RECORD_COUNTS, *REQUEST_COUNTS)
_counts_of: Callable[[Tally], tuple[int, ...]] = attrgetter(*COUNTS)


def counts_of(tally: Tally) -> tuple[int, ...]:
    """Return the counts of a tally, in the order of `COUNTS`."""
    return _counts_of(tally)
