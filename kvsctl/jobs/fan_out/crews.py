"""The workers of units: a crew is a number of executors, each with one worker."""

import asyncio
import math
import signal
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Final, Protocol

from kvsctl.errors import ExitStatus
from kvsctl.jobs.fan_out.worker import ABORT, prepare

_STOP: Final = b"stop"


class Crew(Protocol):
    """Workers that take one unit each at a time."""

    size: int
    """How many units they work on at a time."""
    lost: tuple[type[Exception], ...]
    """The exceptions of a future whose worker died."""
    abort_seconds: float
    """How long to wait for units to end after an abort."""

    @property
    def gone(self) -> tuple[str, str] | None:
        """Why no worker can be reached any more, and what to do; None if they can."""
        ...

    def executor(self) -> AbstractAsyncContextManager[Executor]:
        """Return an executor for one unit after the other, which is closed after the last one.

        The event loop continues while it closes: signals are still handled if a worker hangs.
        """
        ...

    def send_stop(self, status: ExitStatus, *, is_abort: bool) -> None:
        """Stop the units in flight, or abort them. `status`: their exit code."""
        ...

    def close(self) -> None:
        """Release the workers."""
        ...


class _WorkerProcess(SpawnProcess):
    """A process that begins with Ctrl-C blocked, until it ignores it: see `worker.prepare`.

    Its start takes a second or more, and Ctrl-C reaches every process of a terminal. A process that
    has not ignored it yet would print a trace and die.
    """

    def start(self) -> None:
        """Start the process."""
        with _ctrl_c_blocked():
            super().start()


class _WorkerContext(SpawnContext):
    """Starts workers."""

    Process = _WorkerProcess


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Block SIGINT in this thread, and in processes that it starts inside the block.

    One that arrives meanwhile is handled after the block. Windows cannot block it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()  # starting its process inside the block would unblock SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ProcessCrew:
    """Processes of this machine, each with a pool of its own: if one dies, the others continue.

    They are spawned: a fork would copy the state of event loops and locks.
    """

    lost: tuple[type[Exception], ...] = (BrokenExecutor,)
    abort_seconds = math.inf
    gone = None

    def __init__(self, fan_out: str, size: int) -> None:
        self._fan_out = fan_out
        self.size = size
        self._pipes: list[Connection] = []

    @asynccontextmanager
    async def executor(self) -> AsyncIterator[Executor]:
        """See Crew."""
        context = _WorkerContext()
        far, near = context.Pipe(duplex=False)
        self._pipes.append(near)
        executor = ProcessPoolExecutor(
            1, mp_context=context, initializer=prepare, initargs=(self._fan_out, far)
        )
        try:
            yield executor
        finally:
            await asyncio.to_thread(executor.shutdown, cancel_futures=True)
            self._pipes.remove(near)
            near.close()
            far.close()

    def send_stop(self, status: ExitStatus, *, is_abort: bool) -> None:
        """See Crew."""
        for pipe in self._pipes:
            with suppress(OSError):  # it has died
                pipe.send((ABORT if is_abort else _STOP, int(status)))

    def close(self) -> None:
        """See Crew: each process has ended with its executor."""
