"""What has to hold of each record that settled, and of the store."""

from kvsctl import codes
from kvsctl.bulk.settling.precondition import UNCHANGED
from kvsctl.bulk.settling.verify import MISSING, NOT_READ_BACK
from kvsctl.errors import ExitStatus
from kvsctl.journal.state import JournalState
from kvsctl.model import Identity, Outcome, State, Verb
from tests.whole.account import Account, is_ambiguous
from tests.whole.process import Ended
from tests.whole.wire import World


def check_sent(account: Account, ended: Ended, world: World, kept: dict[int, Outcome]) -> None:
    sent = {at for one in ended.sent for at in one}
    assert not sent & kept.keys(), "what is settled in the journal is not sent again"
    if account.job.shape.verb is not Verb.SET:
        return
    newest: dict[Identity, int] = {}
    for at, outcome in sorted(kept.items()):
        if outcome.state is State.SUCCEEDED and outcome.subject.identity is not None:
            newest[outcome.subject.identity] = at
    for exchange in world.exchanges:
        if exchange.verb == "set":
            for identity in exchange.done:
                at = account.position_of(exchange, identity)
                assert at >= newest.get(identity, 0), "an older record was written after a newer"
                newest[identity] = at


def check_outcomes(account: Account, ended: Ended, before: JournalState) -> None:
    job, heard = account.job, ended.books.outcomes
    sent = {at for one in ended.sent for at in one}
    later = account.replaced(line.position for line in job.records)
    for at, outcome in heard.items():
        line = job.lines[at]
        assert outcome.subject.identity == line.identity
        match outcome.state:
            case State.SUCCEEDED:
                # An attempt of an earlier run may have been applied: then it need not be sent.
                is_found = job.shape.changed_only and at in before.ambiguous
                assert at in sent or job.shape.verb is Verb.GET or is_found
                assert line.is_record
                assert not line.is_poison
                assert not line.is_expired
            case State.DUPLICATE:
                assert at not in sent
                assert at in later, "replaced by nothing"
            case State.UNSENT:
                assert at not in sent or not is_ambiguous(outcome)
            case State.UNKNOWN:
                # Of several occurrences of a key that is read, one is sent for all.
                assert at in sent or at in before.ambiguous or job.shape.verb is Verb.GET
                is_out_of_time = ended.status is ExitStatus.WORK_LEFT and is_clean(ended)
                assert not is_out_of_time or at in before.ambiguous, "begun, and not finished"
            case State.SKIPPED if outcome.skipped_by == "expired":
                assert at not in sent
                assert line.is_expired
            case State.SKIPPED if outcome.skipped_by == UNCHANGED:
                assert job.shape.changed_only
                assert at not in sent
            case State.SKIPPED:
                assert job.shape.ignores_missing
        if not line.is_record:
            assert outcome.state is State.FAILED
        elif is_clean(ended) and outcome.is_final:
            _check_clean(account, outcome)
        is_open = is_ambiguous(outcome) or outcome.state is State.UNKNOWN
        if is_open and line.identity is not None:
            account.doubtful.add(line.identity)
    for outcome in heard.values():
        if outcome.failure is not None and outcome.failure.code == codes.VERIFY_FAILED:
            _check_verified(account, ended, outcome)


def check_landings(account: Account, ended: Ended, world: World, doubtful: set[Identity]) -> None:
    """What landed and was not answered is told as ambiguous or unknown. `doubtful`: as before."""
    for exchange in world.exchanges:
        if exchange.verb != "set":
            continue
        for identity in set(exchange.landed) - set(exchange.done) - doubtful:
            outcome = ended.books.outcomes.get(account.position_of(exchange, identity))
            if outcome is not None:
                assert is_ambiguous(outcome) or outcome.state is State.UNKNOWN, outcome


def _check_verified(account: Account, ended: Ended, outcome: Outcome) -> None:
    """What was written is there, unless an attempt that went unanswered landed after it.

    A key that every answer leaves out counts as missing.
    """
    identity = outcome.subject.identity
    assert account.job.shape.verifies
    assert outcome.failure is not None
    assert identity is not None
    is_left_out = "leave-out" in ended.fate.faults and outcome.failure.message == MISSING
    if NOT_READ_BACK not in outcome.failure.message and not is_left_out:
        assert identity in account.doubtful, outcome
    account.doubtful.add(identity)


def is_clean(ended: Ended) -> bool:
    """Whether nothing stood in the run's way but what is refused."""
    return not ended.fate.faults


def _check_clean(account: Account, outcome: Outcome) -> None:
    line = account.job.lines[outcome.position]
    if line.is_expired:
        assert outcome.state in (State.SKIPPED, State.DUPLICATE)
    elif line.is_poison:
        assert outcome.state in (State.FAILED, State.DUPLICATE)
    elif account.job.shape.verb is not Verb.GET:
        is_equal = outcome.skipped_by == UNCHANGED
        assert outcome.state in (State.SUCCEEDED, State.DUPLICATE) or is_equal, outcome
    else:
        assert line.identity is not None
        assert (outcome.state is State.SUCCEEDED) is (line.identity in account.stored)


def check_store(account: Account, world: World, whole: dict[int, Outcome]) -> None:
    """What the report calls done stands there, unless something newer or unanswered does."""
    verb, lines = account.job.shape.verb, account.job.lines
    store = world.store()
    last: dict[Identity, int] = {}
    for at, outcome in sorted(whole.items()):
        is_there = outcome.state is State.SUCCEEDED or outcome.skipped_by == UNCHANGED
        if is_there and outcome.subject.identity is not None:
            last[outcome.subject.identity] = at
    written = {line.identity: set[str]() for line in lines if line.identity is not None}
    for line in account.job.records:
        if line.identity is not None:
            written[line.identity].add(line.value)
    for identity in {*store, *account.stored, *written}:
        held, before = store.get(identity), account.stored.get(identity)
        if identity in account.doubtful:
            allowed = {before, *written.get(identity, ())} if verb is Verb.SET else {before, None}
            assert held in allowed
        elif identity in last:
            assert held == (lines[last[identity]].value if verb is Verb.SET else None)
        else:
            assert held == before, "nothing was to be written here"
