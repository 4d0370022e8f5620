"""Act on an answer: settle records, retry, wait, split, renew the token, or give up."""

from typing import Final

from msgspec.structs import replace

from kvsctl.bulk.packing.capacity import Inquiry
from kvsctl.bulk.retrying.give_up import refused_end
from kvsctl.bulk.retrying.policy import (
    MOST_RENEWALS,
    EndRun,
    GiveUp,
    Renew,
    Split,
    Wait,
    is_strike,
    tries_of,
)
from kvsctl.bulk.sending.queue import Batch, Purpose
from kvsctl.bulk.sending.run_state import RunState, explained
from kvsctl.bulk.settling.reconcile import Reconciled, failed, never_named, reconcile
from kvsctl.model import GET, SUCCEEDED, Failure, Outcome, Record, State, Verb
from kvsctl.service.client import Answer
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.reply import AllDone, Reply
from kvsctl.slabs import Successes


def take_reply(run: RunState, batch: Batch, reply: Reply | AllDone, answer: Answer) -> None:
    """Settle each record that the reply decides, and queue the others again."""
    capacity = run.queue.capacity
    capacity.note_taken(len(batch.records), answer.bytes_sent)
    if batch.inquiry is not None:
        capacity.note_passed(batch.inquiry, answer.bytes_sent)
        batch.inquiry = None
    if isinstance(reply, AllDone) and not run.looks_at_each:
        run.note_success()
        run.ledger.settle_away(Successes(batch.records, reply.found))
        return
    verb, policy = run.verb_of(batch), run.plan.read_policy
    if batch.purpose is Purpose.READ_BACK and policy.refuses_rounded:
        policy = replace(policy, refuses_rounded=False)  # it is compared with what was written
    elif answer.may_lack_numbers and policy.refuses_rounded:
        policy = replace(policy, refuses_nulls=True)
    result = reconcile(verb, run.queue.split(batch), reply, policy, run.service.now())
    again = [(record, never_named(verb)) for record in result.left_out] + result.later
    for record in result.left_out:
        record.times_left_out += 1
        record.ambiguous = record.ambiguous or verb is not GET
    given_up: list[Outcome] = []
    together: list[Record] = []
    wait_seconds = 0.0
    for record, failure in again:
        record.strikes += 1
        decision = run.plan.retry.decide_alone(
            record.strikes, run.random, times_left_out=record.times_left_out
        )
        if isinstance(decision, GiveUp) or run.is_out_of_retries(failure.code):
            given_up.append(failed(record, explained(failure), policy))
        else:
            # One wait for all, as for a batch that failed whole: they share a request again.
            wait_seconds = wait_seconds or decision.seconds
            together.append(record)
    # A key that is read and left out until retries end is known to be missing: that is progress.
    is_missing = verb is GET and any(one.subject in result.left_out for one in given_up)
    _note_answer(run, batch, reply, result, did_something=is_missing)
    if together:
        seconds = run.retry_seconds(wait_seconds)
        loose = Batch(together, is_loose=True, purpose=batch.purpose)
        run.queue.resend(loose, run.now() + seconds)
    run.settle([*result.outcomes, *given_up] if given_up else result.outcomes, answer)


_DONE: Final = frozenset({State.SUCCEEDED, State.SKIPPED})


def _note_answer(
    run: RunState, batch: Batch, reply: Reply | AllDone, result: Reconciled, *, did_something: bool
) -> None:
    verb, outcomes = run.verb_of(batch), result.outcomes
    # A missing key is an answer: reading it achieved something.
    if (
        did_something
        or isinstance(outcomes, Successes)
        or (verb is GET and outcomes)
        or not _DONE.isdisjoint(outcome.state for outcome in outcomes)
    ):
        run.note_success()
        return
    run.note_trouble()
    failures = [outcome.failure for outcome in outcomes] + [failure for _, failure in result.later]
    failures += [never_named(verb)] * bool(result.left_out)
    last = next((f"{one.code}: {one.message}" for one in failures if one), "nothing")
    is_lacking = len(result.left_out) == len(batch.records)
    run.end(run.patience.note_answer(did_something=False, last=last, is_lacking=is_lacking))
    if is_lacking:
        lacked = _lacked(reply, asked=len(batch.records))
        # Reads end by themselves: each key is soon known to be missing.
        run.end(run.patience.note_lacking(run.now(), lacked, counts=verb is not GET))


