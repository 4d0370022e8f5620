"""One record per identity at a time, in input order: an older write never lands after a newer one.

A lane is open while its record waits, and closed while its record is away.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from kvsctl.model import Identity, Record


class Lanes:
    """The records that are admitted and not settled.

    Of the records with one identity, at most one waits to be sent and at most one is away. A newer
    record supersedes an older one that has not been sent. With `join` (for reads) it follows the
    older one instead, and shares its answer.

    A record is parked while it waits for an older record of its lane that is away.
    """

    def __init__(self, *, join: bool) -> None:
        self._join = join
        self._newest: dict[Identity, Record | None] = {}
        """The newest record of each lane. None: it was parked and has been drained."""
        self._order: deque[Record] = deque()
        """The waiting records, oldest lane first, mixed with `_gone` records that were sent."""
        self._gone = 0
        self._stand_ins: dict[Identity, Record] = {}
        """Superseded records that still mark the place of their lane in `_order`."""
        self._parked: dict[Identity, None] = {}  # as a set that keeps their order
        self._followers: dict[Identity, list[Record]] = {}
        self._follower_count = 0
        self._admitted_bytes = 0

    @property
    def waiting(self) -> int:
        """How many records could be sent now."""
        return len(self._order) - self._gone

    @property
    def admitted(self) -> int:
        """How many records are admitted and not settled: waiting, away, parked or following."""
        return len(self._newest) + len(self._parked) + self._follower_count

    @property
    def admitted_bytes(self) -> int:
        """The size of the bodies of all admitted records."""
        return self._admitted_bytes

    def admit(self, record: Record) -> Record | None:
        """Admit a record. Return the older record that it supersedes, which is never sent."""
        self._admitted_bytes += len(record.body)
        before = self._newest.setdefault(record.identity, record)
        if before is record:
            self._order.append(record)
            return None
        if self._join:
            self._followers.setdefault(record.identity, []).append(record)
            self._follower_count += 1
            return None
        return self._supersede(before, record)

    def admit_all(self, records: Sequence[Record], bodies_bytes: int) -> bool:
        """Admit several records in less time, if each opens a lane of its own.

        Otherwise admit none and return False. `bodies_bytes` is the size of their bodies together.
        """
        fresh = {record.identity: record for record in records}
        if len(fresh) < len(records) or not self._newest.keys().isdisjoint(fresh):
            return False
        self._newest.update(fresh)
        self._order.extend(records)
        self._admitted_bytes += bodies_bytes
        return True

    def _supersede(self, before: Record | None, record: Record) -> Record | None:
        identity = record.identity
        self._newest[identity] = record
        if before is None or before.is_away:
            self._parked[identity] = None
            return None
        if identity not in self._parked:
            self._stand_ins.setdefault(identity, before)
        self._admitted_bytes -= len(before.body)
        return before

    def next_waiting(self, count: int) -> list[Record]:
        """Return the first `count` waiting records, oldest lane first. They keep waiting."""
        order: Iterable[Record] = self._order
        if self._gone:
            order = (one for one in order if not one.is_away)
        first = list(islice(order, count))
        return self.as_waiting(first) if self._stand_ins else first

    def as_waiting(self, records: Iterable[Record]) -> list[Record]:
        """Return the records, with those that were superseded meanwhile replaced by the newest."""
        return [self._newest.get(record.identity) or record for record in records]

    def send(self, records: Sequence[Record]) -> None:
        """Close the lanes of waiting records that are being sent."""
        order = self._order
        for record in records:
            record.is_away = True
            if self._stand_ins and (replaced := self._stand_ins.pop(record.identity, None)):
                replaced.is_away = True
        if not self._gone and list(islice(order, len(records))) == records:
            for _ in records:
                order.popleft()
            return
        self._gone += len(records)
        while order and order[0].is_away:
            order.popleft()
            self._gone -= 1

    def settle(self, record: Record) -> list[Record]:
        """Open the lane of a record that was away. Return the followers that share its answer.

        A parked record of the lane begins to wait.
        """
        return self.settle_all([record]).get(record.identity, [])

    def settle_all(self, records: Sequence[Record]) -> Mapping[Identity, list[Record]]:
        """Do the same for several records. Return their followers by identity."""
        newest = self._newest
        for record in records:
            identity = record.identity
            after = newest.pop(identity)
            if after is not record and after is not None:
                newest[identity] = after
                del self._parked[identity]
                self._order.append(after)
        self._admitted_bytes -= sum(map(len, [record.body for record in records]))
        return self._take_followers(records) if self._follower_count else {}

    def _take_followers(self, records: Sequence[Record]) -> Mapping[Identity, list[Record]]:
        taken: dict[Identity, list[Record]] = {}
        for record in records:
            if (followers := self._followers.pop(record.identity, None)) is not None:
                taken[record.identity] = followers
                self._follower_count -= len(followers)
                self._admitted_bytes -= sum(len(follower.body) for follower in followers)
        return taken

    def drain(self) -> list[Record]:
        """Remove and return all records that were never sent: waiting, parked, their followers."""
        left = self.next_waiting(self.waiting)
        for record in list(left):
            del self._newest[record.identity]
            left += self._followers.pop(record.identity, ())
        self._order.clear()
        self._stand_ins.clear()
        self._gone = 0
        for identity in self._parked:
            if (parked := self._newest[identity]) is not None:
                left.append(parked)
                self._newest[identity] = None
        self._parked.clear()
        self._follower_count = sum(map(len, self._followers.values()))
        self._admitted_bytes -= sum(len(record.body) for record in left)
        return left
