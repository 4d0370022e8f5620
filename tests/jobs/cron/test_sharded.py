"""One part of an input as the input of a job."""

import asyncio

import pytest

from kvsctl.errors import UsageError
from kvsctl.jobs.cron.sharded import ShardedFeed, ShardedInput
from kvsctl.jobs.inputs import ReaderInput
from kvsctl.model import PieceList, Record
from kvsctl.records.parser_choice import key_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.sources import Arguments
from kvsctl.shards import Shard
from tests.support.records import record, slab
from tests.support.simulated.virtual_time import MemoryFeed, Step

_SECOND = Shard(2, 2)
_MINE = [f"k{n}" for n in range(40) if _SECOND.has(record(0, f"k{n}"))]
_OTHERS = [f"k{n}" for n in range(40) if f"k{n}" not in _MINE]


def _fed(*steps: Step) -> list[PieceList]:
    async def read() -> list[PieceList]:
        feed = ShardedFeed(MemoryFeed(steps), _SECOND)
        lists: list[PieceList] = []
        while (pieces := await feed.get()) is not None:
            lists.append(pieces)
        return lists

    return asyncio.run(read())


def test_positions_count_the_part_only_over_all_lists() -> None:
    first: list[Record] = [record(place, name) for place, name in enumerate(_OTHERS[:2] + _MINE)]
    lists = _fed([*first], slab(100, [*_MINE, *_OTHERS]))
    assert [[one.position for one in pieces] for pieces in lists] == [
        [*range(len(_MINE))],
        [*range(len(_MINE), 2 * len(_MINE))],
    ]


def test_a_list_of_other_parts_is_no_pause_and_a_pause_stays_one() -> None:
    others = slab(0, _OTHERS)
    assert [len(pieces) for pieces in _fed(others, [], others, slab(0, _MINE))] == [0, len(_MINE)]


def _input(*keys: str) -> ShardedInput:
    reader = Reader([Arguments(keys)], key_parsers(Rules()))
    return ShardedInput(ReaderInput(reader), _SECOND, requires_input=True)


def test_the_whole_input_must_have_records_and_a_part_need_not() -> None:
    async def first(one: ShardedInput) -> PieceList | None:
        return await one.feed().get()

    assert asyncio.run(first(_input(_OTHERS[0]))) is None
    with pytest.raises(UsageError, match="the input has no records"):
        asyncio.run(first(_input()))


def test_what_it_says_is_about_the_whole_input() -> None:
    part = _input("a", "b")
    whole = part.whole
    assert part.is_typed
    assert (part.places, part.single_use, part.warnings()) == ([], None, [])
    assert part.fingerprint() == whole.fingerprint()
    assert part.inputs_read() == whole.inputs_read()
    assert part.fraction_read() == whole.fraction_read()
