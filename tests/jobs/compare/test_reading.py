"""Comparing entries with what a store holds, in their order."""

import json
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import Pressure, RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.comparison.entries import Block, Entry
from kvsctl.jobs.compare.reading import Lookup, count_absent_as_read
from kvsctl.model import Identity, Record, State, Verb
from tests.support.books import carry_out
from tests.support.records import identity
from tests.support.simulated.model_service import ModelService, Turn, seeded
from tests.support.simulated.virtual_time import Step

_PLAN = RunPlan(Verb.GET, read_policy=ReadPolicy(ignore_missing=True))


def _entry(name: str) -> Entry:
    entity, _, key = name.rpartition("/")
    return Entry(entity, key, b'{"key":"%b","value":1}' % key.encode())


def _steps(lookup: Lookup, blocks: Sequence[Block]) -> list[Step]:
    return [list(records) for records in lookup.records(blocks)]


def test_each_entry_is_compared_with_the_record_of_its_identity() -> None:
    service = ModelService()
    service.store = {identity("a"): 5, identity("city/a"): 6}
    met: list[tuple[Entry, Entry | None]] = []
    lookup, tally = Lookup(lambda one, other: met.append((one, other)), "in.jsonl"), Tally()
    blocks = [[_entry("a"), _entry("b")], [], [_entry("city/a")]]
    ran = carry_out(_PLAN, _steps(lookup, blocks), service, listeners=[tally, lookup])
    assert ran.error is None
    assert met == [
        (_entry("a"), Entry("", "a", b'{"key":"a","value":5}')),
        (_entry("b"), None),
        (_entry("city/a"), Entry("city", "a", b'{"key":"a","entityName":"city","value":6}')),
    ]
    count_absent_as_read(tally)
    assert (tally.succeeded, tally.skipped, dict(tally.skipped_by)) == (3, 0, {})
    tally.check_sum()


def test_an_entry_that_cannot_be_read_fails_and_is_not_compared() -> None:
    service = ModelService(poison=frozenset({identity("b")}))
    service.store = {identity(name): 1 for name in "abc"}
    met: list[str] = []
    lookup, tally = Lookup(lambda one, _: met.append(one.key), "in.jsonl"), Tally()
    blocks = [[_entry(name) for name in "abc"]]
    carry_out(_PLAN, _steps(lookup, blocks), service, listeners=[tally, lookup])
    assert met == ["a", "c"]
    [failure] = tally.failures
    assert (failure.key, failure.source) == ("b", "in.jsonl in order of keys:2")


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.3]))
def test_whatever_happens_entries_are_compared_once_and_in_order(seed: int, rate: float) -> None:
    random = Random(seed)
    trouble = seeded(random, rate)

    def script(records: Sequence[Record]) -> Turn:
        return replace(trouble(records), late_seconds=0.0)

    rule = PackingRule(random.randint(1, 5), 4_000_000)
    service = ModelService(script, rule=rule)
    names = [f"k{n:02}" for n in range(random.randint(0, 40))]
    service.store = {identity(name): random.randrange(9) for name in names if random.random() < 0.7}
    met: list[tuple[str, int | None]] = []

    def compare(one: Entry, other: Entry | None) -> None:
        met.append((one.key, None if other is None else json.loads(other.body)["value"]))

    lookup = Lookup(compare, "in")
    blocks: list[Block] = []
    left = [_entry(name) for name in names]
    while left:
        size = random.randint(1, 9)
        blocks.append(left[:size])
        del left[:size]
    plan = RunPlan(
        Verb.GET,
        read_policy=ReadPolicy(ignore_missing=True),
        packing=rule,
        concurrency=random.randint(1, 5),
        retry=RetryPolicy(retries=60),
        give_up_after=10**9,
        patience_seconds=1e9,
    )
    ran = carry_out(
        plan,
        _steps(lookup, blocks),
        service,
        listeners=[lookup],
        pressure=lambda: random.choice([Pressure.NONE, Pressure.OLDEST_ONLY]),
    )
    assert ran.error is None
    assert ran.books.positions(State.FAILED) == []
    assert lookup.held_bytes == 0
    held = {name.key: value for name, value in service.store.items()}
    answered = {name: held.get(name) for name in names}
    # A key that answers leave out until retries end counts as missing.
    assert [name for name, _ in met] == names
    assert all(value in (answered[name], None) for name, value in met)
    assert {Identity(None, name) for name, value in met if value is not None} <= set(service.store)
