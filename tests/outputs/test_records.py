"""What get prints: exact values, one line each, in input order or as they arrive."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.outcomes.in_order import HOLDING_BYTES
from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.journal.state import JournalState
from kvsctl.model import Found, Identity, Outcome, Record, State
from kvsctl.outputs.records import (
    Formatter,
    MetadataField,
    RecordOutput,
    bare_values,
    json_lines,
    raw_values,
)
from kvsctl.records.parsed import Parsed
from kvsctl.records.parsing.records import key_object_parser
from kvsctl.records.rules import Rules
from kvsctl.service.wire import key_body
from kvsctl.slabs import FoundRecord, FoundSlab, Slab
from tests.support.outcomes import ended, failed, record, succeeded


class Collected:
    """A sink that keeps the bytes it is given."""

    broken = None
    pending_bytes = lost_bytes = 0

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def write(self, chunk: bytes) -> None:
        self.chunks.append(chunk)

    def complete(self) -> None:
        raise AssertionError("who made the sink completes it")

    abandon = complete


def line(formatter: Formatter, value: bytes, **more: object) -> bytes:
    found = Found(value, 1700000000000, 1700000000001, "2026-01-02T03:04:05Z")
    subject = Record(0, "-", 1, Identity(None, "user:1"), b'{"key":"user:1"}')
    return formatter([subject], FoundSlab.of([found]))


@pytest.mark.parametrize(
    "value",
    [b"1.00", b"123456789012345678901234567890", b'{"b":1,"a":[1E5, 2]}', b'"\\ud800\\n"'],
)
def test_values_keep_their_bytes(value: bytes) -> None:
    assert line(json_lines(), value) == b'{"key":"user:1","value":%b}\n' % value
    assert line(bare_values, value) == value + b"\n"


def test_a_value_with_line_breaks_is_printed_on_one_line() -> None:
    value = b'{\r\n  "a  b": 1.00,\n  "c": "x\\ny"\n}'
    joined = b'{"a  b":1.00,"c":"x\\ny"}'
    assert line(json_lines(), value) == b'{"key":"user:1","value":%b}\n' % joined
    assert line(bare_values, value) == joined + b"\n"
    assert line(raw_values, value) == joined + b"\n"


def test_the_entity_is_printed_if_there_is_one() -> None:
    parse = key_object_parser(Rules())
    parsed = parse(b'{"entityName":"person","value":7,"key":"a b"}')
    assert isinstance(parsed, Parsed)
    subject = Record(0, "-", 1, parsed.identity, parsed.body)
    expected = b'{"key":"a b","entityName":"person","value":1}\n'
    assert json_lines()([subject], FoundSlab.of([Found(b"1", 5, 6)])) == expected


def test_metadata_is_printed_if_asked_for_and_answered() -> None:
    full = json_lines([MetadataField.EXPIRES, MetadataField.CREATED, MetadataField.UPDATED])
    assert line(full, b"1") == (
        b'{"key":"user:1","value":1,"createdAt":1700000000000,"updatedAt":1700000000001,'
        b'"expireTime":"2026-01-02T03:04:05Z"}\n'
    )
    created = json_lines([MetadataField.CREATED])
    late = Found(b"1", 10**30, 2**64)
    assert created([record(0, "a", body='{"key":"a"}')], FoundSlab.of([late])) == (
        b'{"key":"a","value":1,"createdAt":%d}\n' % 10**30
    )
    assert line(created, b"1") == b'{"key":"user:1","value":1,"createdAt":1700000000000}\n'
    without = Found(b"1", 5)
    asked = record(0, "a", body='{"key":"a"}')
    assert full([asked], FoundSlab.of([without])) == b'{"key":"a","value":1,"createdAt":5}\n'


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (b'"plain"', b"plain"),
        (b'"a\\nb\\u00e9\\\\"', "a\nbé\\".encode()),
        (b'"\\ud800x"', b"\\ud800x"),
        (b'"\\ud83d\\ude00"', "😀".encode()),
        (b'""', b""),
        (b"1.00", b"1.00"),
        (b'["a"]', b'["a"]'),
    ],
)
def test_raw_unquotes_strings_only(value: bytes, printed: bytes) -> None:
    assert line(raw_values, value) == printed + b"\n"


@given(st.lists(st.sampled_from(["found", "missing", "skipped"]), max_size=15), st.data())
def test_any_order_of_arrival_is_printed_in_input_order(
    ends: list[str], data: st.DataObject
) -> None:
    make = {
        "found": lambda n: succeeded(n, found=Found(b"%d" % n)),
        "missing": lambda n: failed(n, code="KEY_NOT_FOUND"),
        "skipped": lambda n: ended(n, State.SKIPPED, skipped_by="missing"),
    }
    outcomes = [make[end](position) for position, end in enumerate(ends)]
    arrival = data.draw(st.permutations(outcomes))
    sink = Collected()
    output = RecordOutput(sink, bare_values)
    for outcome in arrival:
        output(Settled([outcome]))
    assert output.held_bytes == 0
    expected = [b"%d\n" % n for n, end in enumerate(ends) if end == "found"]
    assert b"".join(sink.chunks) == b"".join(expected)


def test_one_event_is_one_write() -> None:
    sink = Collected()
    output = RecordOutput(sink, bare_values)
    output(RecordsRead(3))
    output(Settled([succeeded(n, found=Found(b"%d" % n)) for n in (1, 0, 2)]))
    output(Settled([failed(3)]))
    assert sink.chunks == [b"0\n1\n2\n"]


def test_held_bytes_are_counted_and_written_at_the_end() -> None:
    sink = Collected()
    output = RecordOutput(sink, bare_values)
    output(Settled([succeeded(2, found=Found(b"22")), succeeded(1, found=Found(b"1"))]))
    assert output.held_bytes == 5 + 2 * HOLDING_BYTES
    assert sink.chunks == []
    output.close()
    assert sink.chunks == [b"1\n22\n"]


def test_unordered_waits_for_nothing() -> None:
    sink = Collected()
    output = RecordOutput(sink, bare_values, is_ordered=False)
    output(Settled([succeeded(2, found=Found(b"2")), failed(1)]))
    output(Settled([succeeded(0, found=Found(b"0"))]))
    assert (sink.chunks, output.held_bytes) == ([b"2\n", b"0\n"], 0)
    output.close()
    assert len(sink.chunks) == 2


def test_with_a_journal_waiting_records_are_left_to_the_next_run() -> None:
    sink = Collected()
    state = JournalState(SettledRanges([(0, 1), (2, 3)]))
    output = RecordOutput(sink, bare_values, state=state)
    output(Settled([succeeded(5, found=Found(b"5")), ended(4, State.UNSENT)]))
    output(Settled([ended(4, State.UNKNOWN), succeeded(3, found=Found(b"3"))]))
    output(Settled([succeeded(1, found=Found(b"1"))]))
    output.close()
    assert b"".join(sink.chunks) == b"1\n3\n"


VALUES = st.sampled_from(
    [b"1", b"1e400", b"9" * 30, b'"a"', b'"a\\nb\\u00e9"', b'"\\ud800"', b'""', b"null",
     b'"\xc3\xa9"', b'{"a":1,"a":2}', b'{ "a" : [1, 2] }', b'[\n  1,\r\n  "x  y"\n]', b'"}\\n{"',
     b"-0.0"]
)  # fmt: skip
FOUND = st.builds(
    Found,
    VALUES,
    st.none() | st.integers(0, 2**53),
    st.none() | st.integers(0, 2**53),
    st.none() | st.sampled_from(["2026-01-02T03:04:05Z", 'a"b\\c']),
)


@given(
    st.lists(st.tuples(FOUND, st.sampled_from(["a", "b:1", "}", '"}', "x}y}"]))),
    st.sampled_from(
        [json_lines(), json_lines(MetadataField), json_lines([MetadataField.EXPIRES]), bare_values,
         raw_values]
    ),
)  # fmt: skip
def test_records_that_are_formatted_together_look_as_they_do_alone(
    pairs: list[tuple[Found, str]], formatter: Formatter
) -> None:
    records = [record(place, key) for place, (_, key) in enumerate(pairs)]
    for one in records:
        one.body = key_body(one.identity)
    found = [one for one, _ in pairs]
    alone = [
        formatter([one], FoundSlab.of([other])) for one, other in zip(records, found, strict=True)
    ]
    assert formatter(records, FoundSlab.of(found)) == b"".join(alone)
    bodies = [one.body for one in records]
    slab = Slab(0, "f", range(len(bodies)), [key for _, key in pairs], bodies)
    assert formatter(slab, FoundSlab.of(found)) == b"".join(alone)
    assert all(one.count(b"\n") == 1 or formatter is raw_values for one in alone)


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=4), VALUES), max_size=5),
    st.sampled_from([json_lines(), json_lines(MetadataField), bare_values, raw_values]),
)
def test_an_answer_as_it_was_decoded_is_printed_as_its_parts_would_be(
    pairs: list[tuple[str, bytes]], formatter: Formatter
) -> None:
    records = [record(place, key) for place, (key, _) in enumerate(pairs)]
    for one in records:
        one.body = key_body(one.identity)
    for is_compact in (False, not any(b"\n" in value for _, value in pairs)):
        plain = [FoundRecord(key, Raw(value)) for key, value in pairs]
        values = [one.value for one in plain]
        decoded = FoundSlab(values, is_compact=is_compact, plain_records=plain)
        parts = FoundSlab.of([Found(value) for _, value in pairs])
        assert formatter(records, decoded) == formatter(records, parts)
        assert formatter(records[1:], decoded[1:]) == formatter(records[1:], parts[1:])


def test_every_character_of_a_key_is_printed_as_it_is_sent() -> None:
    keys = ["".join(map(chr, range(first, first + 0x400))) for first in range(0, 0x11_0000, 0x400)]
    keys = [key for key in keys if not "\ud800" <= key[0] <= "\udfff"]
    records = [
        Record(0, "-", 1, Identity(None, key), key_body(Identity(None, key))) for key in keys
    ]
    plain = [FoundRecord(key, Raw(b"1")) for key in keys]
    decoded = FoundSlab([Raw(b"1")] * len(keys), is_compact=True, plain_records=plain)
    expected = [b'%b,"value":1}\n' % one.body[:-1] for one in records]
    assert json_lines()(records, decoded) == b"".join(expected)


class Full:
    """A sink on a disk with little space, which writes some bytes late."""

    def __init__(self, most_bytes: int, most_pending_bytes: int) -> None:
        self.written = b""
        self.broken: OSError | None = None
        self.lost_bytes = 0
        self._most_bytes = most_bytes
        self._most_pending_bytes = most_pending_bytes
        self._pending = b""

    @property
    def pending_bytes(self) -> int:
        return len(self._pending)

    def write(self, chunk: bytes) -> None:
        if self.broken is not None:
            self.lost_bytes += len(chunk)
            return
        self._pending += chunk
        if len(self._pending) > self._most_pending_bytes:
            self.complete()

    def complete(self) -> None:
        self.written += self._pending
        if len(self.written) > self._most_bytes:
            self.lost_bytes = len(self._pending)
            self.written = self.written[: self._most_bytes]
            self.broken = OSError("full")
        self._pending = b""

    abandon = complete


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=30),
    st.integers(0, 400),
    st.integers(0, 60),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_what_a_full_output_has_lost_is_known(
    records: list[tuple[int, bool]], most_bytes: int, pending: int, ordered: bool, random: Random
) -> None:
    outcomes = [
        Outcome(
            Record(place, "-", 1, Identity(None, f"k{place}"), b'{"key":"k%d"}' % place),
            State.SUCCEEDED if is_found else State.SKIPPED,
            found=Found(b"%d" % value) if is_found else None,
        )
        for place, (value, is_found) in enumerate(records)
    ]
    random.shuffle(outcomes)
    sink = Full(most_bytes, pending)
    output = RecordOutput(sink, json_lines(), is_ordered=ordered)
    while outcomes:
        some, outcomes = outcomes[:3], outcomes[3:]
        output(Settled(some))
    output.close()
    sink.complete()
    found = sum(is_found for _, is_found in records)
    if sink.broken is None:
        assert sink.written.count(b"\n") == found
        return
    claimed = found - output.unwritten()
    assert 0 <= claimed <= sink.written.count(b"\n")
    # Only what was written in one go with the rest, or waited with it, is not claimed. In the order
    # of the input, records wait for earlier ones, so one go may have any number of them.
    assert ordered or claimed >= sink.written.count(b"\n") - 3 - pending // 15
