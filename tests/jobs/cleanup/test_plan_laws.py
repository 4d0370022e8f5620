"""A plan that is applied does what a clean-up does, and spares what has changed."""

import asyncio
from random import Random
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kvsctl.bulk.events import Settled
from kvsctl.bulk.feeds import ReadyFeed
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.jobs.cleanup.plans.lines import parsed
from kvsctl.jobs.cleanup.plans.records import PlannedRecord, is_as_planned
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.run import ListingRun
from kvsctl.model import Found, Record, Verb
from kvsctl.outputs.plan_lines import Planned, plan_line
from kvsctl.records.parsed import Parsed
from kvsctl.selection.selection import Selection
from kvsctl.service.wire import key_body
from tests.jobs.cleanup.support import Around, clean_up, cleanup_job
from tests.support.simulated.shared_store import SharedStore
from tests.support.simulated.virtual_time import run_virtual

_SELECTIONS = (Selection("a"), Selection("", larger_than=2), Selection("", has_no_expiry=True))


def _store(random: Random) -> SharedStore:
    records = {}
    for _ in range(random.randint(0, 20)):
        expiry = random.choice([None, "2100-01-01T00:00:00Z"])
        value = b"1" * random.randint(1, 4)
        key = random.choice("ab") + str(random.randrange(14))
        records[key] = Found(value, None, random.randrange(10**6), expiry)
    return SharedStore(records)


def _planned(selection: Selection, store: SharedStore) -> list[bytes]:
    """Return the lines that plan to delete what is chosen."""
    deletion = Planned("delete", "local", None)
    planned: list[bytes] = []

    def note(event: object) -> None:
        if isinstance(event, Settled):
            for one in event.outcomes:
                if one.found is not None and isinstance(one.subject, Record):
                    planned.append(plan_line(deletion, one.subject.identity, one.found))

    async def work() -> None:
        plan = RunPlan(Verb.GET)
        pacer = Pacer(plan.pace, asyncio.get_running_loop().time)
        listing = ListingPlan(selection, rereads=True)
        service = cast(Any, store)
        assert await ListingRun(listing, plan, service, [note], pacer=pacer).work() is None

    run_virtual(work())
    return planned


def _applied(lines: list[bytes], store: SharedStore) -> Tally:
    """Carry out the lines of a plan. Return the totals."""
    tally, records = Tally(), []
    for position, line in enumerate(lines):
        one = parsed(line.strip())
        assert isinstance(one, Parsed)
        hash_ = line.partition(b'"hash":"')[2][:64].decode()
        updated = int(line.partition(b'"updatedAt":')[2].partition(b",")[0])
        body = key_body(one.identity)
        records.append(
            PlannedRecord(
                position, "p", position + 1, one.identity, body, hash=hash_, updated_at=updated
            )
        )

    async def work() -> None:
        condition = Precondition(WriteIf.CHOSEN, chooses=is_as_planned)
        plan = RunPlan(Verb.DELETE, precondition=condition)
        run = Run(plan, store, [tally])
        assert await run.work(ReadyFeed([records])) is None

    run_virtual(work())
    return tally


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from(_SELECTIONS))
def test_applied_at_once_it_leaves_what_a_clean_up_leaves(seed: int, selection: Selection) -> None:
    one, other = _store(Random(seed)), _store(Random(seed))
    assert clean_up(cleanup_job(selection), one, Around()) is None
    _applied(_planned(selection, other), other)
    assert one.records == other.records


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from(_SELECTIONS))
def test_what_has_changed_since_is_kept_and_all_else_goes_once(
    seed: int, selection: Selection
) -> None:
    random = Random(seed)
    store = _store(random)
    before = dict(store.records)
    lines = _planned(selection, store)
    keys = {parsed(line.strip()).identity.key for line in lines}  # type: ignore[union-attr]
    for key, found in list(store.records.items()):
        change = random.randrange(6)
        if change == 0:
            store.records[key] = replace(found, value=found.value + b"0")
        elif change == 1:
            store.records[key] = replace(found, updated_at=(found.updated_at or 0) + 1)
        elif change == 2:
            store.records[key] = replace(found, expire_time="2101-01-01T00:00:00Z")
        elif change == 3:
            del store.records[key]
    changed = dict(store.records)
    tally = _applied(lines, store)
    unchanged = {key for key in keys if changed.get(key) == before[key]}
    assert store.records == {key: one for key, one in changed.items() if key not in unchanged}
    assert tally.succeeded == len(unchanged)
    assert tally.skipped == len(keys) - len(unchanged)
    assert _applied(lines, store).succeeded == 0
