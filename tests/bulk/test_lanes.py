"""Lanes, checked against a plain model."""

from itertools import chain

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kvsctl.bulk.lanes import Lanes
from kvsctl.model import Record
from tests.support.records import record

_NAMES = st.sampled_from("abcd")


class _LanesMachine(RuleBasedStateMachine):
    """The model: for each identity its record that is away, and its others in input order."""

    join = False

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(join=self.join)
        self.away: dict[str, Record] = {}
        self.behind: dict[str, list[Record]] = {}
        self.order: list[str] = []
        self.position = 0

    def _open(self, name: str) -> None:
        if name not in self.away and name not in self.order:
            self.order.append(name)

    @rule(names=st.lists(_NAMES, max_size=4))
    def admit_all(self, names: list[str]) -> None:
        newest = [record(self.position + place, name) for place, name in enumerate(names)]
        are_new = not any(name in self.away or self.behind.get(name) for name in names)
        expected = are_new and len(set(names)) == len(names)
        bodies_bytes = sum(len(one.body) for one in newest)
        assert self.lanes.admit_all(newest, bodies_bytes) is expected
        if not expected:
            return
        self.position += len(names)
        for name, one in zip(names, newest, strict=True):
            self.behind.setdefault(name, []).append(one)
            self._open(name)

    @rule(name=_NAMES)
    def admit(self, name: str) -> None:
        newest = record(self.position, name)
        self.position += 1
        behind = self.behind.setdefault(name, [])
        expected = None if self.join or not behind else behind.pop()
        behind.append(newest)
        self._open(name)
        assert self.lanes.admit(newest) is expected

    @precondition(lambda self: self.order)
    @rule(count=st.integers(1, 4))
    def send(self, count: int) -> None:
        chosen = self.lanes.next_waiting(count)
        names = self.order[:count]
        assert chosen == [self.behind[name][0] for name in names]
        self.lanes.send(chosen)
        for name in names:
            self.away[name] = self.behind[name].pop(0)
            self.order.remove(name)

    @precondition(lambda self: self.away)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.away)))
        followers = self.lanes.settle(self.away.pop(name))
        if self.join:
            assert followers == self.behind.pop(name, [])
            return
        assert followers == []
        if self.behind.get(name):
            self._open(name)

    @rule()
    def drain(self) -> None:
        left = self.lanes.drain()
        expected = []
        for name, behind in self.behind.items():
            if not (self.join and name in self.away):
                expected += behind
                behind.clear()
        self.order.clear()
        assert len(left) == len(expected)
        assert set(left) == set(expected)

    @invariant()
    def counts_agree(self) -> None:
        assert self.lanes.waiting == len(self.order)
        behind = sum(map(len, self.behind.values()))
        assert self.lanes.admitted == len(self.away) + behind
        open_records = [*self.away.values(), *chain.from_iterable(self.behind.values())]
        assert self.lanes.admitted_bytes == sum(len(one.body) for one in open_records)


class _JoiningLanesMachine(_LanesMachine):
    join = True


_LanesMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
_JoiningLanesMachine.TestCase.settings = _LanesMachine.TestCase.settings
TestReplacingLanes = _LanesMachine.TestCase
TestJoiningLanes = _JoiningLanesMachine.TestCase


def test_a_newer_record_takes_the_waiting_ones_place_in_the_queue() -> None:
    lanes = Lanes(join=False)
    old, other, new = record(0, "a"), record(1, "b"), record(2, "a")
    assert lanes.admit(old) is None
    assert lanes.admit(other) is None
    assert lanes.admit(new) is old
    assert lanes.next_waiting(2) == [new, other]


def test_a_parked_record_waits_for_the_answer() -> None:
    lanes = Lanes(join=False)
    old, parked, newest = (record(position, "a") for position in range(3))
    lanes.admit(old)
    lanes.send([old])
    assert lanes.admit(parked) is None
    assert lanes.waiting == 0
    assert lanes.admit(newest) is parked
    assert lanes.settle(old) == []
    assert lanes.next_waiting(1) == [newest]


def test_followers_share_the_answer_of_the_first() -> None:
    lanes = Lanes(join=True)
    first, before, after = (record(position, "a") for position in range(3))
    lanes.admit(first)
    lanes.admit(before)
    lanes.send([first])
    lanes.admit(after)
    assert lanes.admitted == 3
    assert lanes.settle(first) == [before, after]
    assert lanes.admitted == 0


def test_an_entity_has_keys_of_its_own() -> None:
    lanes = Lanes(join=False)
    assert lanes.admit(record(0, "k")) is None
    assert lanes.admit(record(1, "ent/k")) is None
    assert lanes.waiting == 2
