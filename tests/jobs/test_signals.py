"""Ctrl-C and SIGTERM while a run works, and while its files and report are completed."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from kvsctl.errors import ExitStatus
from kvsctl.jobs.signals import Signals

_CODES = {
    signal.SIGINT: ExitStatus.INTERRUPTED,
    signal.SIGTERM: ExitStatus.TERMINATED,
    signal.SIGHUP: ExitStatus.TERMINATED,
}
_WAIT_SECONDS = 10
_NUMBERS = tuple(_CODES)


class _Run:
    def __init__(self, in_flight: int | None) -> None:
        self.told: list[str] = []
        self.in_flight = in_flight

    def stop(self) -> None:
        self.told.append("stop")

    def abort(self) -> None:
        self.told.append("abort")


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


def _work(signals: Signals, *numbers: signal.Signals, in_flight: int | None = 8) -> list[str]:
    run = _Run(in_flight)

    async def work() -> None:
        with signals.stopping(run, run.told.append):
            for number in numbers:
                signal.raise_signal(number)
                await asyncio.sleep(0.001)

    asyncio.run(work())
    return run.told


def test_the_first_stops_the_run_and_the_others_abort_it() -> None:
    with Signals() as signals:
        told = _work(signals, signal.SIGTERM, signal.SIGINT, signal.SIGINT)
    assert told == [
        "stopping: finishing 8 requests (signal again to abort)", "stop", "abort", "abort"
    ]  # fmt: skip
    assert signals.interrupted is ExitStatus.TERMINATED


def test_nothing_is_noted_if_a_stop_takes_effect_at_once() -> None:
    with Signals() as signals:
        assert _work(signals, signal.SIGINT, in_flight=None) == ["stop"]
    assert signals.interrupted is ExitStatus.INTERRUPTED


@pytest.mark.parametrize(
    ("number", "in_flight", "notice"),
    [
        (signal.SIGINT, 8, "stopping: finishing 8 requests (Ctrl-C again to abort)"),
        (signal.SIGINT, 1, "stopping: finishing 1 request (Ctrl-C again to abort)"),
        (signal.SIGINT, 0, "stopping: no request is in flight"),
        (signal.SIGHUP, 2, "stopping: finishing 2 requests (signal again to abort)"),
    ],
)
def test_the_first_is_answered_with_what_is_being_finished(
    number: signal.Signals, in_flight: int, notice: str
) -> None:
    with Signals() as signals:
        told = _work(signals, number, in_flight=in_flight)
    assert told == [notice, "stop"]
    assert signals.interrupted is _CODES[number]


def test_a_run_that_is_stuck_is_ended_by_a_later_signal() -> None:
    seconds, run = 0.0, _Run(0)

    async def work() -> None:
        nonlocal seconds
        with signals.stopping(run, run.told.append):
            for passed in (0.0, 1.9, 2.0):  # the loop gets no turn
                seconds = passed
                signal.raise_signal(signal.SIGTERM)

    with Signals(lambda: seconds) as signals, pytest.raises(SystemExit) as ended:
        asyncio.run(work())
    assert (ended.value.code, seconds) == (ExitStatus.TERMINATED, 2.0)
    assert run.told == []


def test_a_run_that_looks_at_each_signal_is_not_stuck() -> None:
    seconds, run = 0.0, _Run(1)

    async def work() -> None:
        nonlocal seconds
        with signals.stopping(run, run.told.append):
            for passed in (0.0, 60.0, 120.0):
                seconds = passed
                signal.raise_signal(signal.SIGTERM)
                await asyncio.sleep(0)
                await asyncio.sleep(0)

    with Signals(lambda: seconds) as signals:
        asyncio.run(work())
    assert run.told[1:] == ["stop", "abort", "abort"]


def test_a_signal_is_handled_although_the_loop_waits() -> None:
    """Another thread receives it, so it does not end the loop's wait for its sockets."""
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    run, stopped = _Run(1), asyncio.Event()

    async def work() -> None:
        run.stop = stopped.set  # type: ignore[method-assign]
        with signals.stopping(run, run.told.append):
            assert other.ident is not None
            sender = threading.Timer(0.05, signal.pthread_kill, (other.ident, signal.SIGINT))
            sender.start()
            async with asyncio.timeout(_WAIT_SECONDS):
                await stopped.wait()

    began = time.monotonic()
    try:
        with Signals() as signals:
            asyncio.run(work())
    finally:
        done.set()
        other.join()
    assert time.monotonic() - began < _WAIT_SECONDS / 2


@pytest.mark.parametrize("number", _NUMBERS)
def test_a_signal_that_was_ignored_stays_ignored(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with Signals() as signals:
            assert _work(signals, number, number) == []
            signal.raise_signal(number)
            assert signal.getsignal(number) is signal.SIG_IGN
        assert signal.getsignal(number) is signal.SIG_IGN
        assert signals.interrupted is None
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", _NUMBERS)
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
