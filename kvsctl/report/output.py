"""Records on their way out: how get writes them, and in which order."""

import json
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, TypeAlias

import orjson

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.journal import JournalState
from kvsctl.model import SUCCEEDED, Found, Outcome
from kvsctl.report.jsonline import one_line
from kvsctl.report.ordered import Reorder
from kvsctl.report.streams import ByteSink


class Metadata(Enum):
    """What a printed record can say beside its value; the value is the member's name."""

    CREATED = "createdAt"
    UPDATED = "updatedAt"
    EXPIRES = "expireTime"


_READERS: Final[dict[Metadata, Callable[[Found], int | str | None]]] = {
    Metadata.CREATED: lambda found: found.created_at,
    Metadata.UPDATED: lambda found: found.updated_at,
    Metadata.EXPIRES: lambda found: found.expire_time,
}

Formatter: TypeAlias = Callable[[Outcome, Found], bytes]
"""One record that was found as one line, line feed included. Values keep their bytes; only where
an answer broke them over lines, white space between tokens goes."""


def json_lines(metadata: Iterable[Metadata] = ()) -> Formatter:
    """Lines of `{"key","value"}`, `entityName` where it has one, and the metadata asked for."""
    asked_for = frozenset(metadata)
    wanted = [field for field in Metadata if field in asked_for]
    readers = [(b',"%b":' % field.value.encode(), _READERS[field]) for field in wanted]

    def format_line(outcome: Outcome, found: Found) -> bytes:
        identity = outcome.subject.identity
        if identity is None:
            return b""
        entity = b""
        if identity.entity is not None:
            entity = b',"entityName":' + orjson.dumps(identity.entity)
        key = orjson.dumps(identity.key)
        extra = b""
        for name, read in readers:
            if (value := read(found)) is not None:
                extra += name + orjson.dumps(value)
        return b'{"key":%b%b,"value":%b%b}\n' % (key, entity, one_line(found.value), extra)

    return format_line


def bare_value(_: Outcome, found: Found) -> bytes:
    """The value alone, as JSON."""
    return one_line(found.value) + b"\n"


def raw_value(outcome: Outcome, found: Found) -> bytes:
    """The value alone, a string without its quotes and escapes.

    A lone surrogate, which UTF-8 cannot write, stays an escape.
    """
    if not found.value.startswith(b'"'):
        return bare_value(outcome, found)
    text: str = json.loads(found.value)
    return text.encode("utf-8", "backslashreplace") + b"\n"


class RecordOutput:
    """A listener that writes the records that were found to a sink, in input order or as they come.

    What is not found leaves no trace in the output. In input order, `held_bytes` wait for earlier
    positions; `close` lets go what waits behind positions that never settled.

    With `state`, the run keeps a journal: the output goes on where an earlier run was, and what
    waits for a position that this run leaves unsettled is left to the next.
    """

    def __init__(
        self,
        sink: ByteSink,
        formatter: Formatter,
        *,
        is_ordered: bool = True,
        state: JournalState | None = None,
    ) -> None:
        self._sink = sink
        self._format = formatter
        self._leaves_gaps = state is not None
        settled = state.settled if state else ()
        self._reorder: Reorder[bytes] | None = Reorder(len, settled) if is_ordered else None

    def __call__(self, event: Event) -> None:
        """Takes outcomes in, and writes what no longer waits for an earlier one."""
        if not isinstance(event, Settled):
            return
        lines: list[bytes] = []
        for outcome in event.outcomes:
            if self._leaves_gaps and not outcome.is_final:
                continue
            line = self._line(outcome)
            if self._reorder is not None:
                lines += self._reorder.add(outcome.position, line)
            elif line is not None:
                lines.append(line)
        self._write(lines)

    @property
    def held_bytes(self) -> int:
        """How many bytes wait for an earlier position to settle."""
        return self._reorder.held_bytes if self._reorder is not None else 0

    def close(self) -> None:
        """Writes what is still held. Completing the sink is left to who made it."""
        if self._reorder is not None and not self._leaves_gaps:
            self._write(self._reorder.drain())

    def _line(self, outcome: Outcome) -> bytes | None:
        if outcome.state is SUCCEEDED and outcome.found is not None:
            return self._format(outcome, outcome.found)
        return None

    def _write(self, lines: list[bytes]) -> None:
        if lines:
            self._sink.write(b"".join(lines))
