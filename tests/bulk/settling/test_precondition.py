"""How reads and refusals are judged by a precondition."""

from collections.abc import Callable

import pytest

from kvsctl.bulk.settling.precondition import (
    Conflicts,
    FirstReads,
    Precondition,
    ReadFirst,
    WriteIf,
)
from kvsctl.model import Failure, Found, Identity, Outcome, Record, State
from tests.support.records import moment

_NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
_PAST, _FUTURE = "2025-12-31T23:59:59Z", "2026-01-01T00:00:01Z"
_CHANGED = Precondition(WriteIf.CHANGED)
_ABSENT = Precondition(WriteIf.ABSENT)
_EXACT = Precondition(WriteIf.ABSENT_EXACT)


def _record(
    body: bytes = b'{"key":"k","value":1}',
    expires_at: float | None = None,
    *,
    ambiguous: bool = False,
) -> Record:
    return Record(3, "in", 4, Identity(None, "k"), body, moment(expires_at), ambiguous=ambiguous)


def _resize(record: Record, body: bytes) -> None:
    record.body = body


def _judge(
    condition: Precondition, record: Record, outcome_of: Callable[[Record], Outcome]
) -> Outcome | None:
    """Return the outcome of a record that was read first; None if it is written."""
    written: list[tuple[int, list[Record]]] = []

    def write(count: int, records: list[Record]) -> None:
        written.append((count, records))

    sift = FirstReads(condition, write=write, resize=_resize, service_now=lambda: _NOW).sift
    settled = sift([outcome_of(ReadFirst.of(record))])
    [(count, to_write)] = written
    assert count == 1
    assert len(settled) + len(to_write) == 1
    assert [one.subject for one in settled] + to_write == [record]
    return settled[0] if settled else None


def _found(value: bytes, expire_time: str | None = None) -> Callable[[Record], Outcome]:
    found = Found(value, expire_time=expire_time)
    return lambda reading: Outcome(reading, State.SUCCEEDED, found=found)


def _failed(code: str) -> Callable[[Record], Outcome]:
    return lambda reading: Outcome(reading, State.FAILED, Failure(code, "said so", "trace"))


def test_a_reading_asks_for_the_value_and_the_expiry() -> None:
    plain = ReadFirst.of(_record())
    assert plain.body == b'{"key":"k","options":{"metadataFields":["EXPIRE_TIME"]}}'
    one = Record(0, "in", 1, Identity("ent", "k"), b'{"key":"k","entityName":"ent","value":{}}')
    assert ReadFirst.of(one).body == (
        b'{"key":"k","entityName":"ent","options":{"metadataFields":["EXPIRE_TIME"]}}'
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [(b"1", b"1.0"), (b'{"b":1.0,"a":[1e2]}', b'{"a":[100],"b":1}'), (b'"\\u0041"', b'"A"')],
)
def test_an_equal_value_is_skipped_unless_its_text_counts(value: bytes, found: bytes) -> None:
    record = _record(b'{"value" : %b ,"key":"k"}' % value)
    outcome = _judge(_CHANGED, record, _found(found))
    assert outcome is not None
    assert (outcome.state, outcome.skipped_by) == (State.SKIPPED, "unchanged")
    by_text = Precondition(WriteIf.CHANGED, compares_text=True)
    assert _judge(by_text, record, _found(found)) is None
    same_text = _judge(by_text, record, _found(value))
    assert same_text is not None
    assert same_text.skipped_by == "unchanged"


@pytest.mark.parametrize(
    ("value", "found"), [(b"1", b"2"), (b"9007199254740993", b"9007199254740992"), (b"1", b'"1"')]
)
def test_a_value_that_differs_is_written(value: bytes, found: bytes) -> None:
    assert _judge(_CHANGED, _record(b'{"key":"k","value":%b}' % value), _found(found)) is None


def test_a_missing_key_is_written() -> None:
    for condition in (_CHANGED, _ABSENT):
        assert _judge(condition, _record(), _failed("KEY_NOT_FOUND")) is None


def test_an_equal_record_that_will_expire_is_written() -> None:
    for expire_time in (_PAST, _FUTURE):
        assert _judge(_CHANGED, _record(), _found(b"1", expire_time)) is None


@pytest.mark.parametrize("condition", [_CHANGED, _ABSENT])
def test_a_record_that_cannot_be_read_fails_with_that_code_and_says_so(
    condition: Precondition,
) -> None:
    outcome = _judge(condition, _record(), _failed("TIMEOUT"))
    assert outcome is not None
    assert outcome.failure == Failure(
        "TIMEOUT", "not written, because reading it first failed: said so", "trace"
    )


def test_a_record_that_asks_for_a_ttl_need_not_be_read() -> None:
    ttl = b'{"key":"k","value":1,"options":{"ttl":{"value":1,"unit":"DAYS"}}}'
    assert not _CHANGED.needs_read(_record(ttl))
    assert not _CHANGED.needs_read(_record(expires_at=_NOW + 60))
    assert _CHANGED.needs_read(_record())
    assert _CHANGED.needs_read(_record(b'{"key":"k","value":{"options":{"ttl":1}}}'))
    assert _ABSENT.needs_read(_record(ttl)), "whether it exists counts, whatever its ttl"


