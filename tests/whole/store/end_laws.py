"""The exit code, the report and the journal of a run, against what has happened in the store."""

import json
from collections import Counter
from typing import Any

from kvsctl.bulk.settling.reconcile import EXPIRED, UNDECIDED
from kvsctl.errors import ExitStatus, StreamError, UsageError
from kvsctl.model import Identity, Outcome, State
from tests.whole.account import is_ambiguous
from tests.whole.store.account import OVER, StoreAccount, StoreRun
from tests.whole.store.jobs import Kind
from tests.whole.store.retaining import Retention, Settled, What
from tests.whole.wire import INSTALLATION

_CLEANING = (Kind.DELETE, Kind.PLAN_DELETE, Kind.EXPIRE, Kind.PLAN_EXPIRE, Kind.CLEAN)
_TROUBLED = (ExitStatus.UNREACHABLE, ExitStatus.REFUSED, ExitStatus.STREAM)


def check_end(account: StoreAccount, run: StoreRun, whole: dict[int, Outcome]) -> None:
    """Check how a run ended that was not killed."""
    ended, status = run.ended, run.ended.status
    assert status is not ExitStatus.DEFECT
    if ended.disk_has_failed:
        assert status not in OVER
    elif status is ExitStatus.STREAM:
        raise AssertionError("nothing was wrong with the disk")
    if isinstance(ended.refusal, UsageError):
        _check_refused(account, run)
        return
    if status is ExitStatus.USAGE:  # a limit was found to be exceeded once all was listed
        _check_refused(account, run)
    if ended.refusal is not None:
        assert isinstance(ended.refusal, StreamError), ended.refusal
        return
    states = Counter(outcome.state for outcome in whole.values())
    if status in OVER:
        assert not states[State.UNKNOWN] + states[State.UNSENT]
        assert (status is ExitStatus.FAILURES) is bool(states[State.FAILED])
    if status in (ExitStatus.INTERRUPTED, ExitStatus.TERMINATED):
        assert ended.fate.signals
    if status in _TROUBLED:
        assert not run.is_quiet or _has_poison(account), ended.books
    if status is ExitStatus.WORK_LEFT:
        assert ended.fate.max_seconds is not None or _may_leave_keys(account, run)
    _check_report(account, run, whole)


def _check_refused(account: StoreAccount, run: StoreRun) -> None:
    """What is refused has changed nothing."""
    assert not list(account.changes(run))
    job = account.job
    assert (
        _may_exceed(account, run)
        or (job.out.exists() and (job.kind.plans or job.form.plans_deletions))
        or (job.form.has_undo and job.undo.exists())
    ), run.ended.refusal


def _may_exceed(account: StoreAccount, run: StoreRun) -> bool:
    """Return whether a limit may have refused the run: it has one, and is exceeded as far as known.

    It is not known if others have written, if earlier runs have counted, and for a percentage.
    """
    form, retention = account.job.form, account.job.choosing
    held = account.held[INSTALLATION]
    is_known = not account.touched() and len(account.runs) == 1
    if isinstance(retention, Retention):
        limits = [(one.most, one.most_bytes) for one in retention.rules]
        settled = retention.settle(held, run.began_at)
        chosen = [
            [held[one] for one, by in settled.items() if by == Settled(number, What.CHANGED)]
            for number in range(len(limits))
        ]
    else:
        most = form.max_delete
        is_known = is_known and retention is not None and not (most and most.endswith("%"))
        limits = [(None if most is None else int(most.rstrip("%")), form.max_delete_bytes)]
        choosing = retention
        chosen = [
            []
            if choosing is None
            else [row for one, row in held.items() if choosing.choice(one, row, run.began_at)]
        ]
    if not is_known:
        return any(limit is not None for pair in limits for limit in pair)
    return any(
        (most is not None and len(rows) > most)
        or (most_bytes is not None and sum(len(row.value) for row in rows) > most_bytes)
        for (most, most_bytes), rows in zip(limits, chosen, strict=True)
    )


def _has_poison(account: StoreAccount) -> bool:
    return any(identity.key.startswith("bad") for identity in account.world.held())


def _may_leave_keys(account: StoreAccount, run: StoreRun) -> bool:
    others = [one for one in account.world.book[run.start :] if one.exchange is None]
    return account.job.kind in (Kind.DELETE, Kind.CLEAN) and bool(others)


