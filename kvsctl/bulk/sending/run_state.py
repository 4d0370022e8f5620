"""The state that all requests of a run share: its queue, what was learnt, and its ledger."""

from collections.abc import Callable, Sequence
from random import Random
from weakref import proxy

from kvsctl.bulk.events import SizeLearnt
from kvsctl.bulk.pacing.concurrency import Concurrency
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import Caller, RunPlan
from kvsctl.bulk.retrying.budget import RetryBudget
from kvsctl.bulk.retrying.give_up import Patience
from kvsctl.bulk.sending.queue import Batch, Purpose, SendQueue
from kvsctl.bulk.sending.reading_first import ReadFirstQueue
from kvsctl.bulk.sending.tokens import Tokens
from kvsctl.bulk.settling.ledger import Ledger
from kvsctl.bulk.settling.precondition import Conflicts, FirstReads, WriteIf
from kvsctl.bulk.settling.verify import Verifier
from kvsctl.bulk.stopping import Stopping
from kvsctl.errors import KvsctlError
from kvsctl.model import GET, Failure, Outcome, Record, Verb
from kvsctl.service.client import Answer
from kvsctl.service.faults import means_full_storage


class RunState:
    """The parts of one run. `stop` ends the run with an error.

    `changed` makes it look again what it can send.

    `now` is the monotonic clock of the run, in seconds.
    """

    def __init__(
        self,
        plan: RunPlan,
        service: Caller,
        queue: SendQueue,
        pacer: Pacer,
        concurrency: Concurrency,
        ledger: Ledger,
        stopping: Stopping,
        changed: Callable[[], None],
        stop: Callable[[KvsctlError], None],
        now: Callable[[], float],
        random: Random,
    ) -> None:
        itself: RunState = proxy(self)  # see Run
        self.plan = plan
        self.service = service
        self.queue = queue
        self.pacer = pacer
        self.concurrency = concurrency
        self.ledger = ledger
        self.stop = stop
        self.tokens = Tokens(service, queue, stopping, stop=stop, changed=changed)
        self.now = now
        self.random = random
        self.budget = RetryBudget()
        self.patience = Patience(plan.give_up_after, plan.patience_seconds)
        self.is_calm = True
        """Whether budget and patience are as at the start, so that a success changes nothing."""
        condition = plan.precondition
        self.looks_at_each = plan.verify or plan.read_policy.looks_at_each or condition.is_one
        """Whether a record may have another outcome even if its reply calls it done."""
        self._sift: Callable[[Sequence[Outcome]], list[Outcome]] | None = None
        """Judges outcomes by the precondition of the plan, if it has one."""
        if isinstance(queue, ReadFirstQueue):
            self._sift = FirstReads(
                condition, write=queue.take_read, resize=queue.resize, service_now=service.now
            ).sift
        elif condition.write_if is WriteIf.ABSENT_EXACT:
            self._sift = Conflicts(condition, read=lambda records: itself._read_first(records)).sift
        self._verifier = Verifier(
            plan.verb,
            read=lambda records: itself._read_back(records),
            read_last=queue.leave_for_last,
            service_now=service.now,
        )
        queue.capacity.on_change = lambda rule: ledger.emit(
            SizeLearnt(rule.max_records, rule.max_bytes)
        )

    def reads(self, batch: Batch) -> bool:
        """Return whether a batch reads values, so that the service charges it by its answer."""
        return self.verb_of(batch) is GET

    def verb_of(self, batch: Batch) -> Verb:
        """Return the operation that a batch requests."""
        return self.plan.verb if batch.purpose is Purpose.WORK else GET

    def settle(self, outcomes: Sequence[Outcome], answer: Answer) -> None:
        """Settle the outcomes of an answer.

        Records whose precondition holds are queued to be written instead. With `verify`, written
        records are queued to be read back instead.
        """
        if self._sift is not None:
            outcomes = self._sift(outcomes)
        if self.plan.verify:
            outcomes = self._verifier.sift(outcomes, answer.elapsed_seconds)
        self.ledger.settle_away(outcomes)

    def note_success(self) -> None:
        """Note a request that achieved something."""
        if not self.is_calm:
            self.patience.note_answer(did_something=True, last="")
            self.is_calm = self.budget.note_success()

    def note_trouble(self) -> None:
        """Note a request that failed or achieved nothing, before patience counts it."""
        self.is_calm = False

    def retry_seconds(self, least: float) -> float:
        """Take one retry from the budget. Return how long it waits: `least` seconds or more."""
        self.is_calm = False
        return max(least, self.budget.take(self.now()))

    def end(self, error: KvsctlError | None) -> None:
        """End the run, if there is an error."""
        if error is not None:
            self.stop(error)

    def is_out_of_retries(self, code: str) -> bool:
        """Return whether the budget is spent and storage is full, so that waiting does not help."""
        return means_full_storage(code) and not self.budget.can_spare(self.now())

    def _read_back(self, records: list[Record]) -> None:
        batch = Batch(records, is_loose=True, purpose=Purpose.READ_BACK)
        self.queue.resend(batch, self.now())

    def _read_first(self, records: list[Record]) -> None:
        batch = Batch(records, is_loose=True, purpose=Purpose.READ_FIRST)
        self.queue.resend(batch, self.now())


def explained(failure: Failure) -> Failure:
    """Return the failure, with the meaning of its code where the code is misleading."""
    if not means_full_storage(failure.code):
        return failure
    return failure._replace(
        message=f"{failure.message} (the installation's storage may be full)".lstrip()
    )
