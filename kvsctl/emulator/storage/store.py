"""The database and the one thread that works on it, off the event loop.

Work runs in the order in which it was submitted. The work of `writing` is applied whole or not at
all, and once `writing` has returned, a killed process does not lose it. Several processes may use
the same file at the same time: writers wait for each other.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from kvsctl.emulator.refusals import DatabaseFailed
from kvsctl.emulator.storage import schema
from kvsctl.emulator.storage.rows import Rows

T = TypeVar("T")
Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Store:
    """A database opened at once (see `schema.connect`); its thread starts with the first work."""

    def __init__(self, path: Path | str, *, keep_expiry: bool = False) -> None:
        self.path = path
        self.connection = schema.connect(path)
        self.rows = Rows(self.connection, keep_expiry=keep_expiry)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in the store's thread; return its result or raise its exception.

        Raise DatabaseFailed if the database file cannot be read or written, or if the system
        refuses the thread.
        """
        if self._closed:
            raise RuntimeError("the store is closed")
        if self._thread is None:
            # A daemon thread, so that a process can exit without closing the store.
            thread = threading.Thread(target=self._work, name="emulator-store", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise DatabaseFailed(f"the database {self.path} cannot be used: {error}") from error
            self._thread = thread
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((work, future, loop))
        return await future

    def writing(self, work: Callable[[], T]) -> T:
        """Run `work` as one write transaction. Call it in the store's thread.

        Raise DatabaseFailed, with nothing applied, if the database file cannot be written.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            result = work()
            self.connection.execute("COMMIT")
        except BaseException as error:
            self.rows.forget_buckets()
            with contextlib.suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise schema.failure_of(error, self.path) from None
            raise
        return result

    def close(self) -> None:
        """Finish the submitted work, then close the file. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        self.connection.close()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future, loop = job
            result: Any = None
            failure: BaseException | None = None
            try:
                result = work()
            except sqlite3.Error as error:
                failure = schema.failure_of(error, self.path)
            except BaseException as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the caller's event loop is closed
                loop.call_soon_threadsafe(_resolve, future, result, failure)


def _resolve(future: "asyncio.Future[Any]", result: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)
