"""A run fed by an asynchronous iterator, such as a listing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, ClassVar

import pytest

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.feeds import AsyncFeed
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.errors import Defect, StreamError
from kvsctl.model import Identity, Problem, Record, Verb
from kvsctl.service.wire import key_body
from tests.support.books import Books
from tests.support.records import record
from tests.support.simulated.model_service import ModelService, Turn
from tests.support.simulated.virtual_time import run_virtual

_PAGE = 500


class _Pages:
    """An iterator of numbered records, one per page, that counts the pages it has yielded."""

    def __init__(self, count: int, error: BaseException | None = None, seconds: float = 0) -> None:
        self._count = count
        self._error = error
        self._seconds = seconds
        self.yielded = 0
        self.is_closed = False

    async def __call__(self) -> AsyncIterator[Sequence[Record | Problem]]:
        try:
            for place in range(self._count):
                await asyncio.sleep(self._seconds)
                self.yielded += 1
                yield (record(place, f"k{place}"),)
            if self._error is not None:
                raise self._error
        finally:
            await asyncio.sleep(0)
            self.is_closed = True


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_virtual(work())


def test_lists_arrive_in_order_and_then_the_end() -> None:
    async def work() -> None:
        pages = _Pages(20)
        feed = AsyncFeed(pages())
        for place in range(20):
            pieces = await feed.get()
            assert pieces is not None
            assert [one.position for one in pieces] == [place]
        assert await feed.get() is None
        assert await feed.get() is None, "the end stays the end"
        assert pages.is_closed

    _run(work)


def test_an_empty_list_is_passed_on() -> None:
    async def pages() -> AsyncIterator[Sequence[Record | Problem]]:
        yield []
        yield [record(0)]

    async def work() -> None:
        feed = AsyncFeed(pages())
        assert await feed.get() == []
        assert len(await feed.get() or ()) == 1

    _run(work)


@pytest.mark.parametrize("max_ahead", [1, 3])
def test_the_iterator_is_no_further_ahead_than_it_may_be(max_ahead: int) -> None:
    async def work() -> None:
        pages = _Pages(20)
        feed = AsyncFeed(pages(), max_ahead=max_ahead)
        for taken in range(10):
            await asyncio.sleep(1)
            assert pages.yielded == taken + max_ahead
            await feed.get()
        feed.close()

    _run(work)


@pytest.mark.parametrize("error", [StreamError("page 3 failed"), ZeroDivisionError()])
def test_an_error_comes_after_what_was_read(error: Exception) -> None:
    async def work() -> None:
        feed = AsyncFeed(_Pages(2, error)())
        assert [len(await feed.get() or ()) for _ in range(2)] == [1, 1]
        for _ in range(2):
            with pytest.raises(type(error)) as raised:
                await feed.get()
            assert raised.value is error

    _run(work)


def test_an_iterator_that_is_cancelled_elsewhere_is_not_a_silent_end() -> None:
    async def work() -> None:
        feed = AsyncFeed(_Pages(1, asyncio.CancelledError())())
        await feed.get()
        with pytest.raises(Defect):
            await feed.get()

    _run(work)


@pytest.mark.parametrize("seconds", [0, 100], ids=["too far ahead", "busy"])
def test_closing_cleans_the_iterator_up(seconds: float) -> None:
    async def work() -> None:
        pages = _Pages(20, seconds=seconds)
        feed = AsyncFeed(pages())
        await asyncio.sleep(1)
        feed.close()
        await feed.wait_closed()
        assert pages.is_closed
        assert pages.yielded <= 4
        assert asyncio.get_running_loop().time() == 1

    _run(work)


def test_an_iterator_that_is_not_a_generator_will_do() -> None:
    class Two:
        left = 2

        def __aiter__(self) -> "Two":
            return self

        async def __anext__(self) -> list[Record | Problem]:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return [record(1 - self.left)]

    async def work() -> None:
        feed = AsyncFeed(Two())
        assert [len(await feed.get() or ()) for _ in range(3)] == [1, 1, 0]

    _run(work)


# A run


class _CountedIdentity(Identity, frozen=True, gc=False, cache_hash=True):
    """An identity that counts its instances in memory."""

    counts: ClassVar[Counter[str]] = Counter()

    def __post_init__(self) -> None:
        self.counts["alive"] += 1
        self.counts["most"] = max(self.counts["most"], self.counts["alive"])

    def __del__(self) -> None:
        self.counts["alive"] -= 1


async def _listing(count: int) -> AsyncIterator[Sequence[Record | Problem]]:
    """Yield records page by page, faster than they can be deleted."""
    for start in range(0, count, _PAGE):
        await asyncio.sleep(0.001)
        page: list[Record | Problem] = []
        for place in range(start, min(start + _PAGE, count)):
            identity = _CountedIdentity(None, f"key-{place}")
            page.append(Record(place, "listing", place + 1, identity, key_body(identity)))
        yield page


def test_a_long_listing_is_deleted_in_bounded_memory() -> None:
    count, max_ahead = 200_000, 4
    plan = RunPlan(Verb.DELETE)
    tally = Tally()
    _CountedIdentity.counts.clear()
    service: ModelService

    def forget(_: Sequence[Record]) -> Turn:
        service.requests.clear()
        service.landings.clear()
        return Turn(0.1)

    refused = [_CountedIdentity(None, f"key-{place}") for place in (0, 123_456, count - 1)]
    service = ModelService(forget, poison=frozenset(refused))

    async def work() -> None:
        feed = AsyncFeed(_listing(count), max_ahead=max_ahead)
        run = Run(plan, service, [tally])
        assert await run.work(feed) is None
        await feed.wait_closed()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(work())
    tally.check_sum()
    assert (tally.records, tally.succeeded, tally.failed) == (count, count - 3, 3)
    in_window = plan.window_at(plan.concurrency)
    most = in_window + (max_ahead + 2) * _PAGE + len(refused)
    assert in_window <= _CountedIdentity.counts["most"] <= most


def test_an_error_half_way_ends_the_run_and_what_was_read_is_settled() -> None:
    error = StreamError("listing failed at page 41")
    books, service = Books(), ModelService()

    async def work() -> None:
        run = Run(RunPlan(Verb.DELETE), service, [books])
        assert await run.work(AsyncFeed(_Pages(40, error)())) is error

    run_virtual(work())
    assert books.states == {"succeeded": 40}
    books.check_sum()


def test_a_run_that_is_stopped_closes_its_listing() -> None:
    pages, books = _Pages(1000, seconds=1.0), Books()

    async def work() -> None:
        run = Run(RunPlan(Verb.DELETE), ModelService(), [books])
        asyncio.get_running_loop().call_later(10.5, run.stop)
        feed = AsyncFeed(pages())
        assert await run.work(feed) is None
        await feed.wait_closed()

    run_virtual(work())
    assert pages.is_closed
    assert pages.yielded == books.read == 10
    books.check_sum()


def test_a_listing_that_fills_no_batch_is_not_held_back_for_ever() -> None:
    """The last records wait to fill a batch, and are sent when the listing ends."""
    settled: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, Settled):
            settled.append(len(event.outcomes))

    async def work() -> None:
        await Run(RunPlan(Verb.DELETE), ModelService(), [listen]).work(AsyncFeed(_Pages(60)()))

    run_virtual(work())
    assert settled == [25, 25, 10]
