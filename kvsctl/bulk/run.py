"""One run: records in from a feed, requests out, every record settled once.

This is the orchestration. The modules beside it make the decisions.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Final
from weakref import proxy

from kvsctl.bulk.alike import FailedChecks
from kvsctl.bulk.events import Event, Listener, WaitReason, waiting_after
from kvsctl.bulk.failure_limit import FailureLimit
from kvsctl.bulk.feeds import Feed
from kvsctl.bulk.intake import Intake
from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.bulk.pacing.concurrency import Concurrency
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import Caller, Pressure, RunPlan
from kvsctl.bulk.retrying.give_up import too_many_failures, unreachable
from kvsctl.bulk.retrying.policy import RANDOM
from kvsctl.bulk.sending.chooser import Chooser
from kvsctl.bulk.sending.queue import Batch
from kvsctl.bulk.sending.reading_first import queue_of
from kvsctl.bulk.sending.run_state import RunState
from kvsctl.bulk.sending.sender import Sender
from kvsctl.bulk.settling.ledger import Ledger
from kvsctl.bulk.settling.precondition import ReadFirst
from kvsctl.bulk.settling.verify import ReadBack
from kvsctl.bulk.stopping import Stopping
from kvsctl.errors import KvsctlError
from kvsctl.model import GET, Outcome, Problem, Record, State
from kvsctl.service.faults import FaultKind

_SHORT_WAIT_SECONDS: Final = 0.5
"""Shorter waits are not reported to listeners."""


class Run:
    """Carries out a plan. Listeners receive its events; the run itself writes nothing.

    More may be added to the list of `listeners` until `work` is called.

    Several runs on one installation, at the same time or one after the other, can share a `pacer`,
    and so one quota. Its pace then replaces that of the plan.
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
        # Its parts hold no reference to the run, so it is freed when it ends, without the garbage
        # collector, which takes as long as a small run.
        itself: Run = proxy(self)
        self._plan = plan
        self._now = asyncio.get_running_loop().time
        self._changed = asyncio.Event()
        self._lanes = Lanes(join=plan.verb is GET, keeps_first=plan.precondition.keeps_first)
        self._queue = queue_of(plan, self._lanes)
        self._concurrency = Concurrency(
            plan.concurrency,
            is_found=plan.finds_concurrency,
            window_bytes=plan.window_bytes,
            read_batch=plan.packing.max_records if plan.verb is GET else 0,
        )
        self._limit = FailureLimit(plan.max_failures)
        self._ledger = Ledger(
            self._lanes,
            listeners,
            inner=[self._limit] if self._limit.is_limited else [],
            changed=lambda: itself._note_settled(),
            stop=lambda error: itself.stop(error),
        )
        self._pacer = pacer or pacer_of(plan.pace)
        self._stopping = Stopping(self._now, plan.stop_seconds)
        self._intake = Intake(
            self._lanes,
            self._ledger,
            plan,
            self._stopping,
            changed=self._changed.set,
            limit=self._limit,
        )
        state = RunState(
            plan,
            service,
            self._queue,
            self._pacer,
            self._concurrency,
            self._ledger,
            self._stopping,
            self._changed.set,
            lambda error: itself.stop(error),
            self._now,
            random or RANDOM,
        )
        self._patience, self._tokens = state.patience, state.tokens
        self._chooser = Chooser(state, pressure)
        self._sender = Sender(state)
        self._in_flight: dict[asyncio.Task[None], Batch] = {}
        self._cut_off: list[Record] = []

    async def work(self, feed: Feed) -> KvsctlError | None:
        """Work until the feed ends and every record is settled, or until the run is stopped.

        Return the error that ended the run early; None after `stop()` without an error or
        `abort()`. However the run ends, each record that was read has been settled.
        """
        self._pacer.subscribe(self.wake)
        shared = self._plan.shared_window
        if shared is not None:
            shared.join(self._lanes)
        reading = asyncio.create_task(self._intake.read(feed))
        try:
            await self._dispatch()
        finally:
            self._pacer.unsubscribe(self.wake)
            if shared is not None:
                shared.leave(self._lanes)
            feed.close()
            reading.cancel()
            for task in self._in_flight:
                task.cancel()
            self._tokens.cancel()
            tasks = [*self._in_flight, *self._tokens.tasks]
            if tasks or not reading.done():
                await asyncio.gather(reading, *tasks, return_exceptions=True)
        if self._stopping.crash is not None:
            raise self._stopping.crash
        if self._lanes.admitted or self._intake.not_admitted:
            self._settle_the_rest()
        unreached = self._sender.unreached
        if not self._stopping.is_stopping and unreached is not None and self._ledger.failures:
            return self._stopping.error or unreachable(unreached)
        return self._stopping.error

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return len(self._in_flight)

    @property
    def is_cut_short(self) -> bool:
        """Whether the run ended before its feed ended or failed."""
        return self._intake.is_cut_short

    @property
    def is_torn(self) -> bool:
        """Whether a listener has crashed on an event. Others may or may not have received it."""
        return self._ledger.is_torn

    def stop(self, error: KvsctlError | None = None) -> None:
        """Read no more input. Finish and settle the requests in flight.

        Without an error, records that were written and wait to be verified are still read back,
        once, for at most the plan's `stop_seconds`. For other records, no token is awaited.
        """
        self._stopping.begin(error)
        self._tokens.release()
        self.wake()

    def run_out_of_time(self) -> None:
        """Read no more input. Finish and settle what was begun.

        Requests in flight are finished. For at most the plan's `stop_seconds`, records with an
        unanswered attempt are retried, and written records are read back. An error in that time
        counts like one before it.
        """
        self._stopping.run_out_of_time()
        self._tokens.release()
        self.wake()

    def abort(self) -> None:
        """Stop at once. Requests in flight are cut off, and their records count as unknown."""
        self._stopping.cut_off()
        self.wake()
        for task in self._in_flight:
            task.cancel()

    def emit(self, event: Event) -> None:
        """Pass an event of the run's input to the listeners."""
        self._ledger.emit(event)

    def wake(self) -> None:
        """Make the run check again what it can send. Call this when the pressure has changed."""
        self._changed.set()
        self._intake.wake()

    async def _dispatch(self) -> None:
        """Start requests, as many at a time as allowed, until nothing is left to do."""
        while not self._is_done():
            self._changed.clear()
            # Read before a batch is chosen: a resend due from here on is either sent or waited for.
            due = self._next_due()
            batch = self._next_batch(len(self._in_flight))
            if batch is None:
                await self._await_change(due)
                self._end_if_overdue()
                continue
            task = asyncio.create_task(self._send_on(batch))
            self._in_flight[task] = batch
            task.add_done_callback(self._sender_ended)

    async def _send_on(self, batch: Batch | None) -> None:
        """Send a batch, then the next, until none may be sent now."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        while batch is not None:
            await self._sender.send(batch)
            self._note_returned(batch)
            if self._queue.is_empty:
                return
            batch = self._next_batch(len(self._in_flight) - 1)
            if batch is not None:
                self._in_flight[task] = batch

    def _is_done(self) -> bool:
        if self._in_flight:
            return False
        if self._stopping.is_stopping:
            may_fail = self._stopping.takes_errors and bool(self._tokens.tasks)
            return not (may_fail or self._queue.may_be_sent(self._stopping))
        # The next token is awaited, too: its command may already have used up the old one.
        return self._intake.has_ended and not (self._lanes.admitted or self._tokens.tasks)

    def _next_batch(self, in_flight: int) -> Batch | None:
        queue = self._queue
        is_wanted = not queue.is_empty and queue.may_be_sent(self._stopping)
        if is_wanted and not self._tokens.admit():
            self._chooser.paced_until = None  # no batch waits for its turn
            return None
        if not self._stopping.is_stopping:
            return self._chooser.next_batch(in_flight, flush=self._intake.has_no_more_for_now)
        if self._stopping.may_read_back:
            if self._stopping.finishes:
                return self._chooser.next_begun(in_flight)
            return self._chooser.next_unread(in_flight)
        self._chooser.paced_until = None  # no further batch waits for its turn
        return None

    def _next_due(self) -> float | None:
        """Return when the next resend comes due, if it is not due yet."""
        queue = self._queue
        due = queue.next_begun_due if self._stopping.finishes else queue.next_due
        return due if due is not None and due > self._now() else None

    async def _await_change(self, due: float | None) -> None:
        """Wait until something changes or a wait is over. Return at once if it is over already."""
        has_room = len(self._in_flight) < self._concurrency.limit
        wait_over = self._wait_over(due) if has_room else None
        if wait_over is None:
            await self._changed.wait()
            return
        self._note_wait(wait_over - self._now(), has_retries=due is not None)
        try:
            async with asyncio.timeout_at(wait_over):
                await self._changed.wait()
        except TimeoutError:
            return

    def _wait_over(self, due: float | None) -> float | None:
        """Return when to look again even if nothing has changed; None: never."""
        ends = (due, self._chooser.paced_until, self._stopping.deadline, self._overdue_at)
        return min([at for at in ends if at is not None and at < math.inf], default=None)

    def _note_wait(self, wait_seconds: float, *, has_retries: bool) -> None:
        """Notify listeners why nothing is sent, unless the wait is short.

        After a 429, they have been notified already. `has_retries`: records wait to be sent again.
        """
        if self._in_flight or self._tokens.is_awaited:
            return
        if wait_seconds < _SHORT_WAIT_SECONDS or self._pacer.is_probing:
            return
        fault = self._sender.trouble
        if fault is not None:
            is_unreached = fault.kind is FaultKind.UNREACHED
            reason = WaitReason.UNREACHABLE if is_unreached else WaitReason.FAILING
        elif self._chooser.paced_until is not None and not self._pacer.held_seconds:
            reason = WaitReason.QUOTA
        elif self._chooser.paced_until is None and has_retries:
            reason = WaitReason.RETRYING
        else:
            return
        self._ledger.emit(waiting_after(reason, wait_seconds, fault))

    @property
    def _overdue_at(self) -> float:
        """When the run ends because records wait and the service answers nothing but 429."""
        is_waiting = self._lanes.admitted and not (self._in_flight or self._tokens.is_awaited)
        is_waiting = is_waiting and not self._stopping.is_stopping
        return self._patience.throttled_until if is_waiting else math.inf

    def _end_if_overdue(self) -> None:
        if self._overdue_at <= self._now():
            self.stop(self._patience.overdue(self._now()))

    def _note_settled(self) -> None:
        if self._limit.is_limited:
            self._note_failures()
        if self._intake.is_crowded:
            self._intake.wake()
        if len(self._in_flight) < self._concurrency.limit and not self._queue.is_empty:
            self._changed.set()

    def _note_failures(self) -> None:
        if self._limit.is_reached(self._ledger.failures):
            self.stop(too_many_failures(self._ledger.failures))
        elif not self._stopping.is_stopping:
            self._intake.settle_held()

    def _note_returned(self, batch: Batch) -> None:
        if batch.start is not None:
            self._sender.release(batch)
        if self._plan.finds_concurrency:
            was_busy = 4 * len(self._in_flight) >= 3 * self._concurrency.limit
            was_busy = was_busy and self._chooser.paced_until is None
            self._concurrency.note_end(self._now(), was_busy=was_busy)
            self._intake.fit_window(self._concurrency.limit)

    def _sender_ended(self, task: asyncio.Task[None]) -> None:
        batch = self._in_flight.pop(task)
        self._sender.release(batch)
        if task.cancelled():
            self._cut_off += self._queue.split(batch)
        elif (crash := task.exception()) is not None:
            self._stopping.note_crash(crash)
        # If others are in flight and nothing is queued, there is nothing to send or to end now.
        if not (self._in_flight and self._queue.is_empty) or self._stopping.is_stopping:
            self.wake()

    def _settle_the_rest(self) -> None:
        """Settle the records left after a stop: as unsent, or as unknown if they may be applied."""
        cut_off = [_left_over(record) for record in self._cut_off]
        resends = [_left_over(record) for record in self._queue.drain_resends()]
        never_sent = [_left_over(record) for record in self._lanes.drain()]
        not_admitted = [
            self._unread(piece) if isinstance(piece, Problem) else _left_over(piece)
            for piece in self._intake.not_admitted
        ]
        self._ledger.settle_away(cut_off + resends)
        self._ledger.settle_here(never_sent + not_admitted)

    def _unread(self, problem: Problem) -> Outcome:
        """Return the outcome of a problem left after a stop: unsent if failures ended the run."""
        is_ahead = self._limit.is_reached(self._ledger.failures)
        return Outcome(problem, State.UNSENT) if is_ahead else FailedChecks.outcome_of(problem)


def _left_over(record: Record) -> Outcome:
    if isinstance(record, ReadBack):
        # It was written, but it was not yet verified.
        return Outcome(record.written or record, State.UNKNOWN)
    if isinstance(record, ReadFirst):
        return _left_over(record.to_write)
    return Outcome(record, State.UNKNOWN if record.ambiguous else State.UNSENT)
