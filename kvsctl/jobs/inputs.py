"""The sources of a job's records."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from kvsctl.bulk.events import Event
from kvsctl.bulk.feeds import Feed, feed_of
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.files.descriptors import descriptor
from kvsctl.journal.fingerprint import Fingerprint, fingerprint
from kvsctl.jsontext import quoted
from kvsctl.records.inferred import ColumnTypes
from kvsctl.records.reader import Reader
from kvsctl.records.sources import Arguments
from kvsctl.report.console import Environment
from kvsctl.report.document import InputRead, inputs_read
from kvsctl.service.client import StoreClient
from kvsctl.texts import counted

if TYPE_CHECKING:
    from kvsctl.listing.remainder import Remainder


_STDIN: Final = 0
_MOST_COLUMNS: Final = 5
"""The most columns that have a warning of their own."""
_IF_ALL: Final = "name the columns to parse: --infer-types=COLUMN,…"
_IF_NAMED: Final = "leave the column out of --infer-types"
Emit: TypeAlias = Callable[[Event], None]


def to_nobody(_event: Event) -> None:
    """Ignore an event."""


class Session(NamedTuple):
    """An open target, for input that comes from it. `emit` passes events to the run's listeners.

    `notice` writes a line for people at once. `remainder` is what an earlier run has left of a
    listing; None: the job has no journal, or its input is not a listing.
    """

    service: StoreClient
    pacer: Pacer
    emit: Emit
    notice: Callable[[str], None] = lambda _text: None
    remainder: "Remainder | None" = None


class JobInput(Protocol):
    """Where a job's records come from: files and arguments, a listing, or an earlier stage."""

    def feed(self, session: Session | None = None, emit: Emit = to_nobody) -> Feed:
        """Return a new feed that starts at the first record.

        `session` is the target of the run; None if nothing is sent. `emit` then receives the
        events of a listing, such as records that are skipped. Raise UsageError if the input comes
        from the target of the run and there is no session.
        """
        ...

    def fraction_read(self) -> float | None:
        """Return how much of the input was read, from 0 to 1; None if its size is unknown."""
        ...

    @property
    def is_typed(self) -> bool:
        """Whether all records were given as arguments of the command line."""
        ...

    @property
    def is_listing(self) -> bool:
        """Whether the records come from a listing.

        The positions of its records mean nothing to a later run: the store may have changed.
        """
        ...

    @property
    def places(self) -> Sequence[Path | int]:
        """The files that are read, by path or descriptor; none of them may be written."""
        ...

    @property
    def single_use(self) -> str | None:
        """The users' name for input that can be read only once; None if there is none."""
        ...

    def fingerprint(self) -> list[Fingerprint]:
        """Return what identifies this input in a later run. Raise UsageError if that fails."""
        ...

    def inputs_read(self) -> list[InputRead]:
        """Return the report's entry for each file that was read."""
        ...

    def warnings(self) -> list[str]:
        """Return what may be wrong with the input that was read, a sentence each."""
        ...


def say_stdin_is_read(source: JobInput, environment: Environment, *, is_quiet: bool) -> None:
    """Note on a terminal that its lines are read, if stdin is an input, even as `/dev/stdin`."""
    if not is_quiet and any(
        place == _STDIN or (isinstance(place, Path) and descriptor(place) == _STDIN)
        for place in source.places
    ):
        environment.say_stdin_is_read()


class ReaderInput(msgspec.Struct, frozen=True):
    """Files, stdin and arguments as the input of a job.

    `doubts`: what may be wrong with the arguments, a sentence each.
    """

    reader: Reader
    doubts: Sequence[str] = ()

    def feed(self, session: Session | None = None, emit: Emit = to_nobody) -> Feed:
        """See JobInput."""
        del session, emit
        return feed_of(self.reader, may_wait=self.reader.may_wait)

    def fraction_read(self) -> float | None:
        """See JobInput."""
        return self.reader.fraction_read()

    @property
    def is_typed(self) -> bool:
        """See JobInput."""
        return all(isinstance(source, Arguments) for source in self.reader.sources)

    @property
    def is_listing(self) -> bool:
        """See JobInput."""
        return False

    @property
    def places(self) -> Sequence[Path | int]:
        """See JobInput."""
        return [source.place for source in self.reader.sources if source.place is not None]

    @property
    def single_use(self) -> str | None:
        """See JobInput."""
        for source in self.reader.sources:
            if not source.is_rereadable:
                return source.label if isinstance(source.place, Path) else "stdin"
        return None

    def fingerprint(self) -> list[Fingerprint]:
        """See JobInput."""
        return fingerprint(self.reader.sources)

    def inputs_read(self) -> list[InputRead]:
        """See JobInput."""
        return inputs_read(self.reader.sources)

    def warnings(self) -> list[str]:
        """See JobInput."""
        found = [*self.doubts, *_of_mixed(self.reader.columns.values())]
        odd = self.reader.odd_blanks
        if odd.count:
            keys = "1 key has" if odd.count == 1 else f"{odd.count:,} keys have"
            found.append(
                f"{keys} outer white space, tabs or no-break spaces, the first at {odd.first}; "
                "such keys are used as they are"
            )
        return found


def _of_mixed(columns: Iterable[ColumnTypes]) -> list[str]:
    """Return a sentence for each column that has strings and other values, without any value."""
    mixed = [one for one in columns if one.is_mixed]
    found = [
        f"column {quoted(one.name)}: --infer-types left some cells strings (see {one.string}) and "
        f"made numbers or other JSON of others (see {one.other}); if that is not meant, "
        f"{_IF_NAMED if one.is_named else _IF_ALL}"
        for one in mixed[:_MOST_COLUMNS]
    ]
    if len(mixed) > _MOST_COLUMNS:
        found.append(f"the same is true of {counted(len(mixed) - _MOST_COLUMNS, 'other column')}")
    return found
