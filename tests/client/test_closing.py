"""A client that is closed while calls are in progress, and what is not an iterable of records."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kvsctl.errors import UsageError, WorkLeft
from tests.client.clients import client_of, in_memory, run, session_of


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
