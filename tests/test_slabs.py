"""Slabs are sequences of records, and are made of the records that they stand for."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from kvsctl.model import ENTITY_MEMBER, Found, Identity, Record
from kvsctl.slabs import (
    FoundRecord,
    FoundSlab,
    Slab,
    Successes,
    any_expires_by,
    bodies_and_expiries,
    names_of,
)
from tests.support.records import record, slab, slab_of


def _fields(record: Record) -> tuple[object, ...]:
    return tuple(getattr(record, name) for name in Record.__struct_fields__)


_TICK = timedelta(microseconds=1)


def _at(epoch_seconds: float) -> datetime:
    return datetime.fromtimestamp(epoch_seconds, UTC)


_ENTITIES = st.sampled_from([[""], ["e/"], ["", "", "e/", "f/"]])
_EXPIRIES = st.sampled_from([[None], [7.5], [None, None, 7.5, 8.0]])


@given(st.integers(0, 9), st.integers(0, 20), _ENTITIES, _EXPIRIES, st.data())
def test_a_slab_is_a_sequence_of_records(
    position: int,
    count: int,
    entities: list[str],
    moments: list[float | None],
    data: st.DataObject,
) -> None:
    names = [f"{data.draw(st.sampled_from(entities))}k{place}" for place in range(count)]
    expiries = [data.draw(st.sampled_from(moments)) for _ in range(count)]
    records = [
        record(position + place, name, expires_at=moment)
        for place, (name, moment) in enumerate(zip(names, expiries, strict=True))
    ]
    whole = slab(position, names, expiries=expiries)
    assert len(whole) == count
    _check_columns(whole, records)
    assert whole.body_bytes == sum(len(one.body) for one in records)
    assert list(map(_fields, whole)) == list(map(_fields, records))
    start, stop = data.draw(st.integers(-9, 25)), data.draw(st.integers(-9, 25))
    part = whole[start:stop]
    assert list(map(_fields, part)) == list(map(_fields, records[start:stop]))
    assert part.body_bytes == sum(len(one.body) for one in records[start:stop])
    _check_columns(part, records[start:stop])
    for place in range(-count, count):
        assert _fields(whole[place]) == _fields(records[place])
    for place in (-count - 1, count):
        with pytest.raises(IndexError):
            whole[place]
    joined = whole[: count // 2].joined(whole[count // 2 :])
    assert joined is not None
    assert list(map(_fields, joined)) == list(map(_fields, records))
    _check_columns(joined, records)


def _check_columns(whole: Slab, records: list[Record]) -> None:
    """What is read of the columns of a slab is what its records have."""
    assert list(whole.lanes) == [one.identity.lane for one in records]
    assert names_of(whole) == names_of(records)
    assert bodies_and_expiries(whole) == bodies_and_expiries(records)
    for one in records:
        if one.expires_at is not None:
            for near in (one.expires_at - _TICK, one.expires_at):
                assert any_expires_by(whole, near) == any_expires_by(records, near)
    columns = [column for column in (whole.entities, whole.expiries) if column is not None]
    assert whole.is_mixed or not any(None in column for column in columns)
    has_entity = any(one.identity.entity is not None for one in records)
    assert (whole.entities is not None) is has_entity
    assert (whole.expiries is not None) is any(one.expires_at is not None for one in records)


def test_only_what_follows_in_the_same_source_is_joined() -> None:
    first = slab(0, ["a", "b"])
    assert first.joined(slab(3, ["c"])) is None
    elsewhere = slab(2, ["c"])
    elsewhere.source = "other.jsonl"
    assert first.joined(elsewhere) is None
    later = Slab(2, "in.jsonl", [9], ["c"], [b"{}"])
    joined = first.joined(later)
    assert joined is not None
    assert [one.line for one in joined] == [1, 2, 9]
    with pytest.raises(ValueError, match="follow each other"):
        joined[::2]


def test_what_holds_for_a_slab_holds_for_its_records() -> None:
    whole = slab(0, ["a", "b"])
    whole.attempts, whole.is_away = 1, True
    records = [*whole, whole[0], *whole[1:]]
    assert [(one.attempts, one.is_away) for one in records] == [(1, True)] * 4


def test_only_records_of_an_entity_have_one_in_their_names() -> None:
    assert names_of(slab(0, ["a", "b"])) == (["a", "b"], None)
    assert names_of([record(0, "a"), record(1, "b")]) == (["a", "b"], None)
    for records in ([record(0, "a"), record(1, "ent/b")], slab(0, ["a", "ent/b"])):
        assert names_of(records) == (["a", "b"], [None, "ent"])
    assert slab(0, ["ent/a", "b"]).lanes == [b'a","entityName":"ent', "b"]


_PARTS = [*'ab\\",:\0é\ud800', ENTITY_MEMBER.decode()]
_NAMES = st.lists(st.sampled_from(_PARTS), max_size=5).map("".join)
_IDENTITIES = st.builds(Identity, st.none() | _NAMES, _NAMES)


@given(_IDENTITIES, _IDENTITIES)
@example(Identity("c", 'a","entityName":"b'), Identity('b","entityName":"c', "a"))
@example(Identity(None, 'a","entityName":"b'), Identity("b", "a"))
def test_lanes_are_equal_only_if_the_identities_are(one: Identity, other: Identity) -> None:
    assert (one.lane == other.lane) == (one == other)


def test_records_expire_by_the_earliest_of_their_expiries() -> None:
    records = [record(0, "a"), record(1, "b", expires_at=9.0), record(2, "c", expires_at=7.0)]
    for some in (records, slab_of(records)):
        for these, first in ((some, 7.0), (some[1:], 7.0), (some[:2], 9.0)):
            assert any_expires_by(these, _at(first))
            assert not any_expires_by(these, _at(first) - _TICK)
        assert not any_expires_by(some[:1], _at(99.0))


def test_successes_of_a_slab_are_those_of_its_records() -> None:
    outcomes = Successes(slab(0, ["a", "b"]))
    assert (len(outcomes), outcomes.ambiguous) == (2, 0)
    assert [one.subject.identity for one in outcomes[1:]] == [Identity(None, "b")]


_FOUND = st.builds(
    Found,
    st.sampled_from([b"1", b"[2]"]),
    st.none() | st.integers(0, 9),
    st.none() | st.integers(0, 9),
    st.none() | st.just("2026-01-02T03:04:05Z"),
)


@given(st.lists(_FOUND, max_size=6), st.data())
def test_what_is_picked_of_a_found_slab_is_what_its_places_hold(
    found: list[Found], data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.sampled_from(range(len(found))), unique=True)) if found else []
    picked = FoundSlab.of(found).picked(places)
    assert list(picked) == [found[place] for place in places]


def test_what_is_picked_of_plain_records_is_still_plain() -> None:
    records = [FoundRecord(key, Raw(b"1")) for key in "abc"]
    values = [one.value for one in records]
    picked = FoundSlab(values, is_compact=True, plain_records=records).picked([0, 2])
    assert picked.plain_records == [records[0], records[2]]
    assert picked.is_compact
