"""One record per identity at a time, in input order: an older write never lands after a newer one.

A lane is open while its record waits, and closed while its record is away.

A slab goes through the lanes whole while each of its keys has a lane of its own. If one of its
records is superseded, the slab is split: its records take its place.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, repeat
from typing import TypeAlias, cast

from kvsctl.model import Lane, Record
from kvsctl.slabs import Slab

_Waiting: TypeAlias = Record | Slab


class Lanes:
    """The records that are admitted and not settled.

    Of the records with one identity, at most one waits to be sent and at most one is away. A newer
    record supersedes an older one that has not been sent. With `join` (for reads) it follows the
    older one instead, and shares its answer.

    A record is parked while it waits for an older record of its lane that is away. With
    `keeps_first` it is also parked while the older record waits: only parked records are
    superseded.
    """

    def __init__(self, *, join: bool, keeps_first: bool = False) -> None:
        self._join = join
        self._keeps_first = keeps_first
        self._newest: dict[Lane, Record | Slab | None] = {}
        """The newest record of each lane, or its slab. None: it was parked and has been drained."""
        self._order: deque[_Waiting] = deque()
        """Waiting records and slabs, oldest lane first. `_gone` sent records are among them."""
        self._gone = 0
        self.waiting = 0
        """How many records could be sent now."""
        self._stand_ins: dict[Lane, Record] = {}
        """Superseded records that still mark the place of their lane in `_order`."""
        self._parked: dict[Lane, None] = {}  # as a set that keeps their order
        self._followers: dict[Lane, list[Record]] = {}
        self._follower_count = 0
        self.admitted_bytes = 0
        """The size of the bodies of all admitted records."""

    @property
    def admitted(self) -> int:
        """How many records are admitted and not settled: waiting, away, parked or following."""
        return len(self._newest) + len(self._parked) + self._follower_count

    def admit(self, record: Record) -> Record | None:
        """Admit a record. Return the older record that it supersedes, which is never sent."""
        lane = record.identity.lane
        self.admitted_bytes += len(record.body)
        before = self._newest.setdefault(lane, record)
        if before is record:
            self._append(record)
            return None
        if self._join:
            self._followers.setdefault(lane, []).append(record)
            self._follower_count += 1
            return None
        if isinstance(before, Slab) and not before.is_away:
            self._split_waiting(before, len(before))
            before = self._newest[lane]
        self._newest[lane] = record
        is_first_kept = self._keeps_first and lane not in self._parked
        if before is None or before.is_away or is_first_kept:
            self._parked[lane] = None
            return None
        assert isinstance(before, Record)  # noqa: S101
        if lane not in self._parked:
            self._stand_ins.setdefault(lane, before)
        self.admitted_bytes -= len(before.body)
        return before

    def admit_all(self, records: Sequence[Record], bodies_bytes: int) -> bool:
        """Fast path: admit all records if each opens a lane of its own.

        Otherwise admit none and return False. `bodies_bytes` is the total size of their bodies.
        """
        if isinstance(records, Slab):
            if not self._open_all(records):
                return False
            self._order.append(records)
            self.waiting += len(records.keys)
        else:
            fresh = {record.identity.lane: record for record in records}
            if len(fresh) < len(records) or not self._newest.keys().isdisjoint(fresh):
                return False
            self._newest.update(fresh)
            self._order.extend(records)
            self.waiting += len(records)
        self.admitted_bytes += bodies_bytes
        return True

    def _open_all(self, slab: Slab) -> bool:
        """Open a lane for each record. If one has a lane already, open none; return False."""
        newest, lanes = self._newest, slab.lanes
        before = len(newest)
        found = list(map(newest.setdefault, lanes, repeat(slab)))
        if len(newest) == before + len(lanes):
            return True
        for lane, newest_before in zip(lanes, found, strict=True):
            if newest_before is slab:
                newest.pop(lane, None)
        return False

    def _append(self, record: Record) -> None:
        """Queue a record behind all others that wait."""
        self._order.append(record)
        self.waiting += 1

    def next_waiting(self, count: int) -> Sequence[Record]:
        """Return the first `count` waiting records, oldest lane first. They keep waiting.

        The result is a slab if all of them are in slabs and consecutive.
        """
        first = self._order[0] if self._order else None
        if not isinstance(first, Slab):
            return self.waiting_records(count)
        if len(first.keys) == count:
            return first
        return self._recut(first, min(count, self.waiting)) or self.waiting_records(count)

    def _recut(self, whole: Slab, count: int) -> Slab | None:
        """Cut or join slabs so that the first has `count` records; None if that is not possible."""
        if len(whole) == count:
            return whole
        number = 1
        while len(whole) < count:
            after = self._order[number]
            joined = whole.joined(after) if isinstance(after, Slab) else None
            if joined is None:
                return None
            whole, number = joined, number + 1
        for _ in range(number):
            self._order.popleft()
        for part in (whole[count:], whole[:count]):
            if part:
                self._order.appendleft(part)
                self._newest.update(dict.fromkeys(part.lanes, part))
        return part

    def waiting_records(self, count: int) -> list[Record]:
        """Return the same records as `next_waiting`, but split the slabs that hold them."""
        first = self._first(count)
        if Slab in map(type, first):
            left = count
            for one in first:
                if left > 0 and isinstance(one, Slab):
                    self._split_waiting(one, left)
                left -= len(one) if isinstance(one, Slab) else 1
            first = self._first(count)
        records = cast("list[Record]", first)
        return self.as_waiting(records) if self._stand_ins else records

    def _first(self, count: int) -> list[_Waiting]:
        """Return the first `count` records and slabs that wait."""
        order: Iterable[_Waiting] = self._order
        if self._gone:
            order = (one for one in order if not one.is_away)
        return list(islice(order, count))

    def as_waiting(self, records: Iterable[Record]) -> list[Record]:
        """Return the records, each replaced by the newest of its lane if it was superseded."""
        if self._keeps_first:
            return list(records)
        newest = (self._newest.get(record.identity.lane) for record in records)
        return [
            after if isinstance(after, Record) else record
            for record, after in zip(records, newest, strict=True)
        ]

    def _split_waiting(self, slab: Slab, count: int) -> None:
        """Split the first `count` records of a waiting slab into single records."""
        order, place = self._order, self._order.index(slab)
        order.rotate(-place)
        order.popleft()
        rest = slab[count:]
        if rest:
            order.appendleft(rest)
            self._newest.update(dict.fromkeys(rest.lanes, rest))
        records = list(slab[:count])
        order.extendleft(reversed(records))
        self._newest.update(zip(slab.lanes, records, strict=False))
        order.rotate(place)

    def split_away(self, records: Sequence[Record]) -> list[Record]:
        """Return records that are away as a list, so that each can change.

        If they are a slab, the records of the list replace it in the lanes. So the caller must use
        the result.
        """
        if not isinstance(records, Slab):
            return list(records)
        each = list(records)
        newest = self._newest
        for lane, record in zip(records.lanes, each, strict=True):
            if newest[lane] is records:
                newest[lane] = record
        return each

    def send(self, records: Sequence[Record]) -> None:
        """Close the lanes of waiting records that are being sent."""
        order = self._order
        if isinstance(records, Slab):
            self.waiting -= len(records.keys)
            records.is_away = True
            order.popleft()
            if self._gone:
                self._drop_sent()
            return
        self.waiting -= len(records)
        for record in records:
            record.is_away = True
        if self._stand_ins:
            for record in records:
                if (replaced := self._stand_ins.pop(record.identity.lane, None)) is not None:
                    replaced.is_away = True
        if not self._gone and list(islice(order, len(records))) == records:
            for _ in records:
                order.popleft()
            return
        self._gone += len(records)
        self._drop_sent()

    def _drop_sent(self) -> None:
        """Remove records that were sent from the front of `_order`."""
        while self._gone and self._order[0].is_away:
            self._order.popleft()
            self._gone -= 1

    def resize(self, record: Record, body: bytes) -> None:
        """Replace the body of a record that is away."""
        self.admitted_bytes += len(body) - len(record.body)
        record.body = body

    def settle(self, record: Record) -> list[Record]:
        """Open the lane of a record that was away. Return the followers that share its answer.

        A parked record of the lane begins to wait.
        """
        return self.settle_all([record]).get(record.identity.lane, [])

    def settle_all(self, records: Sequence[Record]) -> Mapping[Lane, list[Record]]:
        """Do what `settle` does for several records. Return their followers by lane."""
        if isinstance(records, Slab):
            lanes = records.lanes
            self.admitted_bytes -= records.body_bytes
        else:
            lanes = [record.identity.lane for record in records]
            self.admitted_bytes -= sum(map(len, [record.body for record in records]))
        newest = self._newest
        if not self._parked:
            for lane in lanes:
                del newest[lane]
        else:
            for lane in lanes:
                after = newest.pop(lane)
                if lane in self._parked:
                    assert isinstance(after, Record)  # noqa: S101
                    newest[lane] = after
                    del self._parked[lane]
                    self._append(after)
        return self._take_followers(lanes) if self._follower_count else {}

    def _take_followers(self, lanes: Sequence[Lane]) -> Mapping[Lane, list[Record]]:
        taken: dict[Lane, list[Record]] = {}
        for lane in lanes:
            if (followers := self._followers.pop(lane, None)) is not None:
                taken[lane] = followers
                self._follower_count -= len(followers)
                self.admitted_bytes -= sum(len(follower.body) for follower in followers)
        return taken

    def drain(self) -> list[Record]:
        """Remove and return all records that were never sent: waiting, parked and following."""
        left = self.waiting_records(self.waiting)
        never_sent = {record.identity.lane for record in left}
        for record in list(left):
            if record.identity.lane not in self._parked:
                del self._newest[record.identity.lane]
            left += self._followers.pop(record.identity.lane, ())
        self._order.clear()
        self._stand_ins.clear()
        self._gone = 0
        self.waiting = 0
        for lane in self._parked:
            if isinstance(parked := self._newest[lane], Record):
                left.append(parked)
                if lane in never_sent:
                    del self._newest[lane]
                else:
                    self._newest[lane] = None
        self._parked.clear()
        self._follower_count = sum(map(len, self._followers.values()))
        self.admitted_bytes -= sum(len(record.body) for record in left)
        return left
