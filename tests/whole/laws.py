"""What has to hold after every run, however it ended."""

import json
from collections import Counter
from typing import Any

from kvsctl.errors import ExitStatus, StreamError
from kvsctl.journal.state import JournalState, Stage
from kvsctl.model import Outcome, State, Verb
from tests.whole.account import Account, failed, is_ambiguous, positions
from tests.whole.file_laws import check_failures_file, check_output
from tests.whole.process import Ended
from tests.whole.settling_laws import check_landings, check_outcomes, check_sent, check_store
from tests.whole.wire import World

_OVER = (ExitStatus.OK, ExitStatus.FAILURES)


def check_run(
    account: Account, ended: Ended, world: World, before: JournalState, after: JournalState
) -> None:
    """Takes the run into the account and holds everything that it left against it."""
    kept = dict(account.outcomes) if account.job.shape.has_journal else {}
    whole = account.take(ended, after)
    check_sent(account, ended, world, kept)
    doubtful = set(account.doubtful)
    check_outcomes(account, ended, before)
    check_landings(account, ended, world, doubtful)
    if not ended.is_killed:
        _check_end(account, ended, whole)
    if account.job.shape.has_journal:
        _check_journal(account, ended, after)
        if ended.is_killed:
            _check_kept(account, ended, after)
        elif not ended.disk_has_failed:
            _check_all_kept(account, whole, after)
    check_failures_file(account, ended, after, whole)
    if account.job.shape.verb is Verb.GET:
        check_output(account, ended, after)
    elif not ended.is_killed:
        check_store(account, world, whole)
    account.doubt(ended, after)


def _check_end(account: Account, ended: Ended, whole: dict[int, Outcome]) -> None:
    """Exit code and report against what was told."""
    job, status = account.job, ended.status
    if ended.refusal is not None:
        assert isinstance(ended.refusal, StreamError), ended.refusal
        assert ended.disk_has_failed
        return
    states = Counter(outcome.state for outcome in whole.values())
    assert status is not ExitStatus.DEFECT
    if ended.disk_has_failed:
        assert status not in _OVER
    elif status is ExitStatus.STREAM:
        raise AssertionError("nothing was wrong with the disk")
    if status in _OVER:
        assert len(whole) == len(job.lines)
        assert not states[State.UNKNOWN]
        assert not states[State.UNSENT]
        if ended.books.read or not job.lines:
            assert (status is ExitStatus.FAILURES) is bool(states[State.FAILED])
    if status in (ExitStatus.INTERRUPTED, ExitStatus.TERMINATED):
        assert ended.fate.signals
    if status is ExitStatus.WORK_LEFT:
        assert ended.fate.max_seconds is not None
    report = json.loads(job.report.read_bytes())
    _check_report(report, ended, whole, account)


def _check_report(
    report: dict[str, Any], ended: Ended, whole: dict[int, Outcome], account: Account
) -> None:
    states = Counter(outcome.state for outcome in whole.values())
    assert report["exit_code"] == ended.status
    assert {state: report[state.value] for state in State} == {
        state: states[state] for state in State
    }
    assert report["records"] == len(whole) == sum(states.values())
    assert [note["source"] for note in report["failures"]] == [
        account.source_of(at) for at in failed(whole)
    ]
    assert [note["code"] for note in report["failures"]] == [
        one.failure.code
        for at, one in sorted(whole.items())
        if one.failure and one.state is State.FAILED
    ]
    assert report["ambiguous"] == sum(map(is_ambiguous, whole.values()))


def _check_journal(account: Account, ended: Ended, after: JournalState) -> None:
    """The journal's own sums, for what is settled in it."""
    outcomes = account.outcomes
    assert all(outcome.is_final for outcome in outcomes.values())
    states = Counter(outcome.state for outcome in outcomes.values())
    counts = after.totals.counts
    for state in (State.SUCCEEDED, State.FAILED, State.SKIPPED, State.DUPLICATE):
        assert counts.get(state.value, 0) == states[state]
    assert counts.get("records", 0) == len(outcomes)
    assert sorted(after.totals.notes) == failed(outcomes)
    replaced = account.replaced(outcomes) | account.without_line
    retryable, standing = positions(after.retryable), set(failed(outcomes)) - replaced
    if after.stage is Stage.RUNNING:
        # One that waited and was replaced settles sooner than the one before it, which failed.
        done = [at for at, outcome in outcomes.items() if outcome.state is not State.DUPLICATE]
        done_replaced = account.replaced(done) | account.without_line
        assert standing <= retryable <= set(failed(outcomes)) - done_replaced
    else:
        assert retryable == standing
    if ended.status in _OVER:
        assert after.stage is Stage.COMPLETE
    if after.stage is Stage.COMPLETE:
        assert len(outcomes) == len(account.job.lines)


def _check_kept(account: Account, ended: Ended, after: JournalState) -> None:
    """What settled more than a second, and two writings of a group, before a kill is kept."""
    if ended.disk_has_failed:
        return
    bound = ended.seconds - 1.0 - 2 * ended.fate.sync_seconds
    early = {
        at
        for at, moment in ended.books.settled_at.items()
        if moment < bound and ended.books.outcomes[at].is_final
    }
    settled = positions(after.settled)
    if _waits_for_order(account):
        early = {at for at in early if all(place in settled | early for place in range(at))}
    assert early <= settled, "a second before the kill, and not kept"


def _check_all_kept(account: Account, whole: dict[int, Outcome], after: JournalState) -> None:
    """A run that ended in good order has kept everything."""
    final = {at for at, outcome in whole.items() if outcome.is_final}
    if _waits_for_order(account):
        final = {at for at in final if all(place in final for place in range(at))}
    assert positions(after.settled) == final
    unknown = {at for at, outcome in whole.items() if outcome.state is State.UNKNOWN}
    assert unknown <= positions(after.ambiguous)


def _waits_for_order(account: Account) -> bool:
    return account.job.shape.verb is Verb.GET and account.job.shape.is_ordered
