"""How many requests of clients with shared connections are in flight."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.service.transport.turns import ClientTurns, Turns
from tests.support.simulated.virtual_time import Stalled, run_virtual


async def _hold(turns: ClientTurns, seconds: float) -> None:
    async with turns:
        await asyncio.sleep(seconds)


def test_clients_whose_requests_hang_delay_no_other() -> None:
    async def work() -> float:
        turns = Turns(16, 4)
        hanging = [turns.of_client() for _ in range(3)]
        stuck = [asyncio.create_task(_hold(one, 30)) for one in hanging for _ in range(100)]
        await asyncio.sleep(1)
        client, began = turns.of_client(), asyncio.get_running_loop().time()
        for _ in range(20):
            await asyncio.gather(*(_hold(client, 0.1) for _ in range(turns.own)))
        took = asyncio.get_running_loop().time() - began
        for one in stuck:
            one.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
        return took

    assert run_virtual(work()) == pytest.approx(2.0)


def test_one_client_may_take_all_common_turns() -> None:
    async def work() -> float:
        client = Turns(16, 4).of_client()
        await asyncio.gather(*(_hold(client, 1) for _ in range(2 + 8)))
        return asyncio.get_running_loop().time()

    assert run_virtual(work()) == pytest.approx(1.0)


def test_clients_that_wait_get_common_turns_alternately() -> None:
    order: list[str] = []

    async def ask(name: str, turns: ClientTurns) -> None:
        async with turns:
            order.append(name)
            await asyncio.sleep(1)

    async def work() -> None:
        turns = Turns(2, 2)
        first, second = turns.of_client(), turns.of_client()
        async with asyncio.TaskGroup() as tasks:
            for name, client in (("a", first), ("b", second)):
                for _ in range(6):
                    tasks.create_task(ask(name, client))

    run_virtual(work())
    assert sorted(Counter(order[:9]).values()) == [4, 5]


_REQUESTS = st.lists(
    st.tuples(
        st.integers(0, 4),  # whose
        st.sampled_from((0.0, 0.1, 0.5, 3.0)),  # when
        st.sampled_from((0.0, 0.1, 1.0)),  # how long
        st.none() | st.sampled_from((0.0, 0.1, 0.6)),  # cancelled after
    ),
    max_size=40,
)


@given(_REQUESTS, st.integers(1, 12), st.integers(1, 5))
def test_every_request_gets_a_turn_within_the_bounds(
    requests: list[tuple[int, float, float, float | None]], most: int, clients: int
) -> None:
    """And all turns are there again at the end, whatever was cancelled."""
    in_flight: Counter[int] = Counter()

    async def work() -> int:
        turns = Turns(most, clients)
        common = turns.common
        all_of = [turns.of_client() for _ in range(clients)]

        async def ask(name: int, at: float, seconds: float) -> None:
            await asyncio.sleep(at)
            async with all_of[name]:
                in_flight[name] += 1
                over = sum(max(0, count - turns.own) for count in in_flight.values())
                assert over <= common
                assert in_flight.total() <= turns.total
                try:
                    await asyncio.sleep(seconds)
                finally:
                    in_flight[name] -= 1

        tasks: list[asyncio.Task[None]] = []
        for name, at, seconds, cancelled_after in requests:
            task = asyncio.create_task(ask(name % clients, at, seconds))
            tasks.append(task)
            if cancelled_after is not None:
                asyncio.get_running_loop().call_later(at + cancelled_after, task.cancel)
        ended: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ended)
        assert not turns.waiting
        return common - turns.common

    try:
        assert run_virtual(work()) == 0
    except Stalled:
        pytest.fail("a request waits although no other is in flight")