def _lacked(reply: Reply | AllDone, *, asked: int) -> str:
    """Describe a reply that named none of the `asked` keys, for an error message."""
    named = 0 if isinstance(reply, AllDone) else len(reply.succeeded) + len(reply.failed)
    keys = "the key" if asked == 1 else f"any of the {asked} keys"
    if named:
        return f"that named other keys or entities, but not {keys} of the request"
    return f"that did not name {keys} of the request: both of their lists were empty"


def take_fault(run: RunState, batch: Batch, fault: Fault, answer: Answer) -> None:
    """Settle or queue again each record of a batch whose request failed."""
    if fault.means_missing and len(batch.records) == 1 and run.verb_of(batch) is Verb.DELETE:
        run.note_success()
        run.settle([Outcome(record, SUCCEEDED) for record in run.queue.split(batch)], answer)
        return
    run.note_trouble()
    for record in run.queue.split(batch):
        record.ambiguous = record.ambiguous or fault.may_be_applied
        record.strikes += is_strike(fault)
    if fault.status is not None and fault.kind is not FaultKind.UNAUTHORISED:
        batch.renewals = 0  # its token was accepted: a later refusal starts a new count
    is_to_be_split = fault.kind is FaultKind.REFUSED and len(batch.records) > 1
    counts = not batch.is_part and not is_to_be_split
    patience = run.patience
    ending = patience.note_fault(fault, run.now(), counts=counts, begun_in=batch.round)
    if counts and not fault.is_rate_limited and patience.rounds_failed > 1:
        # An outage: records that were not tried yet would only fail as well.
        run.pacer.hold(run.plan.retry.outage_seconds(patience.rounds_failed - 1, run.random))
    _decide(run, batch, fault, answer)
    run.end(ending)


def _decide(run: RunState, batch: Batch, fault: Fault, answer: Answer) -> None:
    records = batch.records
    tries = max(tries_of(record, fault) for record in records)
    match run.plan.retry.decide(fault, tries, len(records), run.random):
        case Wait() as wait if not run.is_out_of_retries(fault.code):
            _wait(run, batch, wait)
        case Split():
            _split(run, batch, fault, answer)
        case Renew():
            _renew(run, batch, fault, answer)
        case Wait() | GiveUp():
            _give_up(run, batch, tries, fault, answer)
        case EndRun():
            run.queue.resend(batch, run.now())
            run.stop(refused_end(fault))


def _give_up(run: RunState, batch: Batch, tries: int, fault: Fault, answer: Answer) -> None:
    """Fail the records with the most tries, and decide again about the others."""
    if fault.is_rate_limited and run.patience.consecutive_throttled >= tries:
        # No other request succeeded meanwhile, so these records are not the cause.
        # Patience ends the run if this lasts.
        _wait(run, batch, run.plan.retry.wait_throttled(fault, tries, run.random))
        return
    if fault.kind is FaultKind.REFUSED:
        run.queue.capacity.note_guilty(answer.bytes_sent, fault)
    records = batch.records
    spent = [record for record in records if tries_of(record, fault) == tries]
    batch.records = [record for record in records if tries_of(record, fault) < tries]
    failure = explained(Failure(fault.code, fault.message, fault.trace_id))
    policy = run.plan.read_policy
    run.settle([failed(record, failure, policy) for record in spent], answer)
    if batch.records:
        _decide(run, batch, fault, answer)


def _wait(run: RunState, batch: Batch, wait: Wait) -> None:
    # Only this batch waits for the budget. Others that it can pay for now do not.
    run.queue.resend(batch, run.now() + run.retry_seconds(wait.seconds))


def _split(run: RunState, batch: Batch, fault: Fault, answer: Answer) -> None:
    records, sent_bytes = batch.records, answer.bytes_sent
    capacity, inquiry = run.queue.capacity, Inquiry(sent_bytes)
    part = replace(batch, is_part=True, is_loose=False, inquiry=None)
    if capacity.is_exceeded(records, sent_bytes, fault):
        # The queue packs it again, by the rule that was lowered now or before.
        run.queue.resend(part, run.now())
        return
    middle = len(records) // 2
    for half in (records[:middle], records[middle:]):
        run.queue.resend(replace(part, records=half, inquiry=inquiry), run.now())


def _renew(run: RunState, batch: Batch, fault: Fault, answer: Answer) -> None:
    batch.renewals += 1
    run.queue.resend(batch, run.now())
    if batch.renewals > MOST_RENEWALS:
        run.stop(refused_end(fault))
    else:
        run.tokens.renew(answer.token, fault)
