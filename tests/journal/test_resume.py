"""The input of a resumed run: settled records are replayed, and not returned again."""

import asyncio

from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.journal.resume import ResumedFeed
from kvsctl.journal.state import JournalState
from kvsctl.model import Record
from tests.support.records import problem, record
from tests.support.simulated.virtual_time import MemoryFeed, Piece, Step, run_virtual


def _read(state: JournalState, *steps: Step) -> tuple[list[list[int]], list[int], list[Piece]]:
    replayed: list[int] = []
    given: list[list[Piece]] = []
    memory = MemoryFeed(steps)

    async def read() -> None:
        feed = ResumedFeed(
            memory, state, lambda pieces: replayed.extend(p.position for p in pieces)
        )
        while (pieces := await feed.get()) is not None:
            given.append(list(pieces))
        feed.close()

    run_virtual(read())
    assert memory.closed
    pieces = [piece for one in given for piece in one]
    return [[piece.position for piece in one] for one in given], replayed, pieces


def test_settled_records_and_problems_are_replayed_in_order() -> None:
    state = JournalState(SettledRanges([(0, 2), (3, 4), (6, 7)]))
    given, replayed, _ = _read(
        state,
        [record(0), problem(1), record(2)],
        [record(3)],
        [],
        [record(4), record(5), record(6)],
        [record(7)],
    )
    assert given == [[2], [], [4, 5], [7]], "silence is passed on, a settled list is not"
    assert replayed == [0, 1, 3, 6]


def test_unknown_records_are_returned_as_ambiguous() -> None:
    state = JournalState(ambiguous=SettledRanges([(1, 3)]), settled=SettledRanges([(2, 3)]))
    given, _, pieces = _read(state, [record(0), record(1), record(2)], [record(3)])
    assert given == [[0, 1], [3]]
    marked = [one.position for one in pieces if isinstance(one, Record) and one.ambiguous]
    assert marked == [1]


def test_skipping_settled_records_lets_other_tasks_run() -> None:
    state, turns = JournalState(SettledRanges([(0, 50)])), 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def read() -> None:
        task = asyncio.create_task(count())
        steps: list[Step] = [[record(place)] for place in range(50)]
        assert await ResumedFeed(MemoryFeed(steps), state, lambda _: None).get() is None
        task.cancel()

    run_virtual(read())
    assert turns >= 49
