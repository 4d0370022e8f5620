"""Units are told to stop or to abort, before they begin and while they work."""

import asyncio
from uuid import uuid4

import pytest

from kvsctl.errors import ExitStatus
from kvsctl.jobs.fan_out.told import Told, tell
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
def test_a_unit_is_told(is_abort: bool, call: str, is_early: bool) -> None:
    name, run = uuid4().hex, _Run()
    told = Told(name, NoInterrupts())
    assert told.interrupted is None

    async def work() -> None:
        if is_early:
            tell(name, ExitStatus.TERMINATED, is_abort=is_abort)
        with told.stopping(run, lambda _: None):
            if not is_early:
                tell(name, ExitStatus.TERMINATED, is_abort=is_abort)
            await asyncio.sleep(0)
        tell(name, ExitStatus.TERMINATED, is_abort=True)
        await asyncio.sleep(0)

    asyncio.run(work())
    assert run.calls == [call]
    assert told.interrupted is ExitStatus.TERMINATED


def test_units_of_another_fan_out_are_not_told() -> None:
    run = _Run()
    told = Told(uuid4().hex, NoInterrupts())

    async def work() -> None:
        with told.stopping(run, lambda _: None):
            tell(uuid4().hex, ExitStatus.INTERRUPTED)
            await asyncio.sleep(0)

    asyncio.run(work())
    assert run.calls == []
    assert told.interrupted is None


def test_the_first_reason_stays() -> None:
    name = uuid4().hex
    tell(name, ExitStatus.INTERRUPTED)
    tell(name, ExitStatus.TERMINATED)
    assert Told(name, NoInterrupts()).interrupted is ExitStatus.INTERRUPTED