def test_what_exists_is_skipped_whatever_its_value() -> None:
    for value, expire_time in ((b"1", None), (b"2", None), (b"2", _FUTURE)):
        outcome = _judge(_ABSENT, _record(), _found(value, expire_time))
        assert outcome is not None
        assert (outcome.state, outcome.skipped_by) == (State.SKIPPED, "exists")


def test_an_expired_record_counts_as_absent() -> None:
    assert _judge(_ABSENT, _record(), _found(b"2", _PAST)) is None


def test_an_equal_record_that_an_earlier_attempt_may_have_written_succeeds() -> None:
    for condition in (_CHANGED, _ABSENT):
        outcome = _judge(condition, _record(ambiguous=True), _found(b"1"))
        assert outcome is not None
        assert outcome.state is State.SUCCEEDED
    other = _judge(_ABSENT, _record(ambiguous=True), _found(b"2"))
    assert other is not None
    assert other.skipped_by == "exists"


class _Doubling:
    """Writes twice what is there. An attempt was applied if the store holds 8."""

    def body(self, record: Record, found: Found) -> bytes:
        return b'{"key":"k","value":%d}' % (2 * int(found.value))

    def is_done(self, record: Record, found: Found) -> bool:
        return found.value == b"8"


@pytest.mark.parametrize(
    ("value", "ambiguous", "body"),
    [(b"4", False, b'"value":8'), (b"8", False, b'"value":16'), (b"4", True, b'"value":8')],
)
def test_a_rewritten_record_is_made_of_what_was_read(
    value: bytes, *, ambiguous: bool, body: bytes
) -> None:
    condition = Precondition(WriteIf.CHOSEN, rewrite=_Doubling())
    record = _record(b'{"key":"k"}', ambiguous=ambiguous)
    assert _judge(condition, record, _found(value)) is None
    assert body in record.body


def test_an_attempt_that_was_applied_is_not_repeated() -> None:
    condition = Precondition(WriteIf.CHOSEN, chooses=lambda *_: False, rewrite=_Doubling())
    record = _record(b'{"key":"k"}', ambiguous=True)
    outcome = _judge(condition, record, _found(b"8"))
    assert outcome is not None
    assert outcome.state is State.SUCCEEDED
    assert record.body == b'{"key":"k"}'


def test_a_record_that_is_gone_was_not_rewritten() -> None:
    condition = Precondition(WriteIf.CHOSEN, rewrite=_Doubling())
    outcome = _judge(condition, _record(ambiguous=True), _failed("KEY_NOT_FOUND"))
    assert outcome is not None
    assert outcome.skipped_by == "missing"


def test_outcomes_of_writes_pass() -> None:
    outcome = Outcome(_record(), State.SUCCEEDED)

    def write(count: int, records: list[Record]) -> None:
        raise AssertionError((count, records))

    first_reads = FirstReads(_CHANGED, write=write, resize=_resize, service_now=lambda: _NOW)
    assert first_reads.sift([outcome]) == [outcome]


# Refusals of the service


def _resolve(record: Record, outcome_of: Callable[[Record], Outcome]) -> Outcome:
    """Return the outcome of a record whose set was refused, and which is then read."""
    read: list[Record] = []
    conflicts = Conflicts(_EXACT, read=read.extend)
    refused = Outcome(record, State.SKIPPED, skipped_by="exists")
    assert conflicts.sift([refused]) == []
    [outcome] = conflicts.sift([outcome_of(read[0])])
    assert outcome.subject is record
    return outcome


def test_a_refused_record_is_skipped_without_a_read() -> None:
    refused = Outcome(_record(), State.SKIPPED, skipped_by="exists")

    def read(records: list[Record]) -> None:
        raise AssertionError(records)

    assert Conflicts(_EXACT, read=read).sift([refused]) == [refused]


def test_a_refusal_after_an_unanswered_attempt_is_our_own_write_if_the_store_holds_it() -> None:
    outcome = _resolve(_record(ambiguous=True), _found(b"1.0"))
    assert outcome.state is State.SUCCEEDED


def test_another_value_after_an_unanswered_attempt_is_skipped_and_still_ambiguous() -> None:
    record = _record(ambiguous=True)
    outcome = _resolve(record, _found(b"2"))
    assert (outcome.state, outcome.skipped_by, record.ambiguous) == (State.SKIPPED, "exists", True)


@pytest.mark.parametrize(
    ("code", "expected", "words"),
    [
        ("KEY_NOT_FOUND", "KEY_CONFLICT", "no longer when it was read"),
        ("TIMEOUT", "TIMEOUT", "reading it to see who wrote it failed: said so"),
    ],
)
def test_a_refusal_that_cannot_be_explained_fails(code: str, expected: str, words: str) -> None:
    outcome = _resolve(_record(ambiguous=True), _failed(code))
    assert outcome.failure is not None
    assert outcome.failure.code == expected
    assert words in outcome.failure.message
