"""Wait on an event loop for work that may hang."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

_T = TypeVar("_T")


async def in_daemon_thread(work: Callable[[], _T]) -> _T:
    """Run `work()` in a daemon thread and return its result. Raise what `work` raises.

    A call that hangs cannot be cancelled. So, unlike with `asyncio.to_thread`, the loop and the
    process do not wait for the thread once the caller is cancelled.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def finish(set_outcome: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed, so no caller is left
            loop.call_soon_threadsafe(lambda: None if done.done() else set_outcome())

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            failure = error
            finish(lambda: done.set_exception(failure))
        else:
            finish(lambda: done.set_result(result))

    threading.Thread(target=run, name="kvsctl-blocking", daemon=True).start()
    return await done
