"""A clean-up by several rules."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from msgspec.structs import replace

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.errors import UsageError, WorkLeft
from kvsctl.jobs.cleanup.actions import Action, Deleting, Expiring
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.run import CleanUpRun
from kvsctl.jobs.cleanup.spool import spool_memory
from kvsctl.model import Found
from kvsctl.records.ttl import Ttl
from kvsctl.retention.rules import Keeping, Rule
from kvsctl.selection.content.expressions import Expression
from kvsctl.selection.selection import Selection
from kvsctl.service.client import StoreClient
from tests.jobs.cleanup.support import NOBODY, Around, clean_up, cleanup_job, ruled_plan
from tests.support.simulated.shared_store import SharedStore
from tests.support.simulated.virtual_time import run_virtual

_EXPIRING = Expiring(Ttl(60, "SECONDS"))
_NAMES = ("max_delete", "max_delete_bytes")


def _found(value: bytes = b"1", moment: float = -1.0) -> Found:
    return Found(value, None, round(moment * 1000))


def _store(moments: dict[str, float], **changes: Any) -> SharedStore:
    records = {key: _found(moment=moment) for key, moment in moments.items()}
    return SharedStore(records, **changes)


def _clean(
    store: SharedStore, *pairs: tuple[Rule, Action], most: MostDeleted | None = None
) -> tuple[Around, Any]:
    around = Around()
    job = replace(cleanup_job(Selection("")), cleanup=ruled_plan(*pairs, most=most))
    return around, clean_up(job, store, around)


def test_a_record_that_is_one_of_the_latest_by_now_is_kept() -> None:
    store = _store({"a1": -5.0, "a2": -4.0, "a3": -3.0}, others=[(0.22, "a1", _found(moment=0.22))])
    around, error = _clean(store, (Rule(Selection("a"), keeping=Keeping(1)), Deleting()))
    assert error is None
    assert set(store.records) == {"a1", "a3"}
    assert around.rules[0].tally.skipped_by == {"changed": 1}
    assert (around.rules[0].tally.succeeded, around.rules[0].kept) == (1, 1)


def test_what_an_earlier_rule_rewrote_pushes_no_record_out_of_its_group() -> None:
    store = _store({"a1": -5.0, "a2": -4.0, "a3": -3.0, "b1": -1.0})
    store.records["a1"] = _found(b"9", -5.0)
    large = Selection("a", where=[Expression("value > `5`", "--where")], has_no_expiry=True)
    around, error = _clean(
        store,
        (Rule(large, skips_expired=True), _EXPIRING),
        (Rule(Selection("a"), keeping=Keeping(2)), Deleting()),
        (Rule(Selection("b")), Deleting()),
    )
    assert error is None
    assert set(store.records) == {"a1", "a2", "a3"}
    assert [report.tally.succeeded for report in around.rules] == [1, 0, 1]


def test_a_ttl_is_given_in_one_pass_even_if_others_repeat() -> None:
    store = _store(
        {"a1": -5.0, "b1": -1.0}, others=[(0.25, "a2", _found()), (0.25, "b2", _found())]
    )
    _, error = _clean(
        store,
        (Rule(Selection("a"), skips_expired=True), _EXPIRING),
        (Rule(Selection("b")), Deleting()),
    )
    assert error is None
    assert [key for key, _, _ in store.written] == ["a1"]
    assert set(store.records) == {"a1", "a2"}


def test_all_guards_are_checked_before_anything_changes() -> None:
    store = _store({"a1": -5.0, "a2": -5.0, "b1": -1.0, "c1": 0.0, "c2": 0.0})
    _, error = _clean(
        store,
        (Rule(Selection("b")), Deleting()),
        (Rule(Selection("a")), Deleting()),
        (Rule(Selection("c"), skips_expired=True), _EXPIRING),
        most=MostDeleted(1, names=_NAMES),
    )
    assert isinstance(error, UsageError)
    assert error.message == (
        'rule "rule 1": 2 records would be deleted, and max_delete is 1; '
        'rule "rule 2": 2 records would be changed, and max_delete is 1: nothing was changed'
    )
    assert len(store.records) == 5


@pytest.mark.parametrize(("percent", "refuses"), [(50.0, False), (49.0, True)])
def test_a_share_is_one_of_the_records_that_the_rule_must_list(
    percent: float, *, refuses: bool
) -> None:
    store = _store({"a1": -5.0, "a2": -1.0, **{f"b{number}": 0.0 for number in range(9)}})
    _, error = _clean(
        store,
        (Rule(Selection("a", older_than=-2.0)), Deleting()),
        (Rule(Selection("b", larger_than=5)), Deleting()),
        most=MostDeleted(percent=percent),
    )
    assert isinstance(error, UsageError) is refuses


def test_the_guard_of_a_rule_counts_all_passes_of_that_rule() -> None:
    store = _store({"a1": -5.0, "b1": -1.0}, others=[(0.25, "a2", _found())])
    _, error = _clean(
        store,
        (Rule(Selection("a")), Deleting()),
        (Rule(Selection("b")), Deleting()),
        most=MostDeleted(1),
    )
    assert isinstance(error, WorkLeft)
    assert error.message.startswith('rule "rule 0": 2 records would be deleted')
    assert set(store.records) == {"a2"}


def test_undecided_and_kept_records_are_counted_for_their_rule() -> None:
    store = _store({"a1": -5.0, "a2": -4.0, "b1": -1.0})
    store.records["b1"] = _found(b'"?"')
    around, error = _clean(
        store,
        (Rule(Selection("a"), keeping=Keeping(1)), Deleting()),
        (Rule(Selection("b", where=[Expression("value > `0`", "--where")])), Deleting()),
        (Rule(Selection("")), Deleting()),
    )
    assert error is None
    assert set(store.records) == {"a2", "b1"}
    assert [report.kept for report in around.rules] == [1, 0, 0]
    undecided = [report.tally.skipped_by.get("undecided", 0) for report in around.rules]
    assert undecided == [0, 1, 0]
    assert around.tally.skipped_by == {"undecided": 1}
    around.tally.check_sum()


def test_requests_are_counted_for_the_rule_that_needs_them() -> None:
    store = _store({"a1": -5.0, "b1": -1.0})
    around, _ = _clean(
        store,
        (Rule(Selection("a")), Deleting()),
        (Rule(Selection("b"), skips_expired=True), _EXPIRING),
    )
    assert [report.tally.requests for report in around.rules] == [1, 2]
    assert around.tally.requests > 3


def _steered(store: SharedStore, steer: Callable[[CleanUpRun], None]) -> tuple[Around, CleanUpRun]:
    """Clean up by two rules. `steer` is called once the first record has settled."""
    runs: list[CleanUpRun] = []

    def note(event: Event) -> None:
        if isinstance(event, Settled) and len(store.deleted) == 1:
            steer(runs[0])

    plan = ruled_plan((Rule(Selection("a")), Deleting()), (Rule(Selection("b")), Deleting()))
    job, around = replace(cleanup_job(Selection("")), cleanup=plan), Around(note)
    around.rules = plan.reports(around.tally)

    async def work() -> None:
        pacer = Pacer(job.plan.pace, asyncio.get_running_loop().time)
        service = cast(StoreClient, store)
        runs.append(CleanUpRun(job, plan, service, around, NOBODY, pacer, spool_memory()))
        assert await runs[0].work() is None

    run_virtual(work(), waits_for_threads=True)
    return around, runs[0]


@pytest.mark.parametrize("steer", [CleanUpRun.run_out_of_time, CleanUpRun.stop])
def test_no_rule_begins_after_a_stop(steer: Callable[[CleanUpRun], None]) -> None:
    store = _store({"a1": -5.0, "b1": -1.0})
    around, run = _steered(store, steer)
    assert run.is_cut_short
    assert set(store.records) == {"b1"}
    assert [report.tally.records for report in around.rules] == [1, 0]


def test_a_run_that_is_not_stopped_is_whole() -> None:
    store = _store({"a1": -5.0, "b1": -1.0})
    _, run = _steered(store, lambda _run: None)
    assert not run.is_cut_short
    assert store.records == {}
