"""Which of N parts a key is in: a promise to users, and the same for all readers."""

import zlib
from datetime import datetime
from itertools import chain
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.model import PieceList, Problem, Record
from kvsctl.shards import Shard, parsed_shard
from kvsctl.slabs import Slab
from tests.support.records import identity, moment, problem, record, slab

_NAMES = st.text(st.characters(), max_size=5) | st.sampled_from(["user/a", "user/b", "a", "b"])
_PARTS = st.integers(1, 9)


def _seen(pieces: PieceList) -> list[tuple[object, ...]]:
    return [
        (piece.identity, str(piece.origin), piece.body if isinstance(piece, Record) else piece.raw)
        for piece in pieces
    ]


def _input(names: list[tuple[str, str]]) -> list[Record | Problem]:
    """The same every time: the positions of pieces are changed."""
    made: list[Record | Problem] = []
    for place, (kind, name) in enumerate(names):
        if kind == "record":
            made.append(record(place, name))
        else:
            made.append(problem(place, name if kind == "problem" else None))
            made[-1].raw = name.encode("utf-8", "surrogatepass")  # type: ignore[union-attr]
    return made


@given(
    st.lists(st.tuples(st.sampled_from(["record", "problem", "unreadable"]), _NAMES)),
    _PARTS,
    st.integers(0, 50),
)
def test_parts_are_the_whole_without_overlap_and_a_key_is_in_one(
    names: list[tuple[str, str]], parts: int, position: int
) -> None:
    whole = _input(names)
    divided = [
        Shard(number, parts).part_of(_input(names), position) for number in range(1, parts + 1)
    ]
    assert sorted(map(repr, chain(*map(_seen, divided)))) == sorted(map(repr, _seen(whole)))
    in_order = {str(piece.origin): place for place, piece in enumerate(whole)}
    for part in divided:
        places = [in_order[str(piece.origin)] for piece in part]
        assert places == sorted(places)
        assert [piece.position for piece in part] == [*range(position, position + len(part))]
    keys = [{piece.identity for piece in part} - {None} for part in divided]
    assert sum(map(len, keys)) == len(set().union(*keys))


_ROWS = st.tuples(
    st.text(st.characters(), max_size=4),
    st.sampled_from([None, None, "user", "page"]),
    st.sampled_from([None, moment(5.0)]),
)


@given(st.lists(_ROWS, max_size=60), _PARTS, st.integers(0, 50))
def test_the_part_of_a_slab_is_a_slab_of_the_same_records(
    rows: list[tuple[str, str | None, datetime | None]], parts: int, position: int
) -> None:
    keys = [key for key, _, _ in rows]
    bodies = [b"%d" % place for place in range(len(rows))]
    entities, expiries = [row[1] for row in rows], [row[2] for row in rows]
    for number in range(1, parts + 1):
        shard = Shard(number, parts)
        whole = Slab(7, "in", range(1, len(rows) + 1), keys, bodies, entities, expiries)
        part = shard.part_of(whole, position)
        assert isinstance(part, Slab)
        one_by_one = shard.part_of([*whole], position)
        assert _seen(part) == _seen(one_by_one)
        for one, other in zip(part, one_by_one, strict=True):
            assert isinstance(other, Record)
            assert (one.position, one.expires_at) == (other.position, other.expires_at)
        assert [*part.lanes] == [one.identity.lane for one in part]
        assert len(whole) == len(rows), "the slab itself stays as it was"


@pytest.mark.parametrize(
    ("name", "crc"),
    [
        ("user:1", 0x7BA5C282),  # as gzip writes it
        ("123456789", 0xCBF43926),  # the check value of CRC-32/ISO-HDLC
        ("é", zlib.crc32(b"\xc3\xa9")),
        ("order/7", 0x29FA8035),  # of "order", NUL and "7"
    ],
)
@pytest.mark.parametrize("parts", [1, 2, 3, 8, 999_999])
def test_the_part_of_a_key_is_its_crc_32_modulo_the_parts(name: str, crc: int, parts: int) -> None:
    own = Shard(crc % parts + 1, parts)
    assert own.has(record(0, name))
    assert own.has(problem(0, name))
    assert parts == 1 or not Shard((crc + 1) % parts + 1, parts).has(record(0, name))
    assert identity(name).key in name


@pytest.mark.parametrize("parts", [2, 3, 4, 8, 10, 16, 64])
@pytest.mark.parametrize(
    "keys",
    [
        [f"user:{number}" for number in range(20_000)],
        [f"user:{number:08d}:profile" for number in range(20_000)],
        [f"{number * 8:x}" for number in range(20_000)],
        [f"log-{2000 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}" for n in range(20_000)],
        [str(UUID(int=n * 0x9E3779B97F4A7C15_F39CC0605CEDC835 % 2**128)) for n in range(20_000)],
    ],
    ids=["counter", "padded", "hex", "dates", "uuids"],
)
def test_common_keys_are_divided_evenly(keys: list[str], parts: int) -> None:
    sizes = [
        len(Shard(number, parts).part_of(slab(0, keys), 0)) for number in (1, parts // 2, parts)
    ]
    mean = len(keys) / parts
    assert all(0.8 * mean < size < 1.2 * mean for size in sizes), sizes


@pytest.mark.parametrize("text", ["1/1", "2/8", "8/8", "999999/999999"])
def test_a_shard_is_shown_as_it_is_written(text: str) -> None:
    assert str(parsed_shard(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "2", "0/8", "9/8", "02/8", "2/08", "-1/8", "1/0", "a/b", " 1/2", "1/1000000", "¹/2"],
)
def test_what_is_not_a_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not one of N parts") as refused:
        parsed_shard(text)
    assert "1/4, 2/4, 3/4 and 4/4" in (refused.value.hint or "")


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.text(max_size=20))
def test_the_parts_of_a_part_are_that_part(number: int, more: int, count: int, key: str) -> None:
    """A key is in one of them if it is in the part, and in none otherwise."""
    shard = Shard(number, number + more - 1)
    parts = shard.divided(count)
    assert len({*parts}) == count
    found = [part for part in parts if part.has_key(None, key)]
    assert len(found) == shard.has_key(None, key)
    assert [part for part in parts if part.number > part.parts] == []


def test_parts_that_no_name_has_are_refused() -> None:
    with pytest.raises(UsageError, match="1,000,000 parts are too many"):
        Shard(1, 500_000).divided(2)
