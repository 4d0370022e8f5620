"""What a listing finds, until a run takes it."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.events import Event, RecordsRead, Settled, Waiting, WaitReason
from kvsctl.bulk.plan import Pressure
from kvsctl.jobs.store.arrivals import Arrivals, Piece
from kvsctl.model import Outcome, PieceList, Record, State
from tests.support.outcomes import ended, record, succeeded


def _piece(outcome: Outcome) -> Piece | Outcome:
    if outcome.state is State.SKIPPED:
        return outcome
    read = outcome.subject
    assert isinstance(read, Record)
    return read


def _taken(arrivals: Arrivals) -> list[int]:
    """The positions of what is ready."""

    async def take() -> list[int]:
        arrivals.end()
        lists: list[PieceList] = []
        while (pieces := await arrivals.next()) is not None:
            lists.append(pieces)
        return [piece.position for pieces in lists for piece in pieces]

    return asyncio.run(take())


@given(st.integers(0, 3), st.permutations(range(12)), st.sets(st.integers(0, 11)))
def test_pieces_come_in_order_and_each_position_settles_once(
    first: int, order: Sequence[int], skipped: set[int]
) -> None:
    events: list[Event] = []
    arrivals = Arrivals(_piece, events.append, first)
    for number in order:
        position = first + number
        if number in skipped:
            arrivals(Settled([ended(position, State.SKIPPED, skipped_by="missing")]))
        else:
            arrivals(Settled([succeeded(position)]))
    assert _taken(arrivals) == [first + number for number in range(12) if number not in skipped]
    passed_on = [one for event in events if isinstance(event, Settled) for one in event.outcomes]
    assert {one.position for one in passed_on} == {first + number for number in skipped}
    assert sum(event.count for event in events if isinstance(event, RecordsRead)) == len(skipped)


def test_what_was_not_read_is_neither_given_nor_settled() -> None:
    events: list[Event] = []
    arrivals = Arrivals(_piece, events.append)
    arrivals(Settled([succeeded(0), ended(1, State.UNSENT), ended(2, State.UNKNOWN), succeeded(3)]))
    assert _taken(arrivals) == [0]
    assert events == []


def test_other_events_are_passed_on() -> None:
    events: list[Event] = []
    waits = Waiting(WaitReason.QUOTA, 1.0)
    Arrivals(_piece, events.append)(waits)
    assert events == [waits]


@pytest.mark.parametrize(
    ("positions", "pressure"),
    [
        ([0, 1, 2], Pressure.NONE),
        ([0, 1, 2, 3], Pressure.STOP),
        (range(1, 200), Pressure.OLDEST_ONLY),
    ],
)
def test_little_waits(positions: Sequence[int], pressure: Pressure) -> None:
    arrivals = Arrivals(lambda outcome: _large(outcome.position), lambda _event: None)
    for position in positions:
        arrivals(Settled([succeeded(position)]))
    assert arrivals.pressure() is pressure


def _large(position: int) -> Record:
    return record(position, body="x" * 100_000)
