"""What holds for every store, list of rules, lag, and whatever someone else writes meanwhile."""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kvsctl.bulk.events import Settled
from kvsctl.bulk.feeds import ReadyFeed
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.errors import WorkLeft
from kvsctl.jobs.cleanup.actions import Action, Deleting, Expiring
from kvsctl.jobs.cleanup.gathering import steps_of
from kvsctl.jobs.cleanup.plan import CleanUpPlan
from kvsctl.jobs.cleanup.plans.lines import parsed
from kvsctl.jobs.cleanup.plans.records import PlannedExpiry, PlannedRecord, is_as_planned
from kvsctl.jobs.cleanup.ruled_rehearsal import RulesRehearsal
from kvsctl.jobs.cleanup.spool import spool_memory
from kvsctl.jobs.job import BatchJob
from kvsctl.listing.judge import known
from kvsctl.model import GET, Found, Identity, Record, Verb
from kvsctl.outputs.forms import PlanForm, Printing
from kvsctl.outputs.plan_lines import plan_lines
from kvsctl.records.parsed import Parsed
from kvsctl.records.ttl import Ttl
from kvsctl.retention.groups import GroupTemplate
from kvsctl.retention.rules import Keeping, Rule
from kvsctl.selection.content.expressions import Expression
from kvsctl.selection.patterns import glob
from kvsctl.selection.selection import Selection, Verdict
from kvsctl.service.client import StoreClient
from kvsctl.service.wire import key_body
from kvsctl.slabs import FoundSlab
from tests.jobs.cleanup.support import Around, clean_up, cleanup_job, ruled_plan
from tests.support.simulated.shared_store import SharedStore, Write
from tests.support.simulated.virtual_time import run_virtual

_PAST: Final = "1970-01-01T00:00:00Z"
_DELETE: Final = Deleting()
_EXPIRE: Final = Expiring(Ttl(3600, "SECONDS"))
_GROUPS: Final = GroupTemplate.of("{letter}:{group}:*")
_LARGE: Final = [Expression("value > `50`", "--where")]
_ODD: Final = [Expression("value > `500` || value < `50` && key", "--where")]
_POOL: Final[Sequence[tuple[Rule, Action]]] = (
    (Rule(Selection("a:x")), _DELETE),
    (Rule(Selection("b", has_no_expiry=True), skips_expired=True), _EXPIRE),
    (Rule(Selection("", where=_LARGE)), _DELETE),
    (Rule(Selection("", where=_ODD), skips_expired=True), _EXPIRE),
    (Rule(Selection("", older_than=-50.0)), _DELETE),
    (Rule(Selection("", is_expired=True)), _DELETE),
    (Rule(Selection("", matches=[glob("*:1"), glob("b:x:*")]), skips_expired=True), _EXPIRE),
    (Rule(Selection(""), keeping=Keeping(2, _GROUPS)), _DELETE),
    (Rule(Selection("a", where=_LARGE), keeping=Keeping(1, _GROUPS)), _DELETE),
    (Rule(Selection("b"), keeping=Keeping(3)), _DELETE),
    (Rule(Selection("", where=_ODD), keeping=Keeping(1, _GROUPS), skips_expired=True), _EXPIRE),
    (Rule(Selection("a:"), keeping=Keeping(1, GroupTemplate.of("a:{group}:1*"))), _DELETE),
)
_LISTS: Final = st.lists(st.sampled_from(range(len(_POOL))), min_size=1, max_size=4, unique=True)


def _plan(numbers: Sequence[int]) -> CleanUpPlan:
    return ruled_plan(*(_POOL[number] for number in numbers))


def _job(plan: CleanUpPlan) -> BatchJob:
    return replace(cleanup_job(Selection("")), cleanup=plan)


def _key(random: Random) -> str:
    return f"{random.choice('ab')}:{random.choice('xy')}:{random.randrange(8)}"


def _found(random: Random, moment: float) -> Found:
    value = random.choice([b"1", b"11", b"111", b"1111", b'"?"'])
    expiry = random.choice([None, None, _PAST, "2100-01-01T00:00:00Z"])
    return Found(value, round(moment * 1000), round(moment * 1000), expiry)


