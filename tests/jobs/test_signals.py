"""Ctrl-C and SIGTERM while a run works, and while its files and report are completed."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from kvsctl.errors import ExitStatus
from kvsctl.jobs.signals import Signals


class _Run:
    def __init__(self) -> None:
        self.told: list[str] = []

    def stop(self) -> None:
        self.told.append("stop")

    def abort(self) -> None:
        self.told.append("abort")


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


def _work(signals: Signals, *numbers: signal.Signals) -> list[str]:
    run = _Run()

    async def work() -> None:
        with signals.stopping(run):
            for number in numbers:
                signal.raise_signal(number)
                await asyncio.sleep(0.001)

    asyncio.run(work())
    return run.told


def test_the_first_stops_the_run_and_the_others_abort_it() -> None:
    with Signals() as signals:
        told = _work(signals, signal.SIGTERM, signal.SIGINT, signal.SIGINT)
    assert told == ["stop", "abort", "abort"]
    assert signals.interrupted is ExitStatus.TERMINATED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_being_completed_is_completed(number: signal.Signals) -> None:
    with Signals() as signals:
        assert not _work(signals)
        signal.raise_signal(number)
    assert signals.interrupted is None, "the run was over"


@pytest.mark.parametrize("earlier", [(), (signal.SIGTERM,), (signal.SIGTERM, signal.SIGINT)])
def test_completing_that_waits_is_ended_by_a_second(earlier: tuple[signal.Signals, ...]) -> None:
    with Signals() as signals:
        _work(signals, *earlier)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(SystemExit) as left:
            signal.raise_signal(signal.SIGTERM)
    assert left.value.code is ExitStatus.TERMINATED
