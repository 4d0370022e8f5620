"""One batch on its way: sent, its answer reconciled, and what remains decided on."""

from asyncio import CancelledError
from collections.abc import Callable, Sequence
from random import Random

from kvsctl.bulk.events import RequestEnded, Throttled
from kvsctl.bulk.ledger import Ledger
from kvsctl.bulk.pacing import Pacer
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
    tries_of,
)
from kvsctl.errors import CredentialsError, KvsctlError, TargetError
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Failure, Outcome, Record, State, Verb
from kvsctl.service.answers import Reply
from kvsctl.service.client import Answer
from kvsctl.service.faults import Fault, FaultKind

_OK = 200
_RENEWALS = 3
"""A batch whose token is refused more often than this ends the run: new tokens do not help."""
_NOT_COUNTED = (FaultKind.THROTTLED, FaultKind.UNAUTHORISED)


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
        self._faults_in_row = 0
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
            answer = await self._service.call(self._plan.verb, records)
        except CancelledError:
            for record in records:
                record.ambiguous = True
            raise
        self._note(answer, len(records), is_retry=is_retry)
        if answer.reply is not None:
            self._faults_in_row = 0
            self._take_reply(records, answer.reply)
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

    def _note(self, answer: Answer, records: int, *, is_retry: bool) -> None:
        reads = self._plan.verb is Verb.GET
        priced = answer.bytes_received if reads else answer.bytes_sent
        units = max(1, -(-priced // DEFAULT_LIMITS.unit_bytes)) if answer.status == _OK else 0
        fault = answer.fault
        self._was_answered = self._was_answered or answer.status is not None
        self._ledger.tell(
            RequestEnded(
                self._plan.verb,
                records,
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

    def _take_reply(self, records: Sequence[Record], reply: Reply) -> None:
        result = reconcile(records, reply, self._plan.read_policy, self._service.now())
        missing = never_named(self._plan.verb)
        outcomes = result.outcomes
        for record in result.left_out:
            record.times_left_out += 1
            record.ambiguous = record.ambiguous or self._plan.verb is not Verb.GET
        for record, failure in [(r, missing) for r in result.left_out] + result.later:
            record.strikes += 1
            decision = self._plan.retry.decide_alone(
                record.strikes, self._random, times_left_out=record.times_left_out
            )
            if isinstance(decision, GiveUp):
                outcomes.append(failed(record, _explained(failure), self._plan.read_policy))
            else:
                due = self._now() + decision.seconds
                self._queue.resend(Batch([record], is_loose=True), due)
        self._ledger.settle_away(outcomes)

    async def _take_fault(self, batch: Batch, fault: Fault, answer: Answer) -> None:
        self._last_fault = fault
        for record in batch.records:
            record.ambiguous = record.ambiguous or fault.may_be_applied
            record.strikes += is_strike(fault)
        await self._decide(batch, fault, answer)
        if fault.kind not in _NOT_COUNTED and not batch.is_part:
            self._faults_in_row += 1
            if self._faults_in_row >= self._plan.give_up_after:
                self._stop(_given_up(self._faults_in_row, fault))

    async def _decide(self, batch: Batch, fault: Fault, answer: Answer) -> None:
        records = batch.records
        tries = max(tries_of(record, fault) for record in records)
        match self._plan.retry.decide(fault, tries, len(records), self._random):
            case Wait() as wait:
                self._wait(batch, wait)
            case Split():
                self._split(batch)
            case Renew():
                await self._renew(batch, fault, answer)
            case GiveUp():
                spent = [record for record in records if tries_of(record, fault) == tries]
                batch.records = [record for record in records if tries_of(record, fault) < tries]
                failure = _explained(Failure(fault.code, fault.message, fault.trace_id))
                policy = self._plan.read_policy
                self._ledger.settle_away(failed(record, failure, policy) for record in spent)
                if batch.records:
                    await self._decide(batch, fault, answer)
            case EndRun():
                self._queue.resend(batch, self._now())
                self._stop(_end_of_run(fault))

    def _wait(self, batch: Batch, wait: Wait) -> None:
        if wait.everyone:
            self._pacer.hold(wait.seconds)
            self._ledger.tell(Throttled(wait.seconds))
        self._queue.resend(batch, self._now() + wait.seconds)

    def _split(self, batch: Batch) -> None:
        middle = len(batch.records) // 2
        for part in (batch.records[:middle], batch.records[middle:]):
            self._queue.resend(Batch(part, is_part=True), self._now())

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


def _given_up(count: int, fault: Fault) -> KvsctlError:
    return TargetError(
        f"given up after {count} failed requests in a row, the last: {fault.code}: {fault.message}",
        "Run it again when the service answers, or raise --give-up-after.",
    )


def too_many_failures(count: int) -> KvsctlError:
    """What a run ends in that reached its bound of failed records."""
    return TargetError(f"{count:,} records failed: --max-failures")


def unreachable(fault: Fault) -> KvsctlError:
    """What a run ends in that had no answer at all."""
    return TargetError(
        f"the target could not be reached: {fault.code}: {fault.message}",
        "Check the URL, the network and the proxy settings.",
    )
