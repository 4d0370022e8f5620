"""Lanes, checked against a plain model."""

from itertools import chain

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kvsctl.bulk.lanes import Lanes
from kvsctl.model import Record
from kvsctl.slabs import Slab
from tests.support.records import record, slab

_NAMES = st.sampled_from(["a", "b", "c", "d", "e/a", "e/b", "f/a"])


def _places(*records: Record | None) -> list[int]:
    return [record.position for record in records if record is not None]


def _name(record: Record) -> str:
    """Return the name for which `record` makes the record's identity."""
    entity, key = record.identity.entity, record.identity.key
    return key if entity is None else f"{entity}/{key}"


class _LanesMachine(RuleBasedStateMachine):
    """The model: for each identity its record that is away, and its others in input order.

    Records are compared by their positions, because a slab creates its records on access.
    """

    join = False
    keeps_first = False

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(join=self.join, keeps_first=self.keeps_first)
        self.away: dict[str, Record] = {}
        self.away_slabs: list[Slab] = []
        self.behind: dict[str, list[Record]] = {}
        self.order: list[str] = []
        self.position = 0

    def _open(self, name: str) -> None:
        if name not in self.away and name not in self.order:
            self.order.append(name)

    @rule(names=st.lists(_NAMES, max_size=4), as_slab=st.booleans())
    def admit_all(self, names: list[str], *, as_slab: bool) -> None:
        newest = [record(self.position + place, name) for place, name in enumerate(names)]
        given = slab(self.position, names) if as_slab and names else newest
        are_new = not any(name in self.away or self.behind.get(name) for name in names)
        expected = are_new and len(set(names)) == len(names)
        bodies_bytes = sum(len(one.body) for one in newest)
        assert self.lanes.admit_all(given, bodies_bytes) is expected
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
        is_kept = self.keeps_first and name not in self.away and len(behind) == 1
        expected = None if self.join or not behind or is_kept else behind.pop()
        behind.append(newest)
        self._open(name)
        assert _places(self.lanes.admit(newest)) == _places(expected)

    @precondition(lambda self: self.order)
    @rule(count=st.integers(1, 4), each=st.booleans())
    def send(self, count: int, *, each: bool) -> None:
        chosen = self.lanes.waiting_records(count) if each else self.lanes.next_waiting(count)
        names = self.order[:count]
        assert _places(*chosen) == _places(*(self.behind[name][0] for name in names))
        self.lanes.send(chosen)
        if isinstance(chosen, Slab):
            self.away_slabs.append(chosen)
        for name, one in zip(names, chosen, strict=True):
            self.behind[name].pop(0)
            self.away[name] = one
            self.order.remove(name)

    @precondition(lambda self: self.away_slabs)
    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        whole = data.draw(st.sampled_from(self.away_slabs))
        self.away_slabs.remove(whole)
        for one in self.lanes.split_away(whole):
            self.away[_name(one)] = one

    @precondition(lambda self: self.away_slabs)
    @rule(data=st.data())
    def settle_slab(self, data: st.DataObject) -> None:
        whole = data.draw(st.sampled_from(self.away_slabs))
        self.away_slabs.remove(whole)
        followers = self.lanes.settle_all(whole)
        for one in whole:
            del self.away[_name(one)]
            self._open_next(_name(one), followers.get(one.identity.lane, []))

    @property
    def single(self) -> list[str]:
        """The names of the records that are away and not in a slab."""
        in_slabs = {_name(one) for whole in self.away_slabs for one in whole}
        return sorted(self.away.keys() - in_slabs)

    @precondition(lambda self: self.single)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.single))
        self._open_next(name, self.lanes.settle(self.away.pop(name)))

    def _open_next(self, name: str, followers: list[Record]) -> None:
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
        assert sorted(_places(*left)) == sorted(_places(*expected))

    @invariant()
    def counts_agree(self) -> None:
        assert self.lanes.waiting == len(self.order)
        behind = sum(map(len, self.behind.values()))
        assert self.lanes.admitted == len(self.away) + behind
        open_records = [*self.away.values(), *chain.from_iterable(self.behind.values())]
        assert self.lanes.admitted_bytes == sum(len(one.body) for one in open_records)


class _JoiningLanesMachine(_LanesMachine):
    join = True


class _KeepingLanesMachine(_LanesMachine):
    keeps_first = True


_LanesMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
_JoiningLanesMachine.TestCase.settings = _LanesMachine.TestCase.settings
_KeepingLanesMachine.TestCase.settings = _LanesMachine.TestCase.settings
TestReplacingLanes = _LanesMachine.TestCase
TestJoiningLanes = _JoiningLanesMachine.TestCase
TestKeepingLanes = _KeepingLanesMachine.TestCase


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


def test_slabs_that_follow_each_other_are_sent_as_one() -> None:
    lanes = Lanes(join=False)
    for part in (slab(0, ["a", "b"]), slab(2, ["c"]), slab(3, ["d"])):
        assert lanes.admit_all(part, part.body_bytes)
    together = lanes.next_waiting(3)
    assert isinstance(together, Slab)
    assert _places(*together) == [0, 1, 2]
    lanes.send(together)
    assert lanes.settle_all(together) == {}
    assert (lanes.admitted, lanes.waiting) == (1, 1)


def test_a_duplicate_splits_only_the_slab_of_its_key() -> None:
    lanes = Lanes(join=False)
    parts = slab(0, ["a", "b"]), slab(2, ["c", "d"]), slab(4, ["e", "f"])
    for part in parts:
        assert lanes.admit_all(part, part.body_bytes)
    newer = record(6, "d")
    replaced = lanes.admit(newer)
    assert replaced is not None
    assert replaced.position == 3
    sent = []
    for _ in range(3):
        sent.append(lanes.next_waiting(2))
        lanes.send(sent[-1])
    assert sent[0] is parts[0]
    assert _places(*sent[1]) == [2, 6]
    assert sent[2] is parts[2]
    assert lanes.admit(record(7, "e")) is None, "its slab is away"
    assert lanes.waiting == 0
    for some in sent:
        lanes.settle_all(some)
    assert _places(*lanes.next_waiting(2)) == [7]


def test_a_record_among_slabs_makes_records_of_one_batch_only() -> None:
    lanes = Lanes(join=False)
    lanes.admit(record(0, "first"))
    names = [f"k{place}" for place in range(40)]
    for start in range(0, 40, 4):
        part = slab(1 + start, names[start : start + 4])
        assert lanes.admit_all(part, part.body_bytes)
    kinds, places = [], []
    while lanes.waiting:
        sent = lanes.next_waiting(4)
        kinds.append(type(sent))
        places += _places(*sent)
        lanes.send(sent)
        lanes.settle_all(sent)
    assert kinds == [list] + [Slab] * 10
    assert places == list(range(41))
    assert lanes.admitted == lanes.admitted_bytes == 0


def test_a_record_that_gets_another_body_is_counted_with_it() -> None:
    lanes, one = Lanes(join=False), record(0, "a")
    lanes.admit(one)
    lanes.send([one])
    lanes.resize(one, b"12345")
    assert (one.body, lanes.admitted_bytes) == (b"12345", 5)
    lanes.settle(one)
    assert lanes.admitted_bytes == 0
