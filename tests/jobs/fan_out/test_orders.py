"""Units receive orders to stop or to abort, before they begin and while they work."""

import asyncio
from uuid import uuid4

import pytest

from kvsctl.errors import ExitStatus
from kvsctl.jobs.fan_out.orders import StopOrders, send_stop
from kvsctl.jobs.runner import NoInterrupts


class _Run:
    in_flight = 0

    def __init__(self) -> None:
        self.calls: list[str] = []

    def stop(self) -> None:
        self.calls.append("stop")

    def abort(self) -> None:
        self.calls.append("abort")


@pytest.mark.parametrize(("is_abort", "call"), [(False, "stop"), (True, "abort")])
@pytest.mark.parametrize("is_early", [False, True])
def test_a_unit_follows_an_order(is_abort: bool, call: str, is_early: bool) -> None:
    name, run = uuid4().hex, _Run()
    orders = StopOrders(name, NoInterrupts())
    assert orders.interrupted is None

    async def work() -> None:
        if is_early:
            send_stop(name, ExitStatus.TERMINATED, is_abort=is_abort)
        with orders.stopping(run, lambda _: None):
            if not is_early:
                send_stop(name, ExitStatus.TERMINATED, is_abort=is_abort)
            await asyncio.sleep(0)
        send_stop(name, ExitStatus.TERMINATED, is_abort=True)
        await asyncio.sleep(0)

    asyncio.run(work())
    assert run.calls == [call]
    assert orders.interrupted is ExitStatus.TERMINATED


def test_units_of_another_fan_out_receive_nothing() -> None:
    run = _Run()
    orders = StopOrders(uuid4().hex, NoInterrupts())

    async def work() -> None:
        with orders.stopping(run, lambda _: None):
            send_stop(uuid4().hex, ExitStatus.INTERRUPTED)
            await asyncio.sleep(0)

    asyncio.run(work())
    assert run.calls == []
    assert orders.interrupted is None


def test_the_first_reason_stays() -> None:
    name = uuid4().hex
    send_stop(name, ExitStatus.INTERRUPTED)
    send_stop(name, ExitStatus.TERMINATED)
    assert StopOrders(name, NoInterrupts()).interrupted is ExitStatus.INTERRUPTED
