import asyncio

import pytest

from kvsctl.bulk.feeds import CheckedFeed
from kvsctl.errors import StreamError, UsageError
from kvsctl.model import Problem, Record
from tests.support.records import problem, record
from tests.support.simulated.virtual_time import MemoryFeed

RECORDS: list[Record | Problem] = [record(0)]
SAME = (None, None)


def read(steps: list[list[Record | Problem]], changes: tuple[str | None, ...]) -> list[object]:
    """Return what a checked feed yields if the input changes before its start or at its end."""

    async def run() -> list[object]:
        told = iter(changes)
        memory = MemoryFeed(steps)
        feed = CheckedFeed(memory, lambda: next(told))
        came: list[object] = []
        while (pieces := await feed.get()) is not None:
            came.append(pieces)
        feed.close()
        assert memory.closed
        return came

    return asyncio.run(run())


def test_input_at_rest_is_given_on() -> None:
    assert read([RECORDS, []], SAME) == [RECORDS, []]


def test_nothing_is_given_of_input_that_changed_before() -> None:
    with pytest.raises(UsageError, match="another size"):
        read([RECORDS], ("another size",))


def test_a_change_while_it_is_being_sent_is_an_error_at_the_end() -> None:
    with pytest.raises(StreamError, match="been modified"):
        read([RECORDS], (None, "been modified"))


def test_a_problem_that_the_check_did_not_find_ends_it_at_once() -> None:
    with pytest.raises(StreamError, match="jsonl:2 is different"):
        read([RECORDS, [problem(1)], RECORDS], SAME)
