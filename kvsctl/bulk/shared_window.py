"""One bound for the records that all runs working at the same time have admitted."""

from typing import Final, Protocol

_MOST_RECORDS: Final = 16_000
"""Enough for twice the requests (of 25 records) that jobs on shared connections have in flight."""
_MOST_BYTES: Final = 64 << 20
_LEAST_RECORDS: Final = 250
_LEAST_BYTES: Final = 1 << 20


class Admitted(Protocol):
    """What a run has admitted and not settled: see `lanes.Lanes`."""

    @property
    def admitted(self) -> int:
        """How many records."""
        ...

    admitted_bytes: int
    """The size of their bodies."""


class SharedWindow:
    """Bounds what several runs have admitted together.

    Each run may always have a few batches, so that none waits for another. Runs that need more
    share the rest. The last run at work has the window that it would have alone.
    """

    def __init__(self) -> None:
        self._runs: list[Admitted] = []

    def join(self, run: Admitted) -> None:
        """Count what a run has admitted, until `leave`."""
        self._runs.append(run)

    def leave(self, run: Admitted) -> None:
        """Stop counting a run."""
        self._runs.remove(run)

    def of_any(self, records: int, most_bytes: int) -> tuple[int, int]:
        """Return what `of_run` returns at least, whatever other runs have."""
        return min(records, _LEAST_RECORDS), min(most_bytes, _LEAST_BYTES)

    def of_run(self, run: Admitted, records: int, most_bytes: int) -> tuple[int, int]:
        """Return how many records and bytes a run may have now, at most as many as alone."""
        records_left = _MOST_RECORDS - sum([one.admitted for one in self._runs])
        bytes_left = _MOST_BYTES - sum([one.admitted_bytes for one in self._runs])
        return (
            min(records, max(_LEAST_RECORDS, run.admitted + records_left)),
            min(most_bytes, max(_LEAST_BYTES, run.admitted_bytes + bytes_left)),
        )
