"""The records that get, export and list write: their form and their order."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Final, NamedTuple, TypeAlias, cast

import msgspec
import orjson

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.outcomes.in_order import Reorder
from kvsctl.files.sinks import ByteSink
from kvsctl.journal.state import JournalState
from kvsctl.jsontext import json_line, one_line
from kvsctl.model import SUCCEEDED, Outcome, Record
from kvsctl.slabs import FoundSlab, Slab, Successes, bodies_and_expiries, positions_of


class MetadataField(Enum):
    """An optional member of a printed record. The enum value is the member's name."""

    CREATED = "createdAt"
    UPDATED = "updatedAt"
    EXPIRES = "expireTime"


Formatter: TypeAlias = Callable[[Sequence[Record], FoundSlab], bytes]
"""Formats found records, each as one line with its line feed. Values keep their bytes; if a value
has line breaks, white space between its tokens is removed."""


class Form(NamedTuple):
    """A formatter, and the text before and after everything that it formats.

    `skipped`: how many bytes to cut from the first text: the separator before each record.
    """

    format: Formatter
    begin: bytes = b""
    end: Callable[[], bytes] = lambda: b""
    skipped: int = 0


_encode_lines: Final = msgspec.json.Encoder().encode_lines


def json_lines(
    metadata: Iterable[MetadataField] = (), installation: str | None = None
) -> Formatter:
    """Return a formatter of lines of `{"key","value"}`, with `entityName` and the given metadata.

    A line begins like the record's body, which holds the key and, if there is one, the entity name.
    It ends with the installation, if one is given.
    """
    asked_for = frozenset(metadata)
    wanted = [field for field in MetadataField if field in asked_for]
    end = end_of_line(installation)

    def format_lines(records: Sequence[Record], found: FoundSlab) -> bytes:
        if found.is_compact and found.plain_records is not None and installation is None:
            # Keys are written as they are in the body: tests compare both for every character.
            return _encode_lines(found.plain_records)
        parts = [b"", b',"value":', b"", *[b""] * (2 * len(wanted)), end]
        width = len(parts)
        parts *= len(records)
        parts[::width] = heads(records)
        parts[2::width] = _values(found)
        for place, column in enumerate(metadata_columns(found, wanted)):
            if column is not None:
                parts[3 + 2 * place :: width], parts[4 + 2 * place :: width] = column
        return b"".join(parts)

    return format_lines


def end_of_line(installation: str | None) -> bytes:
    """Return how a line of JSON ends, with the installation if one is given."""
    return b"}\n" if installation is None else b',"installation":%b}\n' % json_line(installation)


def metadata_columns(
    found: FoundSlab, fields: Iterable[MetadataField] = MetadataField
) -> list[tuple[list[bytes], list[bytes]] | None]:
    """Return, for each field, the member's name and value of each record: see `_column`."""
    return [_column(field, found) for field in fields]


def heads(records: Sequence[Record]) -> list[bytes]:
    """Return the body of each record without its closing brace."""
    bodies, _ = bodies_and_expiries(records)
    heads = b"".join(bodies).split(b"}")
    heads.pop()
    # There are more if a key has a brace, which no legal key has.
    return heads if len(heads) == len(bodies) else [body[:-1] for body in bodies]


def _column(field: MetadataField, found: FoundSlab) -> tuple[list[bytes], list[bytes]] | None:
    """Return the name and the value of a member of each record; b"" for those without it.

    None if no record has it.
    """
    values = _values_of(field, found)
    if values is None:
        return None
    names, texts = [b',"%b":' % field.value.encode()] * len(values), _texts(values)
    for place, value in enumerate(values) if None in values else ():
        if value is None:
            names[place] = texts[place] = b""
    return names, texts


def _values_of(field: MetadataField, found: FoundSlab) -> Sequence[int | str | None] | None:
    match field:
        case MetadataField.CREATED:
            return found.created_at
        case MetadataField.UPDATED:
            return found.updated_at
        case MetadataField.EXPIRES:
            return found.expire_times


def _texts(values: Sequence[int | str | None]) -> list[bytes]:
    """Return the JSON of each value. Nearly always, all are converted at once, which is faster."""
    try:
        texts = orjson.dumps(values)[1:-1].split(b",")
    except TypeError:  # for example an integer of more than 64 bits
        texts = []
    return texts if len(texts) == len(values) else [json_line(value) for value in values]


def _values(found: FoundSlab) -> list[bytes]:
    """Return the values, each on one line. They are copied only if one needs a change."""
    values = cast(list[bytes], found.values)  # a Raw can be joined, too
    return values if found.is_compact else [one_line(bytes(value)) for value in values]


def bare_values(_: Sequence[Record], found: FoundSlab) -> bytes:
    """Format the values alone, as JSON."""
    return b"\n".join([*_values(found), b""])


def raw_values(records: Sequence[Record], found: FoundSlab) -> bytes:
    """Format the values alone, strings without their quotes and escapes.

    A lone surrogate stays an escape, because UTF-8 cannot encode it.
    """
    lines = bare_values(records, found)
    if not lines.startswith(b'"') and b'\n"' not in lines:
        return lines
    return b"\n".join(map(_unquoted, lines.split(b"\n")))


def _unquoted(value: bytes) -> bytes:
    if not value.startswith(b'"'):
        return value
    if b"\\" not in value:
        return value[1:-1]
    text: str = json.loads(value)
    return text.encode("utf-8", "backslashreplace")


class Text(NamedTuple):
    """The text of some records."""

    text: bytes
    records: int


