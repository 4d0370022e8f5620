"""Reading and admitting records: in order, as many as there is room for, until the end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.events import Event, RecordsRead, Settled
from kvsctl.bulk.intake import Admission, Intake
from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.settling.ledger import Ledger
from kvsctl.bulk.stopping import Stopping
from kvsctl.errors import StreamError
from kvsctl.model import Outcome, Problem, Record, State, Verb
from tests.support.records import problem, record
from tests.support.simulated.virtual_time import MemoryFeed, Piece, Step, run_virtual

_PLAN = RunPlan(Verb.SET, concurrency=1)
_WINDOW = _PLAN.window_at(1)


def _input(count: int, start: int = 0) -> list[Piece]:
    return [record(place, f"k{place}") for place in range(start, start + count)]


class _Bench:
    """An intake and what it works with."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.lanes = Lanes(join=False)
        self.events: list[Event] = []
        self.changes = 0
        ledger = Ledger(
            self.lanes, [self.events.append], changed=self._changed, stop=lambda _: None
        )
        self.stopping = Stopping(asyncio.get_running_loop().time, 0)
        self.intake = Intake(self.lanes, ledger, _PLAN, self.stopping, changed=self._changed)
        self.reading = asyncio.create_task(self.intake.read(MemoryFeed(steps)))

    def _changed(self) -> None:
        self.changes += 1

    @property
    def read(self) -> int:
        return sum(event.count for event in self.events if isinstance(event, RecordsRead))

    def flags(self) -> dict[str, bool]:
        """Return the flags of the intake that are set."""
        names = ("is_crowded", "has_ended", "has_no_more_for_now")
        return {name: True for name in names if getattr(self.intake, name)}

    def send_and_settle(self, count: int) -> None:
        records = self.lanes.next_waiting(count)
        self.lanes.send(records)
        self.lanes.settle_all(records)
        self.intake.wake()


def _on_a_bench(steps: Sequence[Step], test: Callable[[_Bench], Awaitable[None]]) -> None:
    async def work() -> None:
        bench = _Bench(steps)
        await test(bench)
        bench.reading.cancel()

    run_virtual(work())


def test_everything_is_read_and_admitted() -> None:
    async def test(bench: _Bench) -> None:
        assert bench.flags() == {}
        await bench.reading
        assert bench.flags() == {"has_ended": True, "has_no_more_for_now": True}
        assert bench.read == bench.lanes.waiting == 30
        assert bench.changes

    _on_a_bench([_input(10), _input(20, 10)], test)


def test_problems_and_superseded_records_settle_as_they_come_in() -> None:
    async def test(bench: _Bench) -> None:
        await bench.reading
        [settled] = [event for event in bench.events if isinstance(event, Settled)]
        ends = [(one.position, one.state) for one in settled.outcomes]
        assert ends == [(1, State.FAILED), (0, State.DUPLICATE)]

    _on_a_bench([[record(0), problem(1), record(2)]], test)


def test_an_empty_list_means_that_there_is_no_more_for_now() -> None:
    async def test(bench: _Bench) -> None:
        await asyncio.sleep(1)
        assert bench.flags() == {}
        await asyncio.sleep(2)
        assert bench.flags() == {"has_no_more_for_now": True}
        await asyncio.sleep(2)
        assert bench.flags() == {}

    _on_a_bench([_input(1), 2.0, [], 2.0, _input(1, 1), 2.0], test)


def test_reading_pauses_while_the_window_is_full() -> None:
    async def test(bench: _Bench) -> None:
        await asyncio.sleep(1)
        assert bench.flags() == {"is_crowded": True, "has_no_more_for_now": True}
        assert bench.lanes.admitted == _WINDOW
        assert [one.position for one in bench.intake.not_admitted] == [_WINDOW, _WINDOW + 1]
        bench.intake.wake()
        await asyncio.sleep(1)
        assert bench.flags()["is_crowded"], "nothing has settled"
        bench.send_and_settle(10)
        await asyncio.sleep(1)
        assert bench.flags() == {"has_ended": True, "has_no_more_for_now": True}
        assert bench.lanes.admitted == _WINDOW + 5 - 10

    _on_a_bench([_input(_WINDOW + 2), _input(3, _WINDOW + 2)], test)


def test_the_window_grows_with_the_requests_in_flight() -> None:
    async def test(bench: _Bench) -> None:
        await asyncio.sleep(1)
        assert bench.lanes.admitted == _WINDOW
        bench.intake.fit_window(100)
        bench.intake.wake()
        await bench.reading
        assert bench.lanes.admitted == 2 * _WINDOW

    _on_a_bench([_input(2 * _WINDOW)], test)


def test_nothing_is_read_after_a_stop() -> None:
    async def test(bench: _Bench) -> None:
        await asyncio.sleep(1)
        bench.stopping.begin()
        await bench.reading
        assert bench.read == 1
        assert bench.intake.has_ended

    _on_a_bench([_input(1), 2.0, _input(1, 1), _input(1, 2)], test)


def test_an_error_of_the_feed_ends_the_reading_and_stops_nothing() -> None:
    error = StreamError("in.jsonl failed")

    async def test(bench: _Bench) -> None:
        await bench.reading
        assert bench.stopping.error is error
        assert not bench.stopping.is_stopping
        assert bench.intake.has_ended
        assert bench.lanes.waiting == 2

    _on_a_bench([_input(2), error], test)


def test_a_defect_of_the_feed_stops_the_run() -> None:
    async def test(bench: _Bench) -> None:
        await bench.reading
        assert isinstance(bench.stopping.crash, ZeroDivisionError)
        assert bench.stopping.is_stopping

    _on_a_bench([ZeroDivisionError()], test)


@given(st.lists(st.sampled_from(["k0", "k1", "k2", ""]), max_size=12), st.integers(1, 4))
def test_problems_are_refused_and_the_records_between_them_admitted(
    names: list[str], window: int
) -> None:
    pieces: list[Piece] = [
        record(place, name) if name else problem(place) for place, name in enumerate(names)
    ]
    lanes = Lanes(join=False)
    admission = Admission(lanes, _PLAN)
    admission.window = window
    admission.arrive(pieces)
    ended: list[Outcome] = []
    while not admission.is_empty and not admission.is_full:
        ended += admission.admit()
    taken = pieces[: len(pieces) - len(admission.left)]
    newest = {piece.identity: piece for piece in taken if isinstance(piece, Record)}
    assert lanes.waiting_records(lanes.waiting) == list(newest.values())
    failed = [one.subject for one in ended if one.state is State.FAILED]
    assert failed == [piece for piece in taken if isinstance(piece, Problem)]
    superseded = {one.position for one in ended if one.state is State.DUPLICATE}
    records = [piece for piece in taken if isinstance(piece, Record)]
    assert superseded == {one.position for one in records} - {
        one.position for one in newest.values()
    }
    assert admission.is_empty or len(newest) == window


@pytest.mark.parametrize("body_bytes", [0, 600])
def test_an_admission_takes_no_more_than_its_window_and_its_bytes(body_bytes: int) -> None:
    lanes = Lanes(join=False)
    admission = Admission(lanes, RunPlan(Verb.SET, window_bytes=1000))
    admission.window = 3
    pieces: list[Record] = [record(place, f"k{place}", body_bytes=body_bytes) for place in range(5)]
    admission.arrive(pieces)
    assert admission.admit() == []
    assert admission.is_full
    admitted = 2 if body_bytes else 3
    assert lanes.admitted == admitted
    assert list(admission.left) == pieces[admitted:]
    assert not admission.is_empty
