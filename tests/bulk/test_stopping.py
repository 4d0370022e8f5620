"""How a run stops: why, and until when it still reads back."""

import asyncio
import gc
from contextlib import suppress

import pytest

from kvsctl.bulk.stopping import Stopping, error_of
from kvsctl.errors import KvsctlError, StreamError, TargetError


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def stopping(clock: _Clock) -> Stopping:
    return Stopping(clock, read_back_seconds=30)


def test_a_run_that_is_not_stopped_has_no_deadline(stopping: Stopping) -> None:
    assert not stopping.is_stopping
    assert not stopping.may_read_back
    assert (stopping.error, stopping.crash, stopping.deadline) == (None, None, None)


def test_a_run_that_is_asked_to_stop_reads_back_until_its_deadline(
    stopping: Stopping, clock: _Clock
) -> None:
    stopping.begin()
    clock.now += 29
    assert stopping.is_stopping
    assert (stopping.may_read_back, stopping.deadline) == (True, 130)
    clock.now += 1
    assert (stopping.may_read_back, stopping.deadline) == (False, None)


def test_an_error_ends_a_run_without_reading_back(stopping: Stopping) -> None:
    error = TargetError("given up")
    stopping.begin(error)
    assert stopping.is_stopping
    assert stopping.error is error
    assert not stopping.may_read_back


def test_only_the_first_stop_counts(stopping: Stopping, clock: _Clock) -> None:
    stopping.begin()
    clock.now += 10
    stopping.begin()
    stopping.begin(TargetError("given up"))
    assert stopping.error is None
    assert stopping.deadline == 130


@pytest.mark.parametrize("is_stopping", [True, False])
def test_a_run_that_is_cut_off_reads_nothing_back(stopping: Stopping, is_stopping: bool) -> None:
    if is_stopping:
        stopping.begin()
    stopping.cut_off()
    assert stopping.is_stopping
    assert not stopping.may_read_back


def test_a_crash_cuts_the_run_off(stopping: Stopping) -> None:
    crash = ZeroDivisionError()
    stopping.note_crash(crash)
    assert stopping.crash is crash
    assert stopping.is_stopping
    assert not stopping.may_read_back


def test_an_error_of_the_input_stops_nothing(stopping: Stopping) -> None:
    first = StreamError("in.jsonl failed")
    stopping.note_error(first)
    stopping.note_error(StreamError("again"))
    assert stopping.error is first
    assert not stopping.is_stopping


@pytest.mark.parametrize("ending", [None, TargetError("given up")])
def test_an_error_of_the_input_outweighs_a_later_stop(
    stopping: Stopping, ending: TargetError | None
) -> None:
    broken = StreamError("in.jsonl failed")
    stopping.note_error(broken)
    stopping.begin(ending)
    assert stopping.is_stopping
    assert stopping.error is broken


def test_a_run_whose_time_is_up_finishes_until_its_deadline(
    stopping: Stopping, clock: _Clock
) -> None:
    stopping.run_out_of_time()
    assert (stopping.is_stopping, stopping.finishes, stopping.error) == (True, True, None)
    clock.now += 29
    assert stopping.may_read_back
    clock.now += 1
    assert not stopping.may_read_back


def test_an_error_ends_the_finishing_and_counts(stopping: Stopping) -> None:
    error = TargetError("given up")
    stopping.run_out_of_time()
    stopping.begin(error)
    assert (stopping.finishes, stopping.may_read_back, stopping.error) == (False, False, error)


def test_a_signal_ends_the_finishing_but_not_the_reading_back(stopping: Stopping) -> None:
    stopping.run_out_of_time()
    stopping.begin()
    assert (stopping.finishes, stopping.may_read_back, stopping.error) == (False, True, None)


def test_time_that_is_up_changes_nothing_about_a_run_that_stops(stopping: Stopping) -> None:
    stopping.begin(TargetError("given up"))
    stopping.run_out_of_time()
    assert not stopping.finishes
    assert not stopping.may_read_back


def test_an_error_of_a_task_that_nobody_waits_for_any_more_is_not_printed_by_asyncio() -> None:
    reported: list[str] = []

    async def fail_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise TargetError("gone")

    async def cancel_the_wait() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: reported.append(context["message"]))
        waiting = asyncio.create_task(error_of(asyncio.create_task(fail_when_cancelled())))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        del waiting
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(cancel_the_wait())
    assert reported == []


_GONE = TargetError("gone")


async def _ending(how: str, begun: asyncio.Event) -> None:
    """Wait until it is cancelled, and then end in one of several ways."""
    begun.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if how == "failed":
            raise _GONE from None
        if how == "cancelled":
            raise


@pytest.mark.parametrize(
    ("how", "error"), [("cancelled", None), ("failed", _GONE), ("finished", None)]
)
def test_a_task_that_is_cancelled_ends_the_wait_as_it_ends(
    how: str, error: TargetError | None
) -> None:
    async def cancel_the_task() -> KvsctlError | None:
        begun = asyncio.Event()
        task = asyncio.create_task(_ending(how, begun))
        waiting = asyncio.create_task(error_of(task))
        await begun.wait()
        task.cancel()
        return await waiting

    assert asyncio.run(cancel_the_task()) is error


@pytest.mark.parametrize("how", ["cancelled", "failed", "finished"])
def test_a_wait_that_is_cancelled_cancels_the_task_and_ends_after_it(how: str) -> None:
    async def cancel_the_wait() -> bool:
        begun = asyncio.Event()
        task = asyncio.create_task(_ending(how, begun))
        waiting = asyncio.create_task(error_of(task))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return task.done()

    assert asyncio.run(cancel_the_wait())


def test_a_wait_that_is_cancelled_when_the_task_has_ended_is_cancelled() -> None:
    reported: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(0)  # until the wait has begun
        raise _GONE

    async def cancel_the_wait() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: reported.append(context["message"]))
        task = asyncio.create_task(fail())
        waiting = asyncio.create_task(error_of(task))
        task.add_done_callback(lambda _task: waiting.cancel())
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(cancel_the_wait())
    gc.collect()
    assert reported == []


def test_a_task_that_is_cancelled_after_an_earlier_cancellation_ends_the_wait() -> None:
    async def wait_again() -> None:
        this = asyncio.current_task()
        assert this is not None
        this.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        begun = asyncio.Event()
        task = asyncio.create_task(_ending("cancelled", begun))
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: loop.call_soon(task.cancel))  # once it waits
        assert await error_of(task) is None

    asyncio.run(wait_again())
