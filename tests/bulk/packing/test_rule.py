"""Which records share a request."""

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.packing.rule import PackingRule, choose
from kvsctl.limits import Limits
from kvsctl.model import Record
from kvsctl.service.wire import MetadataRequest, encode, wire_bytes
from tests.support.records import record

_RULES = st.builds(PackingRule, st.integers(1, 25), st.integers(30, 600))


@st.composite
def _waiting(draw: st.DrawFn) -> list[Record]:
    sizes = draw(st.lists(st.integers(20, 400), max_size=40))
    expiries = [draw(st.booleans()) for _ in sizes]
    return [
        record(place, f"k{place}", body_bytes=size, expires_at=9e9 if expires else None)
        for place, (size, expires) in enumerate(zip(sizes, expiries, strict=True))
    ]


@given(_waiting(), _RULES)
def test_batches_keep_the_limits_and_lose_nothing(waiting: list[Record], rule: PackingRule) -> None:
    sent: list[Record] = []
    while rest := waiting[len(sent) :]:
        chosen, is_full = choose(rest, rule)
        assert chosen
        assert chosen == rest[: len(chosen)]
        assert len(chosen) <= rule.max_records
        body = encode(chosen, MetadataRequest(), 9e9 - 3600)
        assert len(chosen) == 1 or len(body) <= rule.max_bytes
        assert len({one.identity for one in chosen}) == len(chosen)
        following = rest[len(chosen) : len(chosen) + 1]
        if is_full:
            size = 2 + sum(map(wire_bytes, [*chosen, *following]))
            assert len(chosen) == rule.max_records or size > rule.max_bytes
        else:
            assert not following
        sent += chosen
    assert sent == waiting


def test_nothing_waiting_makes_no_batch() -> None:
    assert choose([], PackingRule(25, 100)) == ([], False)


def test_a_batch_ends_before_the_record_that_is_too_much() -> None:
    waiting = [record(place, f"k{place}", body_bytes=49) for place in range(5)]
    assert choose(waiting, PackingRule(25, 152)) == (waiting[:3], True)
    assert choose(waiting, PackingRule(25, 151)) == (waiting[:2], True)


def test_a_record_past_the_bytes_goes_alone() -> None:
    waiting = [record(0, "a", body_bytes=900), record(1, "b")]
    assert choose(waiting, PackingRule(25, 100)) == (waiting[:1], True)


def test_the_count_fills_a_batch() -> None:
    waiting = [record(place, f"k{place}") for place in range(3)]
    assert choose(waiting, PackingRule(3, 4_000)) == (waiting, True)
    assert choose(waiting, PackingRule(4, 4_000)) == (waiting, False)


def test_the_rule_is_the_services() -> None:
    assert PackingRule.of(Limits(batch_records=7, batch_bytes=99)) == PackingRule(7, 99)
