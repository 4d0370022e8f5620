"""The records that get writes: their form and their order."""

import json
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Final, TypeAlias

import orjson

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.outcomes.in_order import Reorder
from kvsctl.files.sinks import ByteSink
from kvsctl.journal.state import JournalState
from kvsctl.jsontext import one_line
from kvsctl.model import SUCCEEDED, Found, Outcome, Record
from kvsctl.slabs import Successes, bodies_of, positions_of


class MetadataField(Enum):
    """A member that a printed record can have beside its value; the value is the member's name."""

    CREATED = "createdAt"
    UPDATED = "updatedAt"
    EXPIRES = "expireTime"


_READERS: Final[dict[MetadataField, Callable[[Found], int | str | None]]] = {
    MetadataField.CREATED: lambda found: found.created_at,
    MetadataField.UPDATED: lambda found: found.updated_at,
    MetadataField.EXPIRES: lambda found: found.expire_time,
}

Formatter: TypeAlias = Callable[[Sequence[Record], Sequence[Found]], list[bytes]]
"""Formats found records, each as one line with its line feed. Values keep their bytes; if a value
has line breaks, white space between its tokens is removed."""


def json_lines(metadata: Iterable[MetadataField] = ()) -> Formatter:
    """Return a formatter of lines of `{"key","value"}`, with `entityName` and the given metadata.

    A line begins like the record's body, which holds the key and, if there is one, the entity name.
    """
    asked_for = frozenset(metadata)
    wanted = [field for field in MetadataField if field in asked_for]
    readers = [(b',"%b":' % field.value.encode(), _READERS[field]) for field in wanted]

    def extra(found: Found) -> bytes:
        values = ((name, read(found)) for name, read in readers)
        return b"".join(name + orjson.dumps(value) for name, value in values if value is not None)

    def format_lines(records: Sequence[Record], founds: Sequence[Found]) -> list[bytes]:
        heads = [body[:-1] for body in bodies_of(records)]
        values = _one_line_each(founds)
        if not readers:
            pairs = zip(heads, values, strict=True)
            return [b'%b,"value":%b}\n' % pair for pair in pairs]
        members = zip(heads, values, map(extra, founds), strict=True)
        return [b'%b,"value":%b%b}\n' % parts for parts in members]

    return format_lines


def bare_values(_: Sequence[Record], founds: Sequence[Found]) -> list[bytes]:
    """Format the values alone, as JSON."""
    return [value + b"\n" for value in _one_line_each(founds)]


def raw_values(_: Sequence[Record], founds: Sequence[Found]) -> list[bytes]:
    """Format the values alone, strings without their quotes and escapes.

    A lone surrogate stays an escape, because UTF-8 cannot encode it.
    """
    return [
        _unquoted(value) if value.startswith(b'"') else value + b"\n"
        for value in _one_line_each(founds)
    ]


def _unquoted(value: bytes) -> bytes:
    text: str = json.loads(value)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _one_line_each(founds: Sequence[Found]) -> list[bytes]:
    values = [found.value for found in founds]
    together = b"".join(values)
    if b"\n" in together or b"\r" in together:
        return list(map(one_line, values))
    return values


class RecordOutput:
    """A listener that writes found records to a sink, in input order or as they arrive.

    Records that are not found write nothing. In input order, `held_bytes` wait for earlier
    positions; `close` writes those that wait for positions that never settled.

    With `state`, the run keeps a journal: the output resumes where an earlier run ended, and
    records that wait for a position that this run leaves unsettled are left to the next run.
    """

    wants = frozenset({Settled})

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
        """Take in outcomes, and write the records that no longer wait for an earlier position."""
        if not isinstance(event, Settled):
            return
        outcomes = event.outcomes
        if isinstance(outcomes, Successes) and outcomes.found is not None:
            self._take_found(outcomes.records, outcomes.found)
            return
        lines: list[bytes] = []
        for outcome in outcomes:
            if self._leaves_gaps and not outcome.is_final:
                continue
            line = self._line(outcome)
            if self._reorder is not None:
                lines += self._reorder.add(outcome.position, line)
            elif line is not None:
                lines.append(line)
        self._write(lines)

    def _take_found(self, records: Sequence[Record], founds: Sequence[Found]) -> None:
        lines = self._format(records, founds)
        if self._reorder is None:
            self._write(lines)
            return
        positions = positions_of(records)
        if isinstance(positions, range):
            self._write(self._reorder.add(positions.start, b"".join(lines), positions.stop))
            return
        released: list[bytes] = []
        for position, line in zip(positions, lines, strict=True):
            released += self._reorder.add(position, line)
        self._write(released)

    @property
    def held_bytes(self) -> int:
        """The number of bytes that wait for an earlier position to settle."""
        return self._reorder.held_bytes if self._reorder is not None else 0

    def close(self) -> None:
        """Write what is still held. The caller completes the sink."""
        if self._reorder is not None and not self._leaves_gaps:
            self._write(self._reorder.drain())

    def _line(self, outcome: Outcome) -> bytes | None:
        record, found = outcome.subject, outcome.found
        if outcome.state is SUCCEEDED and found is not None and isinstance(record, Record):
            return self._format([record], [found])[0]
        return None

    def _write(self, lines: list[bytes]) -> None:
        if lines:
            self._sink.write(b"".join(lines))
