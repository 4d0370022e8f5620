"""Send one batch, notify listeners, and act on the answer."""

import asyncio
from asyncio import CancelledError
from collections.abc import Sequence
from datetime import UTC, datetime

from kvsctl.bulk.events import WaitReason, request_ended, waiting_after
from kvsctl.bulk.pacing.charges import charged_units, note_end
from kvsctl.bulk.sending.answers import take_fault, take_reply
from kvsctl.bulk.sending.queue import Batch
from kvsctl.bulk.sending.run_state import RunState
from kvsctl.errors import StreamError
from kvsctl.model import GET, Outcome, Record, State, Verb
from kvsctl.service.bridges import UndescribedBridge
from kvsctl.service.client import Answer, AskFirst
from kvsctl.service.faults import Fault, unsent
from kvsctl.slabs import Slab, any_expires_by


class Sender:
    """Sends the batches of a run, each by `send`."""

    def __init__(self, run: RunState) -> None:
        self._run = run
        self._was_answered = False
        self._last_fault: Fault | None = None
        self._question: asyncio.Task[Answer] | None = None
        """Whether the target is a bridge: see `AskFirst`."""

    @property
    def unreached(self) -> Fault | None:
        """The last fault, if no request of the run was ever answered."""
        return None if self._was_answered else self._last_fault

    @property
    def trouble(self) -> Fault | None:
        """Why requests fail, if the last ones did."""
        return self._last_fault if self._run.patience.rounds_failed else None

    async def send(self, batch: Batch) -> None:
        """Send a batch once. Its records are settled or queued again when this returns."""
        run = self._run
        may_expire = not isinstance(batch.records, Slab) or batch.records.expiries is not None
        if may_expire and not self._skip_expired(batch):
            return
        if run.plan.precondition.keeper is not None and not await self._kept(batch):
            return
        records = batch.records
        is_retry = not batch.packed_bytes and any(record.attempts for record in records)
        _count_attempts(records, 1)
        batch.round = run.patience.rounds_begun
        verb = run.verb_of(batch)
        try:
            answer = await run.service.call(verb, records)
        except CancelledError:
            for record in run.queue.split(batch):
                record.ambiguous = True
            self._note_cut_off(batch)
            raise
        except AskFirst as held:
            await self._ask_first(batch, held)
            return
        except (StreamError, UndescribedBridge) as error:  # nothing was applied: no retry helps
            run.queue.resend(batch, run.now())
            run.stop(error)
            return
        self._note_answer(batch, verb, answer, len(batch.records), is_retry=is_retry)
        if answer.reply is not None:
            take_reply(run, batch, answer.reply, answer)
        elif answer.fault is not None:
            self._last_fault = answer.fault
            take_fault(run, batch, answer.fault, answer)
        run.end(answer.ending)

    async def _ask_first(self, batch: Batch, held: AskFirst) -> None:
        """Queue a batch again, once the target has shown that it is not a bridge.

        All batches that wait for that share one question, which is sent in place of the first one's
        request. If the question fails, it fails for all of them, and nothing was applied.
        """
        run = self._run
        if self._question is None or self._question.done():
            self._question = asyncio.create_task(self._ask(batch, held))
        try:
            answer = await self._question
        except UndescribedBridge as error:
            run.queue.resend(batch, run.now())
            run.stop(error)
            return
        if answer.fault is None or held.lookout.is_cleared:
            _count_attempts(batch.records, -1)
            run.queue.resend(batch, run.now())
            return
        self._last_fault = unsent(answer.fault)
        take_fault(run, batch, self._last_fault, answer)

    async def _ask(self, batch: Batch, held: AskFirst) -> Answer:
        """Ask in the place of this batch, paced and counted as a request."""
        try:
            answer = await held.ask()
        except CancelledError:
            self._note_cut_off(batch)
            raise
        self._note_answer(batch, GET, answer, 1, is_retry=False)
        return answer

    async def _kept(self, batch: Batch) -> bool:
        """Wait until the keeper has saved what was read of the records. If it fails, end the run.

        This is not part of the call: a batch that is cut off meanwhile was not sent.
        """
        run, keeper = self._run, self._run.plan.precondition.keeper
        if keeper is None or run.reads(batch):
            return True
        try:
            await keeper.kept()
        except StreamError as error:
            run.queue.resend(batch, run.now())
            run.stop(error)
            return False
        return True

    def release(self, batch: Batch) -> None:
        """Give back what the pacer still reserves for a batch that was never sent."""
        if batch.start is not None:
            self._run.pacer.end(batch.start, requests=0, units=0)
            batch.start = None

    def _note_cut_off(self, batch: Batch) -> None:
        """Note in the pacer that the service may have charged for a request without an answer."""
        if batch.start is not None:
            self._run.pacer.end(batch.start, requests=1, units=batch.start.reserved)
            batch.start = None

    def _note_answer(
        self, batch: Batch, verb: Verb, answer: Answer, records: int, *, is_retry: bool
    ) -> None:
        """Note what a request was charged, and notify listeners."""
        units = charged_units(answer, reads=verb is GET)
        self._was_answered = self._was_answered or answer.status is not None
        self._run.ledger.emit(request_ended(verb, answer, records, units, is_retry=is_retry))
        self._note_pace(batch, answer, units)

    def _note_pace(self, batch: Batch, answer: Answer, units: int) -> None:
        run, fault, start = self._run, answer.fault, batch.start
        batch.start = None
        if start is None:
            return
        if fault is not None and fault.is_rate_limited:
            run.pacer.refuse(start, run.plan.retry.asked_seconds(fault))
            if run.pacer.is_probing:
                run.concurrency.note_throttled(run.now())
            wait_seconds = run.pacer.refused_seconds(reads=start.reads)
            if wait_seconds > 0:
                run.ledger.emit(waiting_after(WaitReason.THROTTLED, wait_seconds, fault))
            return
        note_end(run.pacer, start, answer, units, start.records)
        if start.reads and units and run.plan.finds_concurrency:
            run.concurrency.note_read(answer.bytes_received)

    def _skip_expired(self, batch: Batch) -> bool:
        """Settle the records of a batch that have expired. Return whether others are left."""
        now = datetime.fromtimestamp(self._run.service.now(), UTC)
        if not any_expires_by(batch.records, now):
            return bool(batch.records)
        past: list[Record] = []
        left: list[Record] = []
        for record in self._run.queue.split(batch):
            has_expired = record.expires_at is not None and record.expires_at <= now
            (past if has_expired else left).append(record)
        batch.records = left
        self._run.ledger.settle_away(
            Outcome(record, State.SKIPPED, skipped_by="expired") for record in past
        )
        return bool(left)


def _count_attempts(records: Sequence[Record], count: int) -> None:
    if isinstance(records, Slab):
        records.attempts += count
    else:
        for record in records:
            record.attempts += count
