"""One batch on its way: sent, its answer reconciled, and what remains decided on."""

from asyncio import CancelledError
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random

from kvsctl.bulk.budget import RetryBudget
from kvsctl.bulk.capacity import Inquiry
from kvsctl.bulk.events import RequestEnded, Throttled
from kvsctl.bulk.ledger import Ledger
from kvsctl.bulk.pacing import Pacer
from kvsctl.bulk.patience import Patience, throttled_end
from kvsctl.bulk.plan import Caller, RunPlan
from kvsctl.bulk.queue import Batch, SendQueue
from kvsctl.bulk.reconcile import failed, never_named, reconcile
from kvsctl.bulk.retry import (
    STORAGE_CODE,
    EndRun,
    GiveUp,
    Renew,
    Split,
    Wait,
    is_strike,
    is_throttled,
    tries_of,
)
from kvsctl.bulk.verify import Verifier
from kvsctl.errors import CredentialsError, KvsctlError, TargetError
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Failure, Outcome, Record, State, Verb
from kvsctl.service.answers import Reply
from kvsctl.service.client import Answer
from kvsctl.service.faults import Fault, FaultKind

_OK = 200
_RENEWALS = 3
"""A batch whose token is refused more often than this ends the run: new tokens do not help."""


class Sender:
    """Sends batches and deals with what comes back. `stop` ends the run with an error."""

    def __init__(
        self,
        plan: RunPlan,
        service: Caller,
        queue: SendQueue,
        pacer: Pacer,
        ledger: Ledger,
        *,
        stop: Callable[[KvsctlError], None],
        now: Callable[[], float],
        random: Random,
    ) -> None:
        self._plan = plan
        self._service = service
        self._queue = queue
        self._pacer = pacer
        self._ledger = ledger
        self._stop = stop
        self._now = now
        self._random = random
        self._budget = RetryBudget()
        self._patience = Patience(plan.give_up_after, plan.patience_seconds)
        self._verifier = Verifier(
            plan.verb,
            read=self._read_back,
            read_last=queue.leave_for_last,
            service_now=service.now,
        )
        self._was_answered = False
        self._last_fault: Fault | None = None

    @property
    def unreached(self) -> Fault | None:
        """The last fault, if no request of the run was ever answered."""
        return None if self._was_answered else self._last_fault

    async def send(self, batch: Batch) -> None:
        """Sends a batch once. Its records are settled or queued again when this returns."""
        self._skip_expired(batch)
        records = batch.records
        if not records:
            return
        try:
            # Apart from the call: who is cut off while a token is fetched has sent nothing.
            await self._service.prepare()
        except CredentialsError as error:
            self._queue.resend(batch, self._now())
            self._stop(error)
            return
        is_retry = any(record.attempts for record in records)
        for record in records:
            record.attempts += 1
        try:
            answer = await self._service.call(self._verb_of(batch), records)
        except CancelledError:
            for record in records:
                record.ambiguous = True
            raise
        self._note(batch, answer, is_retry=is_retry)
        if answer.reply is not None:
            self._note_taken(batch, answer)
            self._take_reply(batch, answer.reply, answer)
        elif answer.fault is not None:
            await self._take_fault(batch, answer.fault, answer)

    def _skip_expired(self, batch: Batch) -> None:
        now = self._service.now()
        past = [r for r in batch.records if r.expires_at is not None and r.expires_at <= now]
        if past:
            batch.records = [record for record in batch.records if record not in past]
            self._ledger.settle_away(
                Outcome(record, State.SKIPPED, skipped_by="expired") for record in past
            )

    def _verb_of(self, batch: Batch) -> Verb:
        return Verb.GET if batch.reads_back else self._plan.verb

    def _read_back(self, records: list[Record]) -> None:
        self._queue.resend(Batch(records, is_loose=True, reads_back=True), self._now())

    def _settle(self, outcomes: Iterable[Outcome], answer: Answer) -> None:
        if self._plan.verify:
            outcomes = self._verifier.sift(outcomes, answer.elapsed_seconds)
        self._ledger.settle_away(outcomes)

    def _note(self, batch: Batch, answer: Answer, *, is_retry: bool) -> None:
        verb = self._verb_of(batch)
        priced = answer.bytes_received if verb is Verb.GET else answer.bytes_sent
        units = max(1, -(-priced // DEFAULT_LIMITS.unit_bytes)) if answer.status == _OK else 0
        fault = answer.fault
        self._was_answered = self._was_answered or answer.status is not None
        self._ledger.tell(
            RequestEnded(
                verb,
                len(batch.records),
                answer.status,
                answer.elapsed_seconds,
                answer.bytes_sent,
                answer.bytes_received,
                units,
                is_retry,
                answer.trace_id,
                f"{fault.code}: {fault.message}" if fault else None,
                answer.headers,
            )
        )

    def _take_reply(self, batch: Batch, reply: Reply, answer: Answer) -> None:
        verb, policy = self._verb_of(batch), self._plan.read_policy
        result = reconcile(batch.records, reply, policy, self._service.now())
        again = [(record, never_named(verb)) for record in result.left_out]
        outcomes = result.outcomes
        self._note_answer(verb, outcomes, again + result.later)
        for record in result.left_out:
            record.times_left_out += 1
            record.ambiguous = record.ambiguous or verb is not Verb.GET
        again += result.later
        least_seconds: float | None = None  # one retry of the budget's for all of the answer
        for record, failure in again:
            record.strikes += 1
            decision = self._plan.retry.decide_alone(
                record.strikes, self._random, times_left_out=record.times_left_out
            )
            if isinstance(decision, GiveUp) or self._is_past_sparing(failure.code):
                outcomes.append(failed(record, _explained(failure), policy))
            else:
                if least_seconds is None:
                    least_seconds = self._budget.take(self._now())
                alone = Batch([record], is_loose=True, reads_back=batch.reads_back)
                self._queue.resend(alone, self._now() + max(least_seconds, decision.seconds))
        self._settle(outcomes, answer)

    def _note_answer(
        self,
        verb: Verb,
        outcomes: Sequence[Outcome],
        again: Sequence[tuple[Record, Failure]],
    ) -> None:
        # A key that does not exist is an answer: reading it did something.
        did_something = any(
            verb is Verb.GET or outcome.state is State.SUCCEEDED for outcome in outcomes
        )
        if did_something:
            self._budget.note_success()
        failures = [outcome.failure for outcome in outcomes] + [failure for _, failure in again]
        last = next((f"{one.code}: {one.message}" for one in failures if one), "nothing")
        self._end(self._patience.note_answer(did_something=did_something, last=last))

    def _is_past_sparing(self, code: str) -> bool:
        """Whether this is full storage, which waiting does not cure, and the budget is spent."""
        return code == STORAGE_CODE and not self._budget.can_spare(self._now())

    def _end(self, error: KvsctlError | None) -> None:
        if error is not None:
            self._stop(error)

    async def _take_fault(self, batch: Batch, fault: Fault, answer: Answer) -> None:
        self._last_fault = fault
        for record in batch.records:
            record.ambiguous = record.ambiguous or fault.may_be_applied
            record.strikes += is_strike(fault)
        if fault.status is not None and fault.kind is not FaultKind.UNAUTHORISED:
            batch.renewals = 0  # its token was taken: the next one to expire is another story
        counts = not batch.is_part and not _is_to_be_split(batch, fault)
        ending = self._patience.note_fault(fault, self._now(), counts=counts)
        await self._decide(batch, fault, answer)
        self._end(ending)

    async def _decide(self, batch: Batch, fault: Fault, answer: Answer) -> None:
        records = batch.records
        tries = max(tries_of(record, fault) for record in records)
        match self._plan.retry.decide(fault, tries, len(records), self._random):
            case Wait() as wait if not self._is_past_sparing(fault.code):
                self._wait(batch, wait)
            case Split():
                self._split(batch, fault, answer)
            case Renew():
                await self._renew(batch, fault, answer)
            case Wait() | GiveUp():
                await self._give_up(batch, tries, fault, answer)
            case EndRun():
                self._queue.resend(batch, self._now())
                self._stop(_end_of_run(fault))

    async def _give_up(self, batch: Batch, tries: int, fault: Fault, answer: Answer) -> None:
        """Fails the most-tried records; the others are decided on anew."""
        if is_throttled(fault) and self._patience.is_throttled_only:
            self._queue.resend(batch, self._now())
            seconds = self._patience.throttled_seconds(self._now())
            self._stop(throttled_end(seconds, f"{fault.code}: {fault.message}"))
            return
        if fault.kind is FaultKind.REFUSED:
            self._queue.capacity.note_guilty(answer.bytes_sent, fault)
        records = batch.records
        spent = [record for record in records if tries_of(record, fault) == tries]
        batch.records = [record for record in records if tries_of(record, fault) < tries]
        failure = _explained(Failure(fault.code, fault.message, fault.trace_id))
        policy = self._plan.read_policy
        self._settle([failed(record, failure, policy) for record in spent], answer)
        if batch.records:
            await self._decide(batch, fault, answer)

    def _wait(self, batch: Batch, wait: Wait) -> None:
        if wait.everyone:
            self._pacer.hold(wait.seconds)
            self._ledger.tell(Throttled(wait.seconds))
        # The budget's wait is this batch's own: one that can be spared at once need not wait too.
        seconds = max(wait.seconds, self._budget.take(self._now()))
        self._queue.resend(batch, self._now() + seconds)

    def _note_taken(self, batch: Batch, answer: Answer) -> None:
        capacity = self._queue.capacity
        capacity.note_taken(len(batch.records), answer.bytes_sent)
        if batch.inquiry is not None:
            capacity.note_passed(batch.inquiry, answer.bytes_sent)
            batch.inquiry = None

    def _split(self, batch: Batch, fault: Fault, answer: Answer) -> None:
        records, sent_bytes = batch.records, answer.bytes_sent
        capacity, inquiry = self._queue.capacity, Inquiry(sent_bytes)
        part = replace(batch, is_part=True, is_loose=False, inquiry=None)
        if capacity.is_exceeded(records, sent_bytes, fault):
            # The queue packs it anew, by the rule that has just been lowered, or was before.
            self._queue.resend(part, self._now())
            return
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            self._queue.resend(replace(part, records=half, inquiry=inquiry), self._now())

    async def _renew(self, batch: Batch, fault: Fault, answer: Answer) -> None:
        batch.renewals += 1
        ending: KvsctlError | None = None
        try:
            if batch.renewals > _RENEWALS or not await self._service.renew(answer.token):
                ending = _end_of_run(fault)
        except CredentialsError as error:
            ending = error
        self._queue.resend(batch, self._now())
        if ending is not None:
            self._stop(ending)


def _is_to_be_split(batch: Batch, fault: Fault) -> bool:
    return fault.kind is FaultKind.REFUSED and len(batch.records) > 1


def _explained(failure: Failure) -> Failure:
    if failure.code != STORAGE_CODE:
        return failure
    return failure._replace(
        message=f"{failure.message} (the installation's storage may be full)".lstrip()
    )


def _end_of_run(fault: Fault) -> KvsctlError:
    said = f"{fault.code}: {fault.message}" + (
        f" (trace {fault.trace_id})" if fault.trace_id else ""
    )
    if fault.kind is FaultKind.MISDIRECTED:
        return TargetError(f"the target is not the service: {said}", "Check the URL.")
    hint = (
        "The token is missing, wrong or expired. Give a fresh one by KVSCTL_TOKEN, --token-file "
        "or --token-command."
        if fault.kind is FaultKind.UNAUTHORISED
        else "This token may not use the store, or the URL is not the service's."
    )
    return CredentialsError(f"the target refused the credentials: {said}", hint)


def too_many_failures(count: int) -> KvsctlError:
    """What a run ends in that reached its bound of failed records."""
    return TargetError(f"{count:,} records failed: --max-failures")


def unreachable(fault: Fault) -> KvsctlError:
    """What a run ends in that had no answer at all."""
    return TargetError(
        f"the target could not be reached: {fault.code}: {fault.message}",
        "Check the URL, the network and the proxy settings.",
    )