def _store(random: Random, *, most_writes: int) -> SharedStore:
    moments = [random.uniform(-100, -1) for _ in range(random.randint(0, 24))]
    records = {_key(random): _found(random, moment) for moment in moments}
    writes: list[Write] = []
    for _ in range(random.randint(0, most_writes)):
        moment = random.uniform(0, 6)
        found = None if random.random() < 0.2 else _found(random, moment)
        writes.append((moment, _key(random), found))
    lag_seconds = random.choice([0.0, 0.0, 0.3, 1.0, 3.0])
    return SharedStore(records, lag_seconds, sorted(writes, key=lambda one: one[0]))


def _settled(plan: CleanUpPlan, records: Mapping[str, Found]) -> dict[str, Action | None]:
    """Return what the rules do with each record, worked out rule by rule for the whole store."""
    left, done = dict(records), dict[str, Action | None]()
    for one in plan.rules:
        rule = one.rule
        mine = {key: found for key, found in left.items() if rule.chooses_key(None, key)}
        for key in _kept(rule, mine):
            del mine[key], left[key]
        for key, found in mine.items():
            what_is_known = known(FoundSlab.of([found]), 0)
            verdict = rule.selection.judge(None, key, what_is_known, 1000.0)
            is_gone = found.expire_time == _PAST
            if rule.skips_expired and is_gone:
                verdict = Verdict.NOT_CHOSEN
            if verdict is not Verdict.NOT_CHOSEN:
                done[key] = one.action if verdict is Verdict.CHOSEN else None
                del left[key]
    return {key: done.get(key) for key in records}


def _kept(rule: Rule, mine: Mapping[str, Found]) -> set[str]:
    """Return the keys that a rule keeps: the latest of each group, and those that fit no group."""
    if rule.keeping is None:
        return set()
    groups: dict[object, list[tuple[int, str]]] = {}
    for key, found in mine.items():
        group = rule.keeping.group_of(None, key)
        if group is None or found.expire_time != _PAST:
            groups.setdefault(group, []).append((found.updated_at or 0, key))
    odd = {key for _, key in groups.pop(None, [])}
    latest = {key for one in groups.values() for _, key in sorted(one)[-rule.keeping.count :]}
    return odd | latest


def _require_settled(
    plan: CleanUpPlan, before: Mapping[str, Found], store: SharedStore, keys: set[str]
) -> None:
    """Assert that each of some keys became what the rules make of it."""
    expected = _settled(plan, before)
    for key in keys:
        action, now = expected[key], store.records.get(key)
        if action is None:
            assert now == before[key]
        elif action is _DELETE:
            assert now is None
        else:
            assert now is not None
            assert now.value == before[key].value
            assert now.expire_time not in (None, before[key].expire_time)


def _shares_a_group(plan: CleanUpPlan, key: str, touched: set[str]) -> bool:
    """Return whether a key that someone has written is in a group of a key."""
    for one in plan.rules:
        keeping = one.rule.keeping
        if keeping is not None and one.rule.chooses_key(None, key):
            mine = [other for other in touched if one.rule.chooses_key(None, other)]
            if keeping.group_of(None, key) in {keeping.group_of(None, other) for other in mine}:
                return True
    return False


@settings(max_examples=150)
@given(st.integers(0, 2**32), _LISTS)
def test_alone_each_record_is_settled_by_the_first_rule_that_matches(
    seed: int, numbers: list[int]
) -> None:
    plan, store = _plan(numbers), _store(Random(seed), most_writes=0)
    before, around = dict(store.records), Around()
    assert clean_up(_job(plan), store, around) is None
    _require_settled(plan, before, store, set(before))
    expected = _settled(plan, before)
    for one, report in zip(plan.rules, around.rules, strict=True):
        assert report.action == one.action.name
    assert around.tally.succeeded == sum(action is not None for action in expected.values())
    assert around.tally.succeeded == sum(report.tally.succeeded for report in around.rules)
    assert around.tally.records == sum(report.tally.records for report in around.rules)


