"""Feeds of a reader, on the loop and in a thread."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from kvsctl.bulk import feeds as feed_module
from kvsctl.bulk.feeds import ThreadFeed, feed_of
from kvsctl.errors import StreamError
from kvsctl.model import Problem, Record
from tests.support.records import record
from tests.support.simulated.virtual_time import run_virtual

_PATIENCE_SECONDS = 20.0

Pieces = list[Record | Problem]


def _run(work: Callable[[], object]) -> None:
    run_virtual(work(), waits_for_threads=True)  # type: ignore[arg-type]


def _reader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "kvsctl-reader"]


@pytest.mark.parametrize("may_wait", [True, False])
def test_lists_arrive_in_order_and_then_the_end(may_wait: bool) -> None:
    lists: list[Pieces] = [[record(place)] if place % 3 else [] for place in range(200)]

    async def work() -> None:
        feed = feed_of(lists, may_wait=may_wait)
        for expected in lists if may_wait else filter(None, lists):
            assert await feed.get() is expected
        assert await feed.get() is None
        assert await feed.get() is None, "the end stays the end"

    _run(work)


@pytest.mark.parametrize("may_wait", [True, False])
def test_an_error_of_the_reader_comes_after_what_was_read(may_wait: bool) -> None:
    broken = StreamError("in.jsonl failed")

    def read() -> Iterator[Pieces]:
        yield [record(0)]
        raise broken

    async def work() -> None:
        feed = feed_of(read(), may_wait=may_wait)
        first = await feed.get()
        assert first is not None
        assert [one.position for one in first] == [0]
        for _ in range(2):
            with pytest.raises(StreamError) as raised:
                await feed.get()
            assert raised.value is broken

    _run(work)


def test_only_what_may_wait_has_a_thread() -> None:
    async def work() -> None:
        read_by: set[str] = set()

        def read() -> Iterator[Pieces]:
            read_by.add(threading.current_thread().name)
            yield [record(0)]

        feed = feed_of(read(), may_wait=False)
        assert await feed.get() is not None
        assert read_by == {threading.current_thread().name}
        assert isinstance(feed_of(read(), may_wait=True), ThreadFeed)

    _run(work)


def test_others_have_their_turn_between_two_lists() -> None:
    async def work() -> None:
        turns: list[str] = []
        feed = feed_of([[record(place)] for place in range(3)], may_wait=False)
        other = asyncio.create_task(_note_turns(turns))
        while await feed.get() is not None:
            turns.append("list")
        await other
        assert turns[:4] == ["other", "list", "other", "list"]

    _run(work)


async def _note_turns(turns: list[str]) -> None:
    for _ in range(3):
        turns.append("other")
        await asyncio.sleep(0)


def test_others_have_their_turn_while_nothing_is_found() -> None:
    async def work() -> None:
        pauses: list[Pieces] = [[] for _ in range(1000)]
        feed = feed_of([*pauses, [record(0)]], may_wait=False)
        getting = asyncio.create_task(feed.get())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not getting.done()
        assert await getting is not None

    _run(work)


def test_a_closed_feed_reads_no_more() -> None:
    async def work() -> None:
        feed = feed_of([[record(place)] for place in range(3)], may_wait=False)
        assert await feed.get() is not None
        feed.close()
        assert await feed.get() is None

    _run(work)


def test_a_waiting_run_is_woken_when_a_list_arrives() -> None:
    go = threading.Event()

    def read() -> Iterator[Pieces]:
        assert go.wait(_PATIENCE_SECONDS)
        yield [record(0)]

    async def work() -> None:
        feed = ThreadFeed(read())
        waiting = asyncio.create_task(feed.get())
        await asyncio.sleep(1)
        assert not waiting.done()
        go.set()
        assert await waiting is not None

    _run(work)


def test_the_thread_is_no_more_than_some_lists_ahead_and_reads_on_when_few_are_left() -> None:
    asked = threading.Semaphore(0)
    most, least = feed_module._MAX_AHEAD, feed_module._MIN_AHEAD

    def read() -> Iterator[Pieces]:
        for place in range(100):
            asked.release()
            yield [record(place)]

    def wait_for(count: int) -> None:
        for _ in range(count):
            assert asked.acquire(timeout=_PATIENCE_SECONDS)
        assert not asked.acquire(timeout=0.02), "it reads without bound"

    async def work() -> None:
        feed = ThreadFeed(read())
        wait_for(most + 1)  # those handed over, and one in the thread's hand
        taken = [await feed.get() for _ in range(most - least - 1)]
        wait_for(0)
        taken.append(await feed.get())
        wait_for(most - least)
        while (pieces := await feed.get()) is not None:
            taken.append(pieces)
        assert [one[0].position for one in taken if one] == list(range(100))

    _run(work)


def test_closing_ends_the_thread_at_its_next_list() -> None:
    closed = threading.Event()

    class Endless:
        def __iter__(self) -> Iterator[Pieces]:
            try:
                while True:
                    yield [record(0)]
            finally:
                closed.set()

    async def work() -> None:
        feed = ThreadFeed(Endless())
        assert await feed.get() is not None
        feed.close()
        assert closed.wait(_PATIENCE_SECONDS)

    _run(work)


def test_the_thread_does_not_keep_the_process_alive_nor_mind_a_closed_loop() -> None:
    go = threading.Event()
    ended = threading.Event()

    def read() -> Iterator[Pieces]:
        try:
            assert go.wait(_PATIENCE_SECONDS)
            yield [record(0)]
            yield [record(1)]
        finally:
            ended.set()

    async def work() -> None:
        ThreadFeed(read())
        assert all(thread.daemon for thread in _reader_threads())

    _run(work)
    go.set()
    assert ended.wait(_PATIENCE_SECONDS)
    for thread in _reader_threads():
        thread.join(_PATIENCE_SECONDS)
    assert _reader_threads() == []