def _text_bytes(text: Text) -> int:
    return len(text.text)


class _Waiting:
    """The number of records in the last bytes that a sink was given.

    `before` counts the records that the sink has certainly written.
    """

    def __init__(self, sink: ByteSink) -> None:
        self._sink = sink
        self._texts: deque[tuple[int, int]] = deque()
        self._total_bytes = 0
        self._before = 0
        self._without_text = 0

    def note(self, size: int, count: int) -> None:
        """Note the text that the sink was just given, and how many records end in it.

        Records without a text belong to the next one: a form may only count them.
        """
        if not size:
            self._without_text += count
            return
        self._texts.append((size, count + self._without_text))
        self._without_text = 0
        self._total_bytes += size
        pending_bytes = self._sink.pending_bytes
        if self._sink.broken is None:  # and was not while `pending_bytes` was read
            while self._texts and self._total_bytes - self._texts[0][0] >= pending_bytes:
                size, count = self._texts.popleft()
                self._total_bytes -= size
                self._before += count

    def unwritten(self, lost_bytes: int) -> int:
        """Return how many records have bytes among the last ones that were lost."""
        if lost_bytes > self._total_bytes:
            return self._before + sum(count for _, count in self._texts)
        records = left = 0
        for size, count in reversed(self._texts):
            if left >= lost_bytes:
                break
            left += size
            records += count
        return records


class RecordOutput:
    """A listener that writes found records to a sink, in input order or as they arrive.

    Records that are not found write nothing. In input order, `held_bytes` wait for earlier
    positions; `close` writes the records that wait for positions that never settled.

    With `state`, the run keeps a journal: the output resumes where an earlier run ended, and
    records that wait for a position that this run leaves unsettled are left to the next run.

    `begin` is written before the first text, and `end` after the last, if the run is whole. The
    first text loses its first `skipped` bytes.
    """

    wants = frozenset({Settled})

    def __init__(
        self,
        sink: ByteSink,
        formatter: Formatter,
        *,
        is_ordered: bool = True,
        state: JournalState | None = None,
        begin: bytes = b"",
        end: Callable[[], bytes] = lambda: b"",
        skipped: int = 0,
    ) -> None:
        self._sink = sink
        self._begin = begin
        self._end = end
        self._skipped = skipped
        self._format = formatter
        self._leaves_gaps = state is not None
        settled = state.settled if state else ()
        self._waiting = _Waiting(sink)
        self._reorder: Reorder[Text] | None = None
        if is_ordered:
            self._reorder = Reorder(_text_bytes, settled)

    def __call__(self, event: Event) -> None:
        """Take in outcomes, and write the records that no longer wait for an earlier position."""
        if not isinstance(event, Settled):
            return
        outcomes = event.outcomes
        if isinstance(outcomes, Successes) and (found := outcomes.found) is not None:
            records, reorder = outcomes.records, self._reorder
            if isinstance(records, Slab) and isinstance(found, FoundSlab) and reorder is not None:
                # Nearly always. The same as `_take_found`, without its calls.
                start, count = records.position, len(records.keys)
                text = Text(self._format(records, found), count)
                self._write(reorder.add(start, text, start + count))
            else:
                self._take_found(records, FoundSlab.of(found))
            return
        lines: list[Text] = []
        for outcome in outcomes:
            if self._leaves_gaps and not outcome.is_final:
                continue
            line = self._line(outcome)
            if self._reorder is not None:
                lines += self._reorder.add(outcome.position, line)
            elif line is not None:
                lines.append(line)
        self._write(lines)

    def _take_found(self, records: Sequence[Record], found: FoundSlab) -> None:
        if self._reorder is None:
            self._write([Text(self._format(records, found), len(records))])
            return
        positions = positions_of(records)
        if isinstance(positions, range):
            text = Text(self._format(records, found), len(records))
            self._write(self._reorder.add(positions.start, text, positions.stop))
            return
        released: list[Text] = []
        for place, record in enumerate(records):
            line = Text(self._format([record], found[place : place + 1]), 1)
            released += self._reorder.add(record.position, line)
        self._write(released)

    @property
    def held_bytes(self) -> int:
        """The number of bytes that wait for an earlier position to settle."""
        return self._reorder.held_bytes if self._reorder is not None else 0

    def close(self, *, is_whole: bool = True) -> None:
        """Write what is still held, and the end if the run is whole. The caller completes the sink.

        Without its end, JSON is not valid, so a reader notices that records are missing.
        """
        if self._reorder is not None and not self._leaves_gaps:
            self._write(self._reorder.drain())
        if is_whole and (rest := self._begin + self._end()):
            self._sink.write(rest)
            self._waiting.note(len(rest), 0)

    def discard(self) -> None:
        """Write no more."""

    def unwritten(self) -> int:
        """Return how many records the sink has lost, because it is broken. Call it after `close`.

        A record that was written in part is counted, with the few in the same write.
        """
        return self._waiting.unwritten(self._sink.lost_bytes)

    def _line(self, outcome: Outcome) -> Text | None:
        record, found = outcome.subject, outcome.found
        if outcome.state is SUCCEEDED and found is not None and isinstance(record, Record):
            return Text(self._format([record], FoundSlab.of([found])), 1)
        return None

    def _write(self, lines: list[Text]) -> None:
        if lines:
            text = b"".join([line.text for line in lines])
            if text and (self._begin or self._skipped):
                text = self._begin + text[self._skipped :]
                self._begin, self._skipped = b"", 0
            self._sink.write(text)
            self._waiting.note(len(text), sum([line.records for line in lines]))
