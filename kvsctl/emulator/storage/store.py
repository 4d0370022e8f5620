"""The database and its transactions: one piece of work at a time, done by one thread.

Work runs in the order in which it was submitted. A read may run on the event loop instead, while
the thread is idle: handing it over takes longer than most reads. A write transaction is applied
whole or not at all. Once its result is returned, it survives a kill of the process. Several
processes can use the same file at the same time: writers wait for each other.
"""

import asyncio
import contextlib
import sqlite3
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from kvsctl.emulator.refusals import ConnectionLost, DatabaseFailed
from kvsctl.emulator.storage import schema
from kvsctl.emulator.storage.rows import Rows
from kvsctl.emulator.storage.worker import End, Job, Worker

T = TypeVar("T")

_TOGETHER_SECONDS: Final = 0.002
"""How long further jobs may begin before the results of the first ones are returned."""


class Store:
    """A database opened at once (see `schema.connect`); its thread starts with the first work.

    `reads_on_loop`: reads may run on the event loop. A slow disk then holds up the whole loop.
    """

    def __init__(
        self, path: Path | str, *, keep_expiry: bool = False, reads_on_loop: bool = False
    ) -> None:
        self.path = path
        self._reads_on_loop = reads_on_loop
        self.connection = schema.connect(path)
        # A store need not be closed: what is answered is safe. Python warns of open connections.
        weakref.finalize(self, self.connection.close).atexit = False
        self.rows = Rows(self.connection, keep_expiry=keep_expiry)
        self._worker = Worker(self._do_some)
        self._finished = False

    async def run(self, work: Callable[[], T], *, writes: bool = False) -> T:
        """Run `work`, and return its result or raise its exception.

        With `writes`, it is one write transaction: if it raises, nothing of it is applied. Raise
        DatabaseFailed, with nothing applied, if the database file cannot be read or written, or if
        no thread can be started. Raise ConnectionLost if the store is closed.
        """
        may_run_at_once = self._reads_on_loop and not writes
        if may_run_at_once:
            await asyncio.sleep(0)  # signals, timers and other requests get a turn
        if self._finished:
            raise ConnectionLost("before its turn: the store is closed")
        if may_run_at_once and self._worker.try_hold():
            try:
                return self._at_once(work)
            finally:
                self._worker.release()
        try:
            self._worker.start()
        except RuntimeError as error:
            raise DatabaseFailed(f"the database {self.path} cannot be used: {error}") from error
        return await self._worker.submit(work, writes=writes)

    def _at_once(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except sqlite3.Error as error:
            raise self._explained(error) from None

    def writing(self, work: Callable[[], T]) -> T:
        """Run `work` as one write transaction. Call it in the store's thread.

        Raise DatabaseFailed, with nothing applied, if the database file cannot be written.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            result = work()
            self.connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            raise self._explained(error) from None
        return result

    def finish(self) -> None:
        """Finish the submitted work and take no more. The caller can then use the connection."""
        if not self._finished:
            self._finished = True
            self._worker.close()

    def close(self) -> None:
        """Finish the submitted work, then close the file. Closing twice is harmless."""
        self.finish()
        self.connection.close()

    def _do_some(self, jobs: deque[Job]) -> list[End]:
        """Run jobs from the left for a short time; see Worker."""
        deadline = time.monotonic() + _TOGETHER_SECONDS
        ends: list[End] = []
        while jobs and (not ends or time.monotonic() < deadline):
            if jobs[0].writes:
                ends += self._write_together(jobs, deadline)
            else:
                ends.append(self._end_of(jobs.popleft()))
        return ends

    def _write_together(self, jobs: deque[Job], deadline: float) -> list[End]:
        """Run the leading writes in one transaction, because a commit costs as much as a write.

        A write that fails is undone alone. No result is returned before the commit.
        """
        begun: list[Job] = []
        ends: list[End] = []
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            while jobs and jobs[0].writes and (not ends or time.monotonic() < deadline):
                begun.append(jobs.popleft())
                ends.append(self._end_apart(begun[-1]))
            self.connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            failure = self._explained(error)
            return [End(job, None, failure) for job in begun or [jobs.popleft()]]
        return ends

    def _end_apart(self, job: Job) -> End:
        """Run one job of a shared transaction. Raise its exception if it undid the transaction."""
        self.connection.execute("SAVEPOINT job")
        end = self._end_of(job)
        if end.failure is not None:
            if not self.connection.in_transaction:
                raise end.failure
            self.rows.forget_buckets()
            self.connection.execute("ROLLBACK TO job")
        self.connection.execute("RELEASE job")
        return end

    def _end_of(self, job: Job) -> End:
        try:
            return End(job, job.work(), None)
        except BaseException as error:
            return End(job, None, self._explained(error))

    def _explained(self, error: BaseException) -> BaseException:
        return schema.failure_of(error, self.path) if isinstance(error, sqlite3.Error) else error

    def _roll_back(self) -> None:
        self.rows.forget_buckets()
        with contextlib.suppress(sqlite3.Error):
            self.connection.execute("ROLLBACK")
