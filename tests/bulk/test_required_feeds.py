import asyncio

import pytest

from kvsctl.bulk.feeds import RequiredFeed
from kvsctl.errors import UsageError
from kvsctl.model import Problem, Record
from tests.support.records import record
from tests.support.simulated.virtual_time import MemoryFeed


def test_input_that_never_comes_is_an_error() -> None:
    async def run() -> None:
        feed = RequiredFeed(MemoryFeed([[]]))
        assert await feed.get() == []
        with pytest.raises(UsageError, match="no records"):
            await feed.get()

    asyncio.run(run())


def test_input_that_comes_is_given_on() -> None:
    async def run() -> None:
        pieces: list[Record | Problem] = [record(0)]
        feed = RequiredFeed(MemoryFeed([[], pieces]))
        assert [await feed.get() for _ in range(3)] == [[], pieces, None]

    asyncio.run(run())
