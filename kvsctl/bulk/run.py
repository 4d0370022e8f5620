"""One run: records in from a feed, requests out, every record settled once. The orchestration.

What is to be decided is decided in the modules beside it.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from random import Random

from kvsctl.bulk.events import Listener, RecordsRead
from kvsctl.bulk.feeds import Feed
from kvsctl.bulk.intake import Admission, failed_check
from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.pacing.concurrency import Concurrency
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import Caller, Pressure, RunPlan
from kvsctl.bulk.retrying.give_up import too_many_failures, unreachable
from kvsctl.bulk.sending.chooser import Chooser
from kvsctl.bulk.sending.queue import Batch, SendQueue
from kvsctl.bulk.sending.run_state import Bench
from kvsctl.bulk.sending.sender import Sender
from kvsctl.bulk.settling.ledger import Ledger
from kvsctl.bulk.settling.verify import ReadBack
from kvsctl.errors import KvsctlError
from kvsctl.model import GET, Outcome, Problem, Record, State


class Run:
    """Carries out a plan. Listeners hear of everything; the run itself writes nothing.

    `pacer` may be shared by several runs on one installation, at the same time or one after the
    other, so that they keep to one quota together. Its pace then replaces that of the plan.
    """

    def __init__(
        self,
        plan: RunPlan,
        service: Caller,
        listeners: Sequence[Listener],
        *,
        pressure: Callable[[], Pressure] = lambda: Pressure.NONE,
        pacer: Pacer | None = None,
        random: Random | None = None,
    ) -> None:
        self._plan = plan
        self._now = asyncio.get_running_loop().time
        self._lanes = Lanes(join=plan.verb is GET)
        self._queue = SendQueue(self._lanes, plan.packing, counts_units=plan.verb is not GET)
        self._concurrency = Concurrency(
            plan.concurrency,
            is_found=plan.finds_concurrency,
            window_bytes=plan.window_bytes,
            read_batch=plan.packing.max_records if plan.verb is GET else 0,
        )
        self._ledger = Ledger(
            self._lanes, listeners, changed=self._look_after_settling, stop=self.stop
        )
        self._pacer = pacer or Pacer(plan.pace, self._now)
        jitter = random or Random()  # noqa: S311 - no secret
        bench = Bench(
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
        self._admission = Admission(self._lanes, plan)
        self._chooser = Chooser(bench, pressure)
        self._sender = Sender(bench)
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._away: dict[asyncio.Task[None], Batch] = {}
        self._aborted: list[Record] = []
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
        self._pacer.subscribe(self.wake)
        intake = asyncio.create_task(self._take_in(feed))
        try:
            await self._dispatch()
        finally:
            self._pacer.unsubscribe(self.wake)
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
        if self._crowded:
            self._room.set()
        if len(self._away) < self._concurrency.limit:
            self._changed.set()

    async def _take_in(self, feed: Feed) -> None:
        try:
            while (pieces := await feed.get()) is not None and not self._stopping:
                self._starved = not pieces
                if pieces:
                    self._ledger.tell(RecordsRead(len(pieces)))
                    self._admission.arrive(pieces)
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
        admission = self._admission
        while not admission.is_empty:
            await self._await_room()
            self._ledger.settle_here(admission.admit())

    async def _await_room(self) -> None:
        while self._admission.is_full:
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
            batch = self._next_batch(len(self._away))
            if batch is None:
                await self._await_change(due)
                continue
            task = asyncio.create_task(self._send_on(batch))
            self._away[task] = batch
            task.add_done_callback(self._sender_ended)

    async def _send_on(self, batch: Batch | None) -> None:
        """Sends a batch, and after it what may go next, until there is nothing to send at once."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        while batch is not None:
            await self._sender.send(batch)
            self._came_back(batch)
            batch = self._next_batch(len(self._away) - 1)
            if batch is not None:
                self._away[task] = batch

    def _is_done(self) -> bool:
        if self._away:
            return False
        if self._stopping:
            return self._now() >= self._reads_until or not self._queue.has_unread
        return self._input_ended and not self._lanes.admitted

    def _next_batch(self, away: int) -> Batch | None:
        if not self._stopping:
            flush = self._starved or self._crowded or self._input_ended
            return self._chooser.next_batch(away, flush=flush)
        is_late = self._now() >= self._reads_until
        return None if is_late else self._chooser.next_unread(away)

    def _next_due(self) -> float | None:
        """When a resend comes due that is not due yet."""
        due = self._queue.next_due
        return due if due is not None and due > self._now() else None

    async def _await_change(self, due: float | None) -> None:
        """Until something changed, or until a wait is over; at once if it is over by now."""
        ends = self._reads_until if self._stopping and self._reads_until > self._now() else None
        ways = (due, self._chooser.paced_until, ends)
        waits = [at for at in ways if at is not None and at < math.inf]
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

    def _came_back(self, batch: Batch) -> None:
        was_busy = 4 * len(self._away) >= 3 * self._concurrency.limit
        self._sender.came_back(batch, was_busy=was_busy and self._chooser.paced_until is None)
        self._admission.window = self._plan.window_at(self._concurrency.limit)

    def _sender_ended(self, task: asyncio.Task[None]) -> None:
        batch = self._away[task]
        self._sender.release(batch)
        if task.cancelled():
            self._aborted += batch.records
        elif (error := task.exception()) is not None:
            self._crashed(error)
        del self._away[task]
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
            failed_check(piece) if isinstance(piece, Problem) else _left_over(piece)
            for piece in self._admission.left
        ]
        self._ledger.settle_away(cut_off + resends)
        self._ledger.settle_here(never_sent + not_admitted)


def _left_over(record: Record) -> Outcome:
    if isinstance(record, ReadBack):
        # It was written; whether it is there was still to be seen.
        return Outcome(record.written or record, State.UNKNOWN)
    return Outcome(record, State.UNKNOWN if record.ambiguous else State.UNSENT)
