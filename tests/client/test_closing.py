"""A client that is closed while calls are in progress, and what is not an iterable of records."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvsctl import Client
from kvsctl.errors import UsageError, WorkLeft
from kvsctl.records.reader import Reader
from kvsctl.service.transport.in_process import in_process
from tests.client.clients import URL, client_of, in_memory, run, session_of
from tests.support.needs import only_on


async def _endless(begun: asyncio.Event) -> AsyncIterator[dict[str, Any]]:
    yield {"key": "k", "value": 1}
    begun.set()
    await asyncio.Event().wait()


def test_a_write_that_is_cut_off_says_so() -> None:
    async def work() -> None:
        begun = asyncio.Event()
        async with client_of(in_memory()) as client:
            session = session_of(client)
            call = asyncio.create_task(client.set_many(_endless(begun)))
            await begun.wait()
        with pytest.raises(WorkLeft, match="the client was closed while") as caught:
            await call
        assert caught.value.result.records == 1
        assert session.is_idle

    run(work())


def test_a_read_that_is_cut_off_does_not_end_as_if_it_were_whole() -> None:
    async def work() -> None:
        begun = asyncio.Event()
        async with client_of(in_memory()) as client:
            reading = client.get_many(_endless(begun))
            assert (await anext(reading)).key == "k"
        with pytest.raises(WorkLeft, match="the client was closed while"):
            await anext(reading)

    run(work())


def test_records_that_were_all_read_are_given_after_the_end() -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            keys = [f"k{number}" for number in range(3000)]
            reading = client.get_many(keys)
            assert (await anext(reading)).key == keys[0]
            await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=20)
            assert session_of(client).is_idle
        assert [one.key async for one in reading] == keys[1:]

    run(work())


@pytest.mark.parametrize("given", ["key", b"key", {"key": "k", "value": 1}, 5, None], ids=str)
def test_a_single_key_or_record_is_refused(given: Any) -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            for call in (client.set_many, client.delete_many):
                with pytest.raises(UsageError, match="expected an iterable of records or keys"):
                    await call(given)
            with pytest.raises(UsageError, match="expected an iterable of records or keys"):
                await anext(client.get_many(given))

    run(work())


def _replace_lists(monkeypatch: pytest.MonkeyPatch, read: Callable[[Iterator[Any]], Any]) -> None:
    """Let `read` take the place of the iterator of a reader, which is its argument."""
    iterated = Reader.__iter__
    monkeypatch.setattr(Reader, "__iter__", lambda reader: read(iterated(reader)))


@only_on(hasattr(os, "mkfifo"), "this system has no named pipes")
def test_a_client_does_not_wait_for_a_silent_pipe_when_it_closes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)
    has_begun, has_closed = threading.Event(), threading.Event()

    def begun(lists: Iterator[Any]) -> Iterator[Any]:
        has_begun.set()
        return lists

    _replace_lists(monkeypatch, begun)

    def close() -> None:
        has_begun.wait()
        client.close()
        has_closed.set()

    with Client(URL, transport=in_process(URL, in_memory(), 30)) as client:
        closing = threading.Thread(target=close)
        closing.start()
        with pytest.raises(WorkLeft, match="the client was closed while"):
            [*client.diff(path)]
        is_in_time = has_closed.wait(10)
        os.close(pipe)  # ends what still reads
        closing.join()
    assert is_in_time


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "b"]])
def test_a_file_is_read_no_further_once_its_comparison_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keys: list[str]
) -> None:
    path = tmp_path / "left.jsonl"
    path.write_text("".join(json.dumps({"key": key, "value": 1}) + "\n" for key in keys))
    has_begun, is_left, has_ended = threading.Event(), threading.Event(), threading.Event()
    read = 0

    def slow(lists: Iterator[Any]) -> Iterator[Any]:
        nonlocal read
        (only,) = lists
        try:
            for _ in range(5):
                has_begun.set()
                is_left.wait(10)
                read += 1
                yield only
        finally:
            has_ended.set()

    _replace_lists(monkeypatch, slow)

    async def work() -> None:
        async with client_of(in_memory()) as client:
            comparing = asyncio.ensure_future(anext(client.diff(path)))
            assert await asyncio.to_thread(has_begun.wait, 10)
            comparing.cancel()
            await asyncio.wait([comparing])
            is_left.set()
            assert await asyncio.to_thread(has_ended.wait, 10)
        assert read == 1

    run(work())