@settings(max_examples=250)
@given(st.integers(0, 2**32), _LISTS)
def test_nothing_changes_that_its_rule_did_not_choose_when_it_was_read(
    seed: int, numbers: list[int]
) -> None:
    random = Random(seed)
    plan, store = _plan(numbers), _store(random, most_writes=12)
    before, touched = dict(store.records), {key for _, key, _ in store.others}
    around = Around()
    error = clean_up(_job(plan), store, around)
    assert error is None or isinstance(error, WorkLeft)
    for done, action in ((store.deleted, _DELETE), (store.written, _EXPIRE)):
        for key, read, _ in done:
            if read is None:  # a key alone chose it
                assert action is _DELETE
                numbers_of = range(len(plan.rules))
                assert any(
                    plan.chosen.are_by_key()[number]
                    and plan.rules[number].rule.chooses_key(None, key)
                    for number in numbers_of
                )
                continue
            last = steps_of(plan.chosen, Identity(None, key), read, 1000.0)[-1]
            assert last.verdict is Verdict.CHOSEN
            assert plan.rules[last.rule].action is action
    keys = [key for key, _, _ in (*store.deleted, *store.written)]
    assert len(set(keys)) == len(keys)
    clean = {key for key in before.keys() - touched if not _shares_a_group(plan, key, touched)}
    _require_settled(plan, before, store, clean)
    around.tally.check_sum()
    for report in around.rules:
        report.tally.check_sum()


def _planned(plan: CleanUpPlan, store: SharedStore) -> list[bytes]:
    """Return the lines of the plan for rules."""
    lines = plan_lines(has_values=False)
    planned: list[bytes] = []

    def note(event: object) -> None:
        if isinstance(event, Settled):
            for one in event.outcomes:
                if one.found is not None and isinstance(one.subject, Record):
                    planned.append(lines([one.subject], FoundSlab.of([one.found])))

    form = Printing(form=PlanForm(has_values=False))
    job = replace(_job(plan), plan=RunPlan(GET), records=form)
    around = Around(note)
    around.rules = plan.reports(around.tally)

    async def work() -> None:
        pacer = Pacer(job.plan.pace, asyncio.get_running_loop().time)
        service = cast(StoreClient, store)
        memory = spool_memory()
        assert await RulesRehearsal(job, plan, service, around, pacer, memory).work() is None
        assert memory.held_bytes == memory.pages.pages == 0

    run_virtual(work(), waits_for_threads=True)
    assert sum(report.tally.unsent for report in around.rules) == len(planned)
    return planned


def _apply(lines: Sequence[bytes], store: SharedStore) -> None:
    records: dict[Verb, list[PlannedRecord]] = {Verb.DELETE: [], Verb.SET: []}
    for position, line in enumerate(lines):
        one = parsed(line.strip())
        assert isinstance(one, Parsed)
        record = PlannedRecord(
            position,
            "p",
            position + 1,
            one.identity,
            key_body(one.identity),
            hash=line.partition(b'"hash":"')[2][:64].decode(),
            updated_at=int(line.partition(b'"updatedAt":')[2].partition(b",")[0]),
            ttl=_EXPIRE.ttl if b'"action":"expire"' in line else None,
        )
        records[record.verb].append(record)

    async def work() -> None:
        condition = Precondition(WriteIf.CHOSEN, chooses=is_as_planned)
        for verb, rewrite in ((Verb.DELETE, None), (Verb.SET, PlannedExpiry())):
            plan = RunPlan(verb, precondition=replace(condition, rewrite=rewrite))
            assert await Run(plan, store, []).work(ReadyFeed([records[verb]])) is None

    run_virtual(work())


@settings(max_examples=100)
@given(st.integers(0, 2**32), _LISTS)
def test_a_plan_that_is_applied_at_once_does_what_a_clean_up_does(
    seed: int, numbers: list[int]
) -> None:
    plan = _plan(numbers)
    one, other = (_store(Random(seed), most_writes=0) for _ in range(2))
    before = dict(one.records)
    assert clean_up(_job(plan), one, Around()) is None
    _apply(_planned(plan, other), other)
    assert one.records.keys() == other.records.keys()
    _require_settled(plan, before, other, set(before))
