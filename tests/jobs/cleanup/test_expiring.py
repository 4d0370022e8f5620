"""Records that are given a ttl: values stay, whatever someone else writes meanwhile."""

from datetime import datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.comparison.entries import Entry
from kvsctl.jobs.cleanup.actions import Expiring, ListedRecord
from kvsctl.listing.judge import is_chosen
from kvsctl.model import Found, Identity
from kvsctl.records.ttl import Ttl
from kvsctl.selection.content.expressions import Expression
from kvsctl.selection.patterns import glob
from kvsctl.selection.selection import Selection
from tests.jobs.cleanup.support import Around, clean_up, cleanup_job
from tests.support.simulated.shared_store import SharedStore, Write

_HOUR = Expiring(Ttl(3600, "SECONDS"))
_SELECTIONS = (
    Selection("a"),
    Selection("", matches=[glob("a*"), glob("b1*")]),
    Selection("", has_no_expiry=True),
    Selection("a", larger_than=2),
    Selection("", where=[Expression("value > `50`", "--where")]),
)
_PAST, _FUTURE = "1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z"


def _found(value: bytes = b"1", expiry: str | None = None, moment: float = -1.0) -> Found:
    return Found(value, round(moment * 1000), round(moment * 1000), expiry)


def _store(random: Random, *, most_writes: int) -> SharedStore:
    def record(moment: float) -> Found:
        value = b"1" * random.randint(1, 4)
        return _found(value, random.choice([None, None, None, _PAST, _FUTURE]), moment)

    def key() -> str:
        return random.choice("ab") + str(random.randrange(14))

    records = {key(): record(-1.0) for _ in range(random.randint(0, 20))}
    writes: list[Write] = []
    for _ in range(random.randint(0, most_writes)):
        moment = random.uniform(0, 4)
        writes.append((moment, key(), None if random.random() < 0.2 else record(moment)))
    lag_seconds = random.choice([0.0, 0.0, 0.3, 1.0])
    return SharedStore(records, lag_seconds, sorted(writes, key=lambda one: one[0]))


@settings(max_examples=250)
@given(st.integers(0, 2**32), st.sampled_from(_SELECTIONS))
def test_a_value_is_written_only_as_it_was_listed_and_read_again(
    seed: int, selection: Selection
) -> None:
    store = _store(Random(seed), most_writes=12)
    before, touched = dict(store.records), {key for _, key, _ in store.others}
    listed = {key: {found.value} for key, found in before.items()}
    for _, key, found in store.others:
        listed.setdefault(key, set()).add(b"" if found is None else found.value)
    around = Around()
    assert clean_up(cleanup_job(selection, action=_HOUR), store, around) is None
    for key, read, _ in store.written:
        assert read is not None
        assert read.value in listed[key]
        assert read.expire_time != _PAST
        assert is_chosen(selection, Identity(None, key), read, 1000.0)
    for key in before.keys() - touched:
        then, now = before[key], store.records[key]
        is_meant = is_chosen(selection, Identity(None, key), then, 1000.0)
        is_meant = is_meant and then.expire_time != _PAST
        assert now.value == then.value
        assert (now == then) is not is_meant
        if is_meant:
            expires_at = datetime.fromisoformat(now.expire_time or "").timestamp()
            assert 3600 <= expires_at < 3700
    around.tally.check_sum()
    assert around.tally.succeeded == len(store.written)
    assert len({key for key, _, _ in store.written}) == len(store.written)
    assert store.deleted == []


def test_what_changed_since_it_was_listed_is_skipped_and_what_is_formatted_anew_is_not() -> None:
    store = SharedStore({key: _found(b'{"n":1.0}') for key in ("a1", "a2", "a3")})
    store.others = [
        (0.05, "a1", _found(b'{"n":2}')),
        (0.05, "a2", _found(b'{"n": 1}')),
        (0.05, "a3", None),
    ]
    store.lag_seconds = 0.1
    around = Around()
    assert clean_up(cleanup_job(Selection("a"), action=_HOUR), store, around) is None
    assert [key for key, _, _ in store.written] == ["a2"]
    assert store.records["a2"].value == b'{"n": 1}'
    assert around.tally.skipped_by == {"changed": 1, "missing": 1}


def test_nothing_is_listed_twice() -> None:
    store = SharedStore({f"a{number}": _found() for number in range(7)})
    around = Around()
    assert clean_up(cleanup_job(Selection("a"), action=_HOUR), store, around) is None
    assert around.tally.succeeded == 7
    assert store.queried == 3


@pytest.mark.parametrize(
    ("value", "expiry", "is_done"),
    [
        (b"1", _FUTURE, True),
        (b"1.0", _FUTURE, True),
        (b"1", None, False),
        (b"1", "2030-01-01T00:00:00Z", False),
        (b"2", _FUTURE, False),
    ],
)
def test_an_attempt_was_applied_if_the_same_value_expires_at_another_time(
    value: bytes, expiry: str | None, *, is_done: bool
) -> None:
    identity, before = Identity("city", "k"), _found(b"1", "2030-01-01T00:00:00Z")
    entry = _HOUR.entry(identity, before)
    assert isinstance(entry, Entry)
    record = _HOUR.record(3, entry)
    assert (record.identity, record.position) == (identity, 3)
    assert _HOUR.body(record, before) == (
        b'{"key":"k","entityName":"city","value":1,'
        b'"options":{"ttl":{"value":3600,"unit":"SECONDS"}}}'
    )
    record.ambiguous = True
    assert _HOUR.is_done(record, _found(value, expiry)) is is_done
    assert isinstance(record, ListedRecord)
    assert record.earlier_expiry == before.expire_time


def test_a_record_that_has_expired_is_not_brought_back() -> None:
    condition = _HOUR.precondition(Precondition(WriteIf.CHOSEN), lambda *_: True)
    record = _HOUR.record(0, _HOUR.entry(Identity(None, "k"), _found()))
    assert condition.chooses is not None
    assert condition.chooses(record, _found(b"1", _FUTURE), 100.0)
    assert not condition.chooses(record, _found(b"1", _PAST), 100.0)
