"""The event loop of a command, and the garbage collector's settings while it runs."""

import asyncio
import gc
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from kvsctl.errors import UsageError
from kvsctl.files.descriptors import require_descriptors
from kvsctl.unexpected import is_memory_scarce, job_at_work, spare_memory_bytes

_T = TypeVar("_T")
_THREADS_BYTES: Final = 24 << 20
"""The stacks of two threads, 8 MiB each, and what they do."""
_UVLOOP_BYTES: Final = 128 << 20
"""The least that uvloop needs: four threads with stacks of 8 MiB, and room for what they do."""


def on_a_loop(work: Coroutine[Any, Any, _T], *, has_network: bool) -> _T:
    """Run a coroutine to its end, on uvloop if it is installed and the coroutine uses sockets.

    The garbage collector is made to run rarely: everything loaded before stays for the life of
    the process, and a run creates few reference cycles. Raise UsageError if the process may open
    too few files.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        require_descriptors()
        _require_memory()
        runner = asyncio.Runner(loop_factory=quick_loop() if has_network else None)
        if not os.environ.get("KVSCTL_DEBUG"):
            runner.get_loop().set_exception_handler(_ignore)
        with job_at_work(), _closing(runner):
            return runner.run(work)
    finally:
        work.close()  # it has not begun if there is no loop


def _require_memory() -> None:
    """Raise UsageError if the process cannot get the memory that its threads need.

    A thread without memory may neither begin nor end, and the command would wait for it forever.
    """
    spare_bytes = spare_memory_bytes()
    if spare_bytes is not None and spare_bytes < _THREADS_BYTES:
        raise UsageError(
            f"cannot use {_THREADS_BYTES >> 20} MiB more memory: the process is out of memory",
            "Raise the limit on memory (ulimit -v).",
        )


@contextmanager
def _closing(runner: asyncio.Runner) -> Iterator[None]:
    """Close `runner` at the end, unless memory is scarce: the process is about to end.

    Closing starts a thread. If it has no memory to begin, `Thread.start` waits for it forever.
    """
    try:
        yield
    finally:
        if not is_memory_scarce():
            runner.close()


def _ignore(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """Log nothing: messages such as "Task was destroyed" are about work that was cut off."""


def quick_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop factory, or None if uvloop is not installed or memory is too scarce.

    With uvloop, a request takes a third of the time. Importing it takes about 4 ms. It aborts the
    process if it cannot start its threads.
    """
    spare_bytes = spare_memory_bytes()
    if spare_bytes is not None and spare_bytes < _UVLOOP_BYTES:
        return None
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop
