"""One run: records in from a feed, requests out, every record settled once. The orchestration.

What is to be decided is decided in the modules beside it.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from random import Random

from kvsctl.bulk.bench import Bench
from kvsctl.bulk.concurrency import Concurrency
from kvsctl.bulk.endings import too_many_failures, unreachable
from kvsctl.bulk.events import Listener, RecordsRead
from kvsctl.bulk.feed import Feed
from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.ledger import Ledger
from kvsctl.bulk.pacing import Pacer
from kvsctl.bulk.plan import Caller, Pressure, RunPlan
from kvsctl.bulk.queue import Batch, SendQueue
from kvsctl.bulk.sender import Sender
from kvsctl.bulk.verify import ReadBack
from kvsctl.errors import KvsctlError
from kvsctl.model import Failure, Outcome, Problem, Record, State, Verb


class Run:
    """Carries out a plan. Listeners hear of everything; the run itself writes nothing."""

    def __init__(
        self,
        plan: RunPlan,
        service: Caller,
        listeners: Sequence[Listener],
        *,
        pressure: Callable[[], Pressure] = lambda: Pressure.NONE,
        random: Random | None = None,
    ) -> None:
        self._plan = plan
        self._window = plan.window_at(plan.concurrency)
        self._pressure = pressure
        self._now = asyncio.get_running_loop().time
        self._lanes = Lanes(join=plan.verb is Verb.GET)
        self._queue = SendQueue(self._lanes, plan.packing, counts_units=plan.verb is not Verb.GET)
        self._pacer = Pacer(plan.pace, self._now)
        self._concurrency = Concurrency(plan)
        self._ledger = Ledger(
            self._lanes, listeners, changed=self._look_after_settling, stop=self.stop
        )
        jitter = random or Random()  # noqa: S311 - no secret
        self._sender = Sender(
            Bench(
                plan,
                service,
                self._queue,
                self._pacer,
                self._concurrency,
                self._ledger,
                self.stop,
                self._now,
                jitter,
            )
        )
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._arrived: deque[Record | Problem] = deque()
        self._away: dict[asyncio.Task[None], Batch] = {}
        self._aborted: list[Record] = []
        self._paced_until: float | None = None
        self._starved = False
        self._crowded = False
        self._input_ended = False
        self._stopping = False
        self._reads_until = -math.inf
        self._error: KvsctlError | None = None
        self._crash: BaseException | None = None

    async def work(self, feed: Feed) -> KvsctlError | None:
        """Works until the feed ends and every record is settled, or until it is stopped.

        Returns what ended the run early, if anything but `stop()` or `abort()` did. However it
        ends, each record that was read has been settled.
        """
        intake = asyncio.create_task(self._take_in(feed))
        try:
            await self._dispatch()
        finally:
            feed.close()
            intake.cancel()
            for task in self._away:
                task.cancel()
            await asyncio.gather(intake, *self._away, return_exceptions=True)
        if self._crash is not None:
            raise self._crash
        self._settle_the_rest()
        unreached = self._sender.unreached
        if not self._stopping and unreached is not None and self._ledger.failures:
            self._error = unreachable(unreached)
        return self._error

    def stop(self, error: KvsctlError | None = None) -> None:
        """Takes no more in; what is on its way is finished and settled.

        Without an error, what was written and is to be verified is still read back, once, for at
        most the plan's `stop_seconds`.
        """
        if not self._stopping:
            self._stopping, self._error = True, error
            if error is None:
                self._reads_until = self._now() + self._plan.stop_seconds
        self.wake()

    def abort(self) -> None:
        """Stops at once: what is on its way is cut off and counts as unknown."""
        self.stop()
        self._reads_until = -math.inf
        for task in self._away:
            task.cancel()

    def wake(self) -> None:
        """Makes the run look again; to be called when the pressure has changed."""
        self._changed.set()
        self._room.set()

    def _look_after_settling(self) -> None:
        limit, failures = self._plan.max_failures, self._ledger.failures
        if limit is not None and failures >= max(1, limit):
            self.stop(too_many_failures(failures))
        self.wake()

    async def _take_in(self, feed: Feed) -> None:
        try:
            while (pieces := await feed.get()) is not None and not self._stopping:
                self._starved = not pieces
                if pieces:
                    self._ledger.tell(RecordsRead(len(pieces)))
                    self._arrived.extend(pieces)
                    await self._admit_arrived()
                self.wake()
        except KvsctlError as error:
            # What was read before is as good as ever: it is still sent.
            self._error = self._error or error
        except Exception as error:
            self._crashed(error)
        self._input_ended = True
        self.wake()

    async def _admit_arrived(self) -> None:
        settled: list[Outcome] = []
        while self._arrived:
            if self._is_full:
                self._ledger.settle_here(settled)
                settled = []
                await self._await_room()
            self._admit_some(settled)
        self._ledger.settle_here(settled)

    def _admit_some(self, settled: list[Outcome]) -> None:
        """Admits what the window has room for; `settled` gets what ends thereby."""
        lanes, arrived, most_bytes = self._lanes, self._arrived, self._plan.window_bytes
        count = min(len(arrived), self._window - lanes.admitted)
        pieces = list(islice(arrived, count))
        records = [piece for piece in pieces if isinstance(piece, Record)]
        if len(records) == count and self._fits(records) and lanes.admit_all(records):
            for _ in range(count):
                arrived.popleft()
            return
        for piece in pieces:
            arrived.popleft()
            if isinstance(piece, Problem):
                settled.append(_failed_check(piece))
                continue
            replaced = lanes.admit(piece)
            if replaced is not None:
                settled.append(Outcome(replaced, State.DUPLICATE))
            if lanes.admitted_bytes >= most_bytes:
                return

    def _fits(self, records: Sequence[Record]) -> bool:
        """Whether all of them leave the window room in bytes."""
        coming_bytes = sum([len(record.body) for record in records])
        return self._lanes.admitted_bytes + coming_bytes < self._plan.window_bytes

    @property
    def _is_full(self) -> bool:
        lanes, most_bytes = self._lanes, self._plan.window_bytes
        return lanes.admitted >= self._window or lanes.admitted_bytes >= most_bytes

    async def _await_room(self) -> None:
        while self._is_full:
            self._crowded = True
            self._changed.set()
            self._room.clear()
            await self._room.wait()
        self._crowded = False

    async def _dispatch(self) -> None:
        while not self._is_done():
            self._changed.clear()
            # Looked at before the batch: what comes due from here on is either sent or waited for.
            due = self._next_due()
            batch = self._next_batch()
            if batch is None:
                await self._await_change(due)
                continue
            self._start(batch)
            task = asyncio.create_task(self._sender.send(batch))
            self._away[task] = batch
            task.add_done_callback(self._came_back)

    def _is_done(self) -> bool:
        if self._away:
            return False
        if self._stopping:
            return self._now() >= self._reads_until or not self._queue.has_unread
        return self._input_ended and not self._lanes.admitted

    def _next_batch(self) -> Batch | None:
        self._paced_until = None
        if len(self._away) >= self._concurrency.limit or self._is_paced(self._pacer.held_seconds):
            return None
        if self._stopping:
            is_late = self._now() >= self._reads_until
            return None if is_late else self._queue.next_unread(self._admits)
        pressure = self._pressure()
        if pressure is Pressure.STOP:
            return None
        # While probing, not the refused ones first: if only those are refused, others end it.
        is_probing = self._pacer.is_probing and pressure is Pressure.NONE
        if is_probing and (batch := self._next_new()) is not None:
            return batch
        resend = self._queue.next_resend(self._now(), self._admits)
        if resend is not None or self._paced_until is not None:
            return resend
        nothing_older = not self._away and self._queue.next_due is None
        if pressure is Pressure.OLDEST_ONLY:
            if not nothing_older:
                return None
            if (last := self._queue.next_last(self._admits)) is not None:
                return last
        batch = self._next_new()
        if batch is None and nothing_older:
            return self._queue.next_last(self._admits)
        return batch

    def _next_new(self) -> Batch | None:
        flush = self._starved or self._crowded or self._input_ended
        return self._queue.next_new(flush=flush, admits=self._admits)

    def _admits(self, batch: Batch) -> bool:
        """Whether the pacer lets a batch start now; if not, when is noted."""
        reads = self._sender.reads(batch)
        batch.units = units = self._sender.price(batch)
        return not self._is_paced(self._pacer.wait_seconds(units, reads=reads))

    def _is_paced(self, wait_seconds: float) -> bool:
        if wait_seconds > 0:
            self._paced_until = self._now() + wait_seconds
        return wait_seconds > 0

    def _start(self, batch: Batch) -> None:
        reads = self._sender.reads(batch)
        batch.start = self._pacer.start(batch.units, len(batch.records), reads=reads)

    def _next_due(self) -> float | None:
        """When a resend comes due that is not due yet."""
        due = self._queue.next_due
        return due if due is not None and due > self._now() else None

    async def _await_change(self, due: float | None) -> None:
        """Until something changed, or until a wait is over; at once if it is over by now."""
        ends = self._reads_until if self._stopping and self._reads_until > self._now() else None
        waits = [at for at in (due, self._paced_until, ends) if at is not None and at < math.inf]
        wait_over = min(waits, default=None)
        has_room = len(self._away) < self._concurrency.limit
        if wait_over is None or not has_room:
            await self._changed.wait()
            return
        try:
            async with asyncio.timeout_at(wait_over):
                await self._changed.wait()
        except TimeoutError:
            return

    def _came_back(self, task: asyncio.Task[None]) -> None:
        was_busy = 4 * len(self._away) >= 3 * self._concurrency.limit
        batch = self._away.pop(task)
        self._sender.came_back(batch, was_busy=was_busy and self._paced_until is None)
        self._window = self._plan.window_at(self._concurrency.limit)
        if task.cancelled():
            self._aborted += batch.records
        elif (error := task.exception()) is not None:
            self._crashed(error)
        self.wake()

    def _crashed(self, error: BaseException) -> None:
        self._crash = error
        self.stop()
        self._reads_until = -math.inf

    def _settle_the_rest(self) -> None:
        """After a stop: each record that is left is unsent, or unknown if it may be applied."""
        cut_off = [_left_over(record) for record in self._aborted]
        resends = [_left_over(record) for record in self._queue.drain_resends()]
        never_sent = [_left_over(record) for record in self._lanes.drain()]
        not_admitted = [
            _failed_check(piece) if isinstance(piece, Problem) else _left_over(piece)
            for piece in self._arrived
        ]
        self._ledger.settle_away(cut_off + resends)
        self._ledger.settle_here(never_sent + not_admitted)


def _failed_check(problem: Problem) -> Outcome:
    return Outcome(problem, State.FAILED, Failure(problem.code, problem.message))


def _left_over(record: Record) -> Outcome:
    if isinstance(record, ReadBack):
        # It was written; whether it is there was still to be seen.
        return Outcome(record.written or record, State.UNKNOWN)
    return Outcome(record, State.UNKNOWN if record.ambiguous else State.UNSENT)
