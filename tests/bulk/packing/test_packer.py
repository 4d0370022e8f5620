"""Packing records into batches that cost few units."""

from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.pacing.pace import request_units
from kvsctl.bulk.packing.packer import Packer
from kvsctl.bulk.packing.rule import PackingRule, body_bytes, choose
from kvsctl.model import Record
from tests.support.records import record

_RULE = PackingRule(25, 4_000_000)


def _sized(sizes: Sequence[int]) -> list[Record]:
    return [record(place, f"k{place}", body_bytes=size) for place, size in enumerate(sizes)]


def _pack(records: Sequence[Record], rule: PackingRule = _RULE) -> list[list[Record]]:
    """Return all batches of records that are admitted at once; each batch settles at once."""
    lanes = Lanes(join=False)
    packer = Packer(lanes, counts_units=True)
    batches: list[list[Record]] = []

    def send(*, flush: bool) -> None:
        while proposed := packer.next_batch(rule, flush=flush):
            batch = list(proposed.records)
            assert proposed.body_bytes == body_bytes(batch)
            packer.sent(batch)
            for one in batch:
                lanes.settle(one)
            batches.append(batch)

    for one in records:
        lanes.admit(one)
        send(flush=False)
    send(flush=True)
    return batches


def _next(packer: Packer, *, flush: bool = False) -> list[Record]:
    proposed = packer.next_batch(_RULE, flush=flush)
    assert proposed is not None
    return list(proposed.records)


def _units(batches: Sequence[Sequence[Record]]) -> int:
    return sum(request_units(body_bytes(batch)) for batch in batches)


def _plain(records: Sequence[Record], rule: PackingRule = _RULE) -> list[list[Record]]:
    batches: list[list[Record]] = []
    rest = list(records)
    while rest:
        batches.append(list(choose(rest, rule)[0]))
        del rest[: len(batches[-1])]
    return batches


def _lognormal(median: float) -> Callable[[Random], int]:
    return lambda random: min(240_000, max(40, int(median * random.lognormvariate(0, 1))))


_SIZES: dict[str, Callable[[Random], int]] = {
    "100 B": lambda random: random.randint(60, 140),
    "1 KB": lambda random: 1020,
    "lognormal 600 B": _lognormal(600),
    "lognormal 3 KB": _lognormal(3000),
    "1-20 KB": lambda random: random.randint(1000, 20_000),
}


@pytest.mark.parametrize("sizes", _SIZES)
def test_units_are_within_a_twentieth_of_the_least(sizes: str) -> None:
    random = Random(3)
    records = _sized([_SIZES[sizes](random) for _ in range(6000)])
    batches = _pack(records)
    assert sorted(one.position for batch in batches for one in batch) == list(range(6000))
    least = max(sum(len(one.body) for one in records) / 10_000, len(records) / 25)
    assert _units(batches) <= 1.045 * least


def test_a_few_large_records_cost_no_more_than_in_plain_order() -> None:
    random = Random(4)
    records = _sized([30_000 if random.random() < 0.1 else 200 for _ in range(4000)])
    assert _units(_pack(records)) <= _units(_plain(records))


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32),
    st.sampled_from([200, 900, 3000, 30_000, 240_000]),
    st.integers(1, 25),
    st.sampled_from([50_000, 400_000, 4_000_000]),
    st.integers(0, 1500),
)
def test_never_dearer_than_plain_and_never_past_a_limit(
    seed: int, largest: int, max_records: int, max_bytes: int, count: int
) -> None:
    random = Random(seed)
    rule = PackingRule(max_records, max_bytes)
    spread = random.choice([0.0, 1.0, 2.0])
    records = _sized([max(40, int(largest * random.random() ** spread)) for _ in range(count)])
    batches = _pack(records, rule)
    assert sorted(one.position for batch in batches for one in batch) == list(range(count))
    for batch in batches:
        assert len(batch) <= rule.max_records
        assert len(batch) == 1 or body_bytes(batch) <= rule.max_bytes
    assert _units(batches) <= _units(_plain(records, rule))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 1200))
def test_no_record_is_overtaken_without_end(seed: int, count: int) -> None:
    random = Random(seed)
    records = _sized([max(40, int(9000 * random.random() ** 3)) for _ in range(count)])
    waits = [0] * count
    for number, batch in enumerate(_pack(records)):
        for one in batch:
            waits[one.position] = number
    # However sizes lie, at the latest a block after the one it came in with.
    for place, number in enumerate(waits):
        assert number <= place + 1
    for place in range(count):
        ahead = sum(1 for other in records[place + 1 :] if waits[other.position] < waits[place])
        assert ahead <= 2 * 16 * 25, "overtaken by more than two blocks"


def test_a_slow_pipe_is_not_held_back() -> None:
    lanes = Lanes(join=False)
    packer = Packer(lanes, counts_units=True)
    records = _sized([3000] * 30)
    for one in records:
        lanes.admit(one)
    assert packer.next_batch(_RULE, flush=False) is None
    first = _next(packer, flush=True)
    packer.sent(first)
    rest = _next(packer, flush=True)
    packer.sent(rest)
    assert {one.position for one in first + rest} == set(range(30))


def test_a_replaced_record_of_a_planned_batch_is_sent_as_it_is_now() -> None:
    lanes = Lanes(join=False)
    packer = Packer(lanes, counts_units=True)
    for one in _sized([1020] * 500):
        lanes.admit(one)
    assert packer.next_batch(_RULE, flush=False)
    same = record(500, "k0", body_bytes=1020)
    assert lanes.admit(same) is not None
    assert same in _next(packer)
    larger = record(501, "k0", body_bytes=200_000)
    lanes.admit(larger)
    again = _next(packer)
    assert again[0] is larger
    assert body_bytes(again) <= _RULE.max_bytes
    packer.sent(again)


def test_a_left_over_batch_that_has_grown_is_cut() -> None:
    rule = PackingRule(4, 120)
    lanes = Lanes(join=False)
    packer = Packer(lanes, counts_units=True)
    for one in _sized([45] * 64):
        lanes.admit(one)
    while proposed := packer.next_batch(rule, flush=False):
        packer.sent(proposed.records)
    left = lanes.next_waiting(4)
    assert len(left) == 2
    for one in left:
        larger = record(100 + one.position, one.identity.key, body_bytes=200)
        assert lanes.admit(larger) is one
    while proposed := packer.next_batch(rule, flush=True):
        assert len(proposed.records) == 1
        packer.sent(proposed.records)
    assert not lanes.waiting


def test_a_lowered_rule_holds_for_what_was_planned_before() -> None:
    lanes = Lanes(join=False)
    packer = Packer(lanes, counts_units=True)
    for one in _sized([1020] * 500):
        lanes.admit(one)
    assert len(_next(packer)) == 19
    lowered = PackingRule(7, 4_000_000)
    while proposed := packer.next_batch(lowered, flush=True):
        assert len(proposed.records) <= 7
        packer.sent(proposed.records)
    assert lanes.waiting == 0
