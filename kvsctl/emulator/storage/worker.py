"""The thread that runs the jobs of a store, off the event loop.

Handing a job to a thread and its result back costs about as much as the job itself. So the thread
takes all waiting jobs, and hands back their results together.
"""

import asyncio
import contextlib
import queue
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Job(NamedTuple):
    """Work to do. `writes`: whether it is a write transaction."""

    work: Callable[[], Any]
    writes: bool
    future: "asyncio.Future[Any]"


class End(NamedTuple):
    """How a job ended: with a result, or with a failure."""

    job: Job
    result: Any
    failure: BaseException | None


class Worker:
    """A thread that runs jobs in the order in which they are submitted.

    `do` is a method that removes one or more jobs from the left, runs them, and returns how each
    ended. It must not raise. Between jobs, the thread does not keep the method's object alive. It
    ends once that object is gone.
    """

    def __init__(self, do: Callable[[deque[Job]], list[End]]) -> None:
        self._do = weakref.WeakMethod(do)
        self._submitted: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._doing = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread unless it runs. Raise RuntimeError if the system cannot start it."""
        if self._thread is None:
            # A daemon thread, so that a process can exit without closing the store.
            working = (self._do, self._submitted, self._doing)
            thread = threading.Thread(
                target=_work, args=working, name="emulator-store", daemon=True
            )
            thread.start()
            self._thread = thread
            forgotten = weakref.finalize(self, self._submitted.put, None)
            forgotten.atexit = False

    def submit(self, work: Callable[[], T], *, writes: bool) -> "asyncio.Future[T]":
        """Return the future result of `work`. The thread must have been started."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._submitted.put(Job(work, writes, future))
        return future

    def try_hold(self) -> bool:
        """Return whether the thread is idle. If so, keep it idle until `release`."""
        return self._submitted.empty() and self._doing.acquire(blocking=False)

    def release(self) -> None:
        """Let the thread work again, after `try_hold`."""
        self._doing.release()

    def close(self) -> None:
        """Wait until every submitted job is done. Submit nothing afterwards."""
        if self._thread is not None:
            self._submitted.put(None)
            self._thread.join()


def _work(
    method: "weakref.WeakMethod[Callable[[deque[Job]], list[End]]]",
    submitted: "queue.SimpleQueue[Job | None]",
    doing: threading.Lock,
) -> None:
    jobs: deque[Job] = deque()
    is_open = True
    while is_open:
        taken = [submitted.get()]
        while taken or jobs:
            taken += [submitted.get_nowait() for _ in range(submitted.qsize())]
            is_open = is_open and None not in taken
            jobs.extend(job for job in taken if job is not None)
            taken.clear()
            if not jobs:
                continue
            if (do := method()) is None:
                return  # the object is gone, and with it the callers of these jobs
            with doing:
                ends = do(jobs)
            _hand_back(ends)
            del do, ends  # they would keep the object alive until the next job


def _hand_back(ends: Iterable[End]) -> None:
    for loop, group in groupby(ends, key=lambda end: end.job.future.get_loop()):
        with contextlib.suppress(RuntimeError):  # the caller's event loop is closed
            loop.call_soon_threadsafe(_resolve, list(group))


def _resolve(ends: Iterable[End]) -> None:
    for (_, _, future), result, failure in ends:
        if future.done():
            continue  # the caller has gone
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)
