"""Carrying out a plan: what is deleted goes first, and stops and errors end all of it."""

import asyncio
from typing import Any, cast

from msgspec.structs import replace

from kvsctl.bulk.feeds import Feed, ReadyFeed
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.errors import KvsctlError
from kvsctl.jobs.cleanup.plans.applying import PlanRun
from kvsctl.jobs.cleanup.plans.records import PlannedExpiry, PlannedRecord, is_as_planned
from kvsctl.jobs.job import BatchJob
from kvsctl.model import Found, Identity, Record, Verb
from kvsctl.outputs.plan_lines import record_hash
from kvsctl.records.ttl import Ttl
from kvsctl.selection.selection import Selection
from kvsctl.service.wire import key_body
from tests.jobs.cleanup.support import Around, cleanup_job
from tests.support.books import Books
from tests.support.simulated.shared_store import SharedStore
from tests.support.simulated.virtual_time import run_virtual

_DAY = Ttl(86_400, "SECONDS")
_FOUND = Found(b"1", None, 5)


def _planned(position: int, key: str, ttl: Ttl | None = None, found: Found = _FOUND) -> Any:
    identity = Identity(None, key)
    return PlannedRecord(
        position,
        "plan",
        position + 1,
        identity,
        key_body(identity),
        hash=record_hash(identity, found),
        updated_at=found.updated_at,
        ttl=ttl,
    )


class _Input:
    """Planned records as the input of a job."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records

    def feed(self, session: object = None, emit: object = None) -> Feed:
        del session
        return ReadyFeed([self.records])


class _Listening(Around):
    def feed(self, feed: Feed) -> Feed:
        return feed


def _job(records: list[Record]) -> BatchJob:
    job = cleanup_job(Selection("a"))
    condition = Precondition(WriteIf.CHOSEN, chooses=is_as_planned)
    plan = replace(job.plan, precondition=condition)
    return replace(job, input=cast(Any, _Input(records)), plan=plan)


def _carry_out(
    records: list[Record], verbs: list[Verb], *, stops_after: float | None = None
) -> tuple[KvsctlError | None, Books, SharedStore, bool]:
    books, store = Books(), SharedStore({f"a{n}": _FOUND for n in range(4)})

    async def work() -> tuple[KvsctlError | None, bool]:
        job = _job(records)
        pacer = Pacer(job.plan.pace, asyncio.get_running_loop().time)
        around = _Listening(books)
        run = PlanRun(job, verbs, cast(Any, store), around, pacer, lambda feed: feed)
        if stops_after is not None:
            asyncio.get_running_loop().call_later(stops_after, run.stop)
        return await run.work(), run.is_cut_short

    error, is_cut_short = run_virtual(work())
    return error, books, store, is_cut_short


def test_deletions_go_before_what_expires_and_each_is_read_first() -> None:
    records: list[Record] = [
        _planned(0, "a0", _DAY), _planned(1, "a1"), _planned(2, "a2", _DAY), _planned(3, "a3"),
    ]  # fmt: skip
    error, books, store, is_cut_short = _carry_out(records, [Verb.DELETE, Verb.SET])
    assert (error, is_cut_short) == (None, False)
    assert [one.operation for one in books.requests] == ["get", "delete", "get", "set"]
    assert books.states == {"succeeded": 4}
    assert sorted(store.records) == ["a0", "a2"]
    assert all(one.expire_time is not None for one in store.records.values())
    assert all(one.value == b"1" for one in store.records.values())


def test_what_is_not_as_planned_is_left_alone() -> None:
    other = Found(b"2", None, 5)
    records: list[Record] = [_planned(0, "a0", _DAY, other), _planned(1, "a1", None, other)]
    _, books, store, _ = _carry_out(records, [Verb.DELETE, Verb.SET])
    assert books.states == {"skipped": 2}
    assert store.records["a0"] == store.records["a1"] == _FOUND


def test_a_stop_between_the_operations_leaves_the_second_undone() -> None:
    records: list[Record] = [_planned(0, "a0", _DAY), _planned(1, "a1")]
    error, books, store, is_cut_short = _carry_out(
        records, [Verb.DELETE, Verb.SET], stops_after=0.15
    )
    assert (error, is_cut_short) == (None, True)
    assert books.states == {"succeeded": 1}
    assert store.records["a0"] == _FOUND


def test_an_expired_record_gets_no_ttl_and_may_be_deleted() -> None:
    past = Found(b"1", None, 5, "1970-01-01T00:00:01Z")
    assert not is_as_planned(_planned(0, "a", _DAY, past), past, 100.0)
    assert is_as_planned(_planned(0, "a", None, past), past, 100.0)


def test_an_unanswered_attempt_was_applied_if_the_same_value_expires_at_another_time() -> None:
    rewrite, record = PlannedExpiry(), _planned(0, "a", _DAY)
    assert rewrite.body(record, _FOUND) == (
        b'{"key":"a","value":1,"options":{"ttl":{"value":86400,"unit":"SECONDS"}}}'
    )
    record.ambiguous = True
    later = replace(_FOUND, expire_time="2030-01-01T00:00:00Z")
    assert rewrite.is_done(record, later)
    assert not rewrite.is_done(record, _FOUND)
    assert not rewrite.is_done(record, replace(later, value=b"2"))