def _check_report(account: StoreAccount, run: StoreRun, whole: dict[int, Outcome]) -> None:
    report = json.loads(account.job.report.read_bytes())
    states = Counter(outcome.state for outcome in whole.values())
    told = Counter(one.skipped_by for one in whole.values() if one.state is State.SKIPPED)
    if account.job.kind in _CLEANING:
        # A clean-up does not work on these: it counts them while it lists.
        kept = {name: report["skipped_by"].get(name, 0) for name in (UNDECIDED, EXPIRED)}
        assert not any(told[name] for name in kept)
        states[State.SKIPPED] += sum(kept.values())
        told += Counter(kept)
        _check_undecided(account, run, kept[UNDECIDED])
    if account.job.kind.plans:
        states[State.UNSENT] += states.pop(State.SUCCEEDED, 0)
    if account.job.kind is Kind.CLEAN:
        _check_rules(account, run, report)
    assert report["exit_code"] == run.ended.status
    reported = {state: report[state.value] for state in State}
    assert reported == {state: states[state] for state in State}
    assert report["records"] == sum(states.values())
    assert report["skipped_by"] == {name: count for name, count in told.items() if count}
    assert report["ambiguous"] == sum(map(is_ambiguous, whole.values()))
    failures = sorted((one["key"], one["code"]) for one in report["failures"])
    assert failures == sorted(
        (one.subject.identity.key, one.failure.code)
        for one in whole.values()
        if one.state is State.FAILED and one.failure and one.subject.identity
    )


def _check_rules(account: StoreAccount, run: StoreRun, report: dict[str, Any]) -> None:
    """What the report says of its rules is the whole, and no rule does more than it may.

    What each keeps is counted, once all was listed and nobody meddled.
    """
    retention = account.job.choosing
    assert isinstance(retention, Retention)
    for rule, told in zip(retention.rules, report["rules"], strict=True):
        assert rule.most is None or told["succeeded"] <= rule.most
    for name in ("succeeded", "failed", "unknown"):
        assert sum(rule[name] for rule in report["rules"]) == report[name]
    if run.ended.status is ExitStatus.OK and not account.touched() and len(account.runs) == 1:
        settled = retention.settle(account.held[INSTALLATION], run.began_at)
        kept = Counter(one.number for one in settled.values() if one.what is What.KEPT)
        assert [told["kept"] for told in report["rules"]] == [
            kept[number] for number in range(len(retention.rules))
        ]


def _check_undecided(account: StoreAccount, run: StoreRun, count: int) -> None:
    """What nothing can be decided about is counted, once all was listed and nobody meddled."""
    choosing = account.job.choosing
    assert choosing is not None
    if run.ended.status is not ExitStatus.OK or account.touched() or len(account.runs) > 1:
        return
    held = account.held[INSTALLATION].items()
    if isinstance(choosing, Retention):
        settled = choosing.settle(dict(held), run.began_at)
        assert count == sum(one.what is What.UNDECIDED for one in settled.values())
        return
    choices = [choosing.choice(identity, row, run.began_at) for identity, row in held]
    assert count == choices.count(None)


def check_told(account: StoreAccount, run: StoreRun) -> None:
    """What a run says it has done was done, and what it did it says or calls doubtful."""
    told: dict[Identity, list[Outcome]] = {}
    for outcome in run.ended.books.outcomes.values():
        if outcome.subject.identity is not None:
            told.setdefault(outcome.subject.identity, []).append(outcome)
    done = {
        identity
        for entry in account.entries(run)
        if entry.exchange is not None and entry.exchange.verb in ("set", "delete")
        for identity in entry.exchange.done
    }
    for identity, outcomes in told.items():
        # An undo file of several runs may name a key twice.
        assert len(outcomes) == 1 or account.job.kind is Kind.RESTORE, "settled twice"
        for one in outcomes:
            if one.state is State.SUCCEEDED and not account.job.kind.only_reads:
                assert identity in done or is_ambiguous(one), one
    for _, identity in account.changes(run):
        outcomes = told.get(identity, [])
        is_told = any(
            one.state in (State.SUCCEEDED, State.UNKNOWN) or is_ambiguous(one) for one in outcomes
        )
        assert is_told or run.ended.is_killed, "changed, and the report knows nothing of it"


def check_journal(account: StoreAccount, run: StoreRun) -> None:
    """The sums of a journal are those of what is settled in it, and its cutoff stays."""
    counts, states = (
        run.after.totals.counts,
        Counter(one.state for one in account.outcomes.values()),
    )
    for state in (State.SUCCEEDED, State.FAILED):
        assert counts.get(state.value, 0) == states[state]
    assert sorted(run.after.totals.notes) == sorted(
        at for at, one in account.outcomes.items() if one.state is State.FAILED
    )
    if run.before.ages_count_from is not None:
        assert run.after.ages_count_from == run.before.ages_count_from
    elif run.after.ages_count_from is not None:
        assert run.began_at - 1 <= run.after.ages_count_from <= run.ended_at + 1
