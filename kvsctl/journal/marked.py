"""What a journal marks, so that a resumed run can continue from the mark or truncate to it."""

from typing import Protocol

from kvsctl.journal.state import FailuresMark, Left


class MarkedOutput(Protocol):
    """An output that can be truncated to a mark: see `files.sinks.MarkedSink`."""

    @property
    def broken(self) -> OSError | None:
        """The error that ended writing early."""
        ...

    def mark(self) -> int:
        """Write everything taken so far. Return the length to truncate the output to."""
        ...

    def sync(self) -> None:
        """Wait until everything written is on disk."""
        ...


class MarkedFailures(Protocol):
    """A failures file that can be truncated to a mark: see `outputs.failures.FailuresFile`."""

    is_broken: bool

    @property
    def mark(self) -> FailuresMark:
        """The length of the file, and the position up to which it covers the input."""
        ...

    def take_newly_held(self) -> dict[int, bytes]:
        """Return the lines, by position, that wait for an earlier position and are new."""
        ...

    def sync(self) -> None:
        """Wait until everything written is on disk. Raise OSError."""
        ...


class MarkedListing(Protocol):
    """What is left of a listing: see `listing.remainder.Remainder`."""

    ages_count_from: float | None

    @property
    def has_begun(self) -> bool:
        """Whether it is known what is left. Before the run knows what to list, it is not."""
        ...

    def take(self, settled: int) -> tuple[list[Left], list[Left]]:
        """Return what has ended and begun since the last call.

        `settled`: every position before it is settled, and no other.
        """
        ...
