"""A thread with an event loop, and how other threads wait for what it does."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Final, Generic, NoReturn, TypeVar

from kvsctl.client.session import client_closed
from kvsctl.jobs.event_loop import quick_loop

_T = TypeVar("_T")
_LEAVE_SECONDS: Final = 5
"""How long closing a client waits for calls that are cut off. They need far less."""
_ENDS: Final = (KeyboardInterrupt, SystemExit)
"""Exceptions that stop the loop as well, if a task raises them."""


class LoopThread:
    """A thread that runs an event loop until `end` is called."""

    def __init__(self) -> None:
        self._process = os.getpid()
        begun: Future[asyncio.AbstractEventLoop] = Future()
        # A daemon: a client that is never closed must not keep the process alive.
        self._thread = threading.Thread(
            target=self._run, args=(begun,), name="kvsctl-client", daemon=True
        )
        self._thread.start()
        self.loop = begun.result()

    @property
    def is_current(self) -> bool:
        """Whether the caller is in this thread."""
        return threading.current_thread() is self._thread

    @property
    def is_of_this_process(self) -> bool:
        """Whether the thread exists: after a fork, the child has only the thread that forked."""
        return os.getpid() == self._process

    def end(self) -> None:
        """End the loop and wait for the thread. What is left on the loop is cancelled."""
        self.loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def _run(self, begun: "Future[asyncio.AbstractEventLoop]") -> None:
        try:
            with asyncio.Runner(loop_factory=quick_loop()) as runner:
                loop = runner.get_loop()
                ending = loop.create_task(self._until_ended(begun))
                while not ending.done():
                    # What a caller's iterable or listener raises to end the program is for its
                    # thread: see `captured`. The calls of other threads go on.
                    with suppress(*_ENDS):
                        loop.run_until_complete(ending)
        except BaseException as error:
            if begun.done():
                raise
            begun.set_exception(error)

    async def _until_ended(self, begun: "Future[asyncio.AbstractEventLoop]") -> None:
        self._ending = asyncio.Event()
        begun.set_result(asyncio.get_running_loop())
        await self._ending.wait()
        # Calls that were cut off still report what they did.
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=_LEAVE_SECONDS)


class Taking(Generic[_T]):
    """Lists that arrive on the loop. Only one call at a time takes the next or closes them.

    A call whose thread was interrupted may still be in progress when the next one begins.
    """

    def __init__(self, lists: AsyncGenerator[Sequence[_T], None]) -> None:
        self._lists = lists
        self._is_free = asyncio.Lock()

    @classmethod
    async def of(cls, begin: Callable[[], AsyncGenerator[Sequence[_T], None]]) -> "Taking[_T]":
        """Begin to take lists, on the loop."""
        return cls(begin())

    async def next(self) -> Sequence[_T] | None:
        """Return the next list; None at the end."""
        async with self._is_free:
            return await anext(self._lists, None)

    async def close(self) -> None:
        """Cut off what makes the lists."""
        async with self._is_free:
            await self._lists.aclose()


async def captured(work: Coroutine[Any, Any, _T]) -> Callable[[], _T]:
    """Carry out work. Return a function that returns its result or raises its exception.

    A future of another thread would replace some exceptions, such as TimeoutError, by new ones
    without their notes. An exception that ends a thread, such as SystemExit of a listener, is for
    the thread that called.
    """
    try:
        result = await work
    except (Exception, asyncio.CancelledError, *_ENDS) as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return _raising(error)
    return lambda: result


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail


def result_of(future: "Future[Callable[[], _T]]") -> _T:
    """Wait for a call that `captured` carries out. Cut it off if this thread is interrupted."""
    try:
        ended = future.result()
    except CancelledError:
        raise client_closed() from None
    finally:
        future.cancel()  # no effect unless this thread was interrupted
    return ended()
