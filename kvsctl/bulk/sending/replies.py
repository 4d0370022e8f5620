"""What a good answer decides: records settle, or are asked for again."""

from collections.abc import Sequence

from kvsctl.bulk.retrying.policy import GiveUp
from kvsctl.bulk.sending.queue import Batch
from kvsctl.bulk.sending.run_state import Bench, explained
from kvsctl.bulk.settling.reconcile import failed, never_named, reconcile
from kvsctl.model import GET, SUCCEEDED, Failure, Outcome, Record, Successes, Verb
from kvsctl.service.client import Answer
from kvsctl.service.reply import AllDone, Reply


def take_reply(bench: Bench, batch: Batch, reply: Reply | AllDone, answer: Answer) -> None:
    """Settles each record that the reply decides; the others are queued again."""
    _note_taken(bench, batch, answer)
    verb, policy = bench.verb_of(batch), bench.plan.read_policy
    result = reconcile(batch.records, reply, policy, bench.service.now())
    again = [(record, never_named(verb)) for record in result.left_out] + result.later
    _note_answer(bench, verb, result.outcomes, again)
    for record in result.left_out:
        record.times_left_out += 1
        record.ambiguous = record.ambiguous or verb is not GET
    given_up: list[Outcome] = []
    together: list[Record] = []
    wait_seconds = 0.0
    for record, failure in again:
        record.strikes += 1
        decision = bench.plan.retry.decide_alone(
            record.strikes, bench.random, times_left_out=record.times_left_out
        )
        if isinstance(decision, GiveUp) or bench.is_past_sparing(failure.code):
            given_up.append(failed(record, explained(failure), policy))
        else:
            # One wait for all, as for a batch that failed whole: they travel together again.
            wait_seconds = wait_seconds or decision.seconds
            together.append(record)
    if together:
        seconds = max(wait_seconds, bench.budget.take(bench.now()))
        loose = Batch(together, is_loose=True, reads_back=batch.reads_back)
        bench.queue.resend(loose, bench.now() + seconds)
    bench.settle([*result.outcomes, *given_up] if given_up else result.outcomes, answer)


def _note_taken(bench: Bench, batch: Batch, answer: Answer) -> None:
    capacity = bench.queue.capacity
    capacity.note_taken(len(batch.records), answer.bytes_sent)
    if batch.inquiry is not None:
        capacity.note_passed(batch.inquiry, answer.bytes_sent)
        batch.inquiry = None


def _note_answer(
    bench: Bench,
    verb: Verb,
    outcomes: Sequence[Outcome],
    again: Sequence[tuple[Record, Failure]],
) -> None:
    # A key that does not exist is an answer: reading it did something.
    if (
        isinstance(outcomes, Successes)
        or (verb is GET and outcomes)
        or SUCCEEDED in [outcome.state for outcome in outcomes]
    ):
        bench.budget.note_success()
        bench.patience.note_answer(did_something=True, last="")
        return
    failures = [outcome.failure for outcome in outcomes] + [failure for _, failure in again]
    last = next((f"{one.code}: {one.message}" for one in failures if one), "nothing")
    bench.end(bench.patience.note_answer(did_something=False, last=last))
