"""A call that blocks, in a thread that nobody has to wait for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

_T = TypeVar("_T")


async def in_daemon_thread(work: Callable[[], _T]) -> _T:
    """Awaits `work()`, which runs in a thread of its own.

    Unlike with `asyncio.to_thread`, neither the loop nor the process waits for the thread when
    whoever awaits is cancelled: nothing ends a call that hangs. Raises what `work` raises.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def settle(settling: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else settling())

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            failure = error
            settle(lambda: done.set_exception(failure))
        else:
            settle(lambda: done.set_result(result))

    threading.Thread(target=run, name="kvsctl-blocking", daemon=True).start()
    return await done
