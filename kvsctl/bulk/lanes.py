"""One identity at a time, in input order, so that an older write never lands after a newer one.

A lane is open while its record waits, closed while a request (or a retry of it) is on its way.
"""

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
        self._waiting: dict[Identity, Record] = {}
        self._away: dict[Identity, Record | None] = {}
        self._followers: dict[Identity, list[Record]] = {}
        self._follower_count = 0
        self._parked_count = 0
        self._admitted_bytes = 0

    @property
    def waiting(self) -> int:
        """Records that could be sent now."""
        return len(self._waiting)

    @property
    def admitted(self) -> int:
        """Records admitted and not settled: waiting, away, parked or following."""
        return len(self._waiting) + len(self._away) + self._parked_count + self._follower_count

    @property
    def admitted_bytes(self) -> int:
        """The bodies of all admitted records."""
        return self._admitted_bytes

    def admit(self, record: Record) -> Record | None:
        """Takes a record in. Returns the older one that it replaces, which is never sent."""
        self._admitted_bytes += len(record.body)
        identity = record.identity
        if self._waiting.setdefault(identity, record) is record:
            if identity not in self._away:
                return None
            del self._waiting[identity]
        replaced = self._place(record)
        if replaced is not None:
            self._admitted_bytes -= len(replaced.body)
        return replaced

    def admit_all(self, records: Sequence[Record], bodies_bytes: int) -> bool:
        """The same for several, in less time, or for none: only if each opens a lane of its own.

        `bodies_bytes`: what their bodies come to.
        """
        fresh = {record.identity: record for record in records}
        waiting = self._waiting
        if not (
            len(fresh) == len(records)
            and waiting.keys().isdisjoint(fresh)
            and self._away.keys().isdisjoint(fresh)
        ):
            return False
        waiting.update(fresh)
        self._admitted_bytes += bodies_bytes
        return True

    def _place(self, record: Record) -> Record | None:
        identity = record.identity
        if self._join:
            self._followers.setdefault(identity, []).append(record)
            self._follower_count += 1
            return None
        if identity in self._away:
            parked = self._away[identity]
            self._away[identity] = record
            self._parked_count += parked is None
            return parked
        replaced = self._waiting[identity]
        self._waiting[identity] = record
        return replaced

    def next_waiting(self, count: int) -> list[Record]:
        """The first `count` waiting records, oldest lane first; they stay where they are."""
        return list(islice(self._waiting.values(), count))

    def as_waiting(self, records: Iterable[Record]) -> list[Record]:
        """For each of some waiting records the one that has taken its place, or itself."""
        return [self._waiting.get(record.identity, record) for record in records]

    def send(self, records: Iterable[Record]) -> None:
        """Closes the lanes of waiting records that go on their way."""
        waiting, away = self._waiting, self._away
        for record in records:
            identity = record.identity
            del waiting[identity]
            away[identity] = None

    def settle(self, record: Record) -> list[Record]:
        """Opens the lane of a record that is away and done.

        A parked record begins to wait. Returns the followers that share its answer.
        """
        return self.settle_all([record]).get(record.identity, [])

    def settle_all(self, records: Sequence[Record]) -> Mapping[Identity, list[Record]]:
        """The same for several; the followers by the identity whose answer they share."""
        waiting, away = self._waiting, self._away
        for record in records:
            identity = record.identity
            if (parked := away.pop(identity)) is not None:
                waiting[identity] = parked
                self._parked_count -= 1
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
        left = list(self._waiting.values())
        for identity in self._waiting:
            left += self._followers.pop(identity, ())
        self._waiting.clear()
        for identity, parked in self._away.items():
            if parked is not None:
                left.append(parked)
                self._away[identity] = None
        self._parked_count = 0
        self._follower_count = sum(map(len, self._followers.values()))
        self._admitted_bytes -= sum(len(record.body) for record in left)
        return left
