"""One identity at a time, in input order, so that an older write never lands after a newer one.

A lane is open while its record waits, closed while a request (or a retry of it) is on its way.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from kvsctl.model import Identity, Record


class Lanes:
    """The records that are admitted and not settled.

    Of records with one identity at most one waits to be sent and at most one is on its way.
    A newer one takes the place of an older one that is not on its way yet (`supersede`), or
    shares its answer (`join`, for reads).
    """

    def __init__(self, *, join: bool) -> None:
        self._join = join
        self._newest: dict[Identity, Record | None] = {}
        """Of each lane: what waits, or is parked, or is away. None: what was parked is drained."""
        self._order: deque[Record] = deque()
        """What waits, the oldest lane first, and what went on its way from between."""
        self._gone = 0
        self._stand_ins: dict[Identity, Record] = {}
        """Replaced records that stand in the order for the newest of their lanes."""
        self._parked: dict[Identity, None] = {}  # as a set that keeps their order
        self._followers: dict[Identity, list[Record]] = {}
        self._follower_count = 0
        self._admitted_bytes = 0

    @property
    def waiting(self) -> int:
        """Records that could be sent now."""
        return len(self._order) - self._gone

    @property
    def admitted(self) -> int:
        """Records admitted and not settled: waiting, away, parked or following."""
        return len(self._newest) + len(self._parked) + self._follower_count

    @property
    def admitted_bytes(self) -> int:
        """The bodies of all admitted records."""
        return self._admitted_bytes

    def admit(self, record: Record) -> Record | None:
        """Takes a record in. Returns the older one that it replaces, which is never sent."""
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
        """The same for several, in less time, or for none: only if each opens a lane of its own.

        `bodies_bytes`: what their bodies come to.
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
        """The first `count` waiting records, oldest lane first; they stay where they are."""
        order: Iterable[Record] = self._order
        if self._gone:
            order = (one for one in order if not one.is_away)
        first = list(islice(order, count))
        return self.as_waiting(first) if self._stand_ins else first

    def as_waiting(self, records: Iterable[Record]) -> list[Record]:
        """For each of some waiting records the one that has taken its place, or itself."""
        return [self._newest.get(record.identity) or record for record in records]

    def send(self, records: Sequence[Record]) -> None:
        """Closes the lanes of waiting records that go on their way."""
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
        """Opens the lane of a record that is away and done.

        A parked record begins to wait. Returns the followers that share its answer.
        """
        return self.settle_all([record]).get(record.identity, [])

    def settle_all(self, records: Sequence[Record]) -> Mapping[Identity, list[Record]]:
        """The same for several; the followers by the identity whose answer they share."""
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
        """Takes out all that never went on its way: waiting, parked, and their followers."""
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
