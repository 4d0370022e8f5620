"""What is sent next: new batches from open lanes, and resends when they are due."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.pacing.pacer import Start
from kvsctl.bulk.packing.capacity import Capacity, Inquiry
from kvsctl.bulk.packing.packer import Packer
from kvsctl.bulk.packing.rule import PackingRule, choose
from kvsctl.model import Record


class Batch(msgspec.Struct, eq=False):
    """Records that travel in one request, each identity once.

    `packed_bytes`: an upper bound of its body as it was packed; 0 for one that is sent again.
    `is_part`: split off a batch that was refused. `renewals` counts the times that it was sent
    again because its token was refused. `is_loose`: its records need not stay together.
    `reads_back`: its records are read, to see that they were written. `inquiry`: why the batch
    was refused that this is a half of. `start`: what the pacer counts for it while it is away.
    `round`: see `Patience`.
    """

    records: list[Record]
    packed_bytes: int = 0
    is_part: bool = False
    is_loose: bool = False
    reads_back: bool = False
    renewals: int = 0
    inquiry: Inquiry | None = None
    start: Start | None = None
    round: int = 0


Admits: TypeAlias = Callable[[Batch], bool]


def _any(_batch: Batch) -> bool:
    return True


@dataclass(order=True, slots=True)
class _Resend:
    due: float
    order: int
    batch: Batch = field(compare=False)


def _is_unread(resend: _Resend) -> bool:
    batch = resend.batch
    return batch.reads_back and not any(record.attempts for record in batch.records)


class SendQueue:
    """Chooses the next batch, by `capacity`. Times are the caller's monotonic seconds.

    A batch that `admits` says no to stays where it is.

    `counts_units`: requests are priced by their size, so it matters what fills them.
    """

    def __init__(self, lanes: Lanes, rule: PackingRule, *, counts_units: bool = True) -> None:
        self._packer = Packer(lanes, counts_units=counts_units)
        self.capacity = Capacity(rule)
        self._resends: list[_Resend] = []
        self._last: list[Record] = []
        self._order = count()

    def resend(self, batch: Batch, due: float) -> None:
        """Sends a batch again at `due`; its lanes stay closed until then."""
        batch.packed_bytes = 0
        heapq.heappush(self._resends, _Resend(due, next(self._order), batch))

    @property
    def next_due(self) -> float | None:
        """When the next resend is due; None if there is none."""
        return self._resends[0].due if self._resends else None

    def next_resend(self, now: float, admits: Admits = _any) -> Batch | None:
        """A batch that is due to be sent again. Loose ones that are due travel together.

        One that no longer fits, because the rule was lowered meanwhile, goes in several requests.
        """
        if not self._resends or self._resends[0].due > now:
            return None
        first = heapq.heappop(self._resends)
        batch = self._fitting(first.batch, now)
        while batch.is_loose and self._resends and self._resends[0].due <= now:
            other = self._resends[0].batch
            together = batch.records + other.records
            if not other.is_loose or other.reads_back != batch.reads_back:
                break
            if len(choose(together, self.capacity.rule)[0]) < len(together):
                break
            heapq.heappop(self._resends)
            renewals = max(batch.renewals, other.renewals)
            batch = replace(batch, records=together, renewals=renewals)
        if not admits(batch):
            heapq.heappush(self._resends, _Resend(first.due, first.order, batch))
            return None
        return batch

    def next_new(self, *, flush: bool, admits: Admits = _any) -> Batch | None:
        """A batch of records not sent before: a well filled one, or with `flush` any."""
        proposed = self._packer.next_batch(self.capacity.rule, flush=flush)
        if proposed is None or not admits(batch := Batch(*proposed)):
            return None
        self._packer.sent(proposed.records)
        return batch

    def leave_for_last(self, records: list[Record]) -> None:
        """Keeps records that are to be read back when little else is left to do."""
        self._last += records

    def next_last(self, admits: Admits = _any) -> Batch | None:
        """The first records that were left for last, to be read back together."""
        if not self._last:
            return None
        records, _ = choose(self._last, self.capacity.rule)
        batch = Batch(records, is_loose=True, reads_back=True)
        if not admits(batch):
            return None
        del self._last[: len(records)]
        return batch

    @property
    def has_unread(self) -> bool:
        """Whether `next_unread` has anything to propose."""
        return bool(self._last) or any(map(_is_unread, self._resends))

    def next_unread(self, admits: Admits = _any) -> Batch | None:
        """Written records that were not read back yet, nor tried to; due or not."""
        first = min(filter(_is_unread, self._resends), default=None)
        if first is None:
            return self.next_last(admits)
        if not admits(first.batch):
            return None
        self._resends.remove(first)
        heapq.heapify(self._resends)
        return first.batch

    def _fitting(self, batch: Batch, now: float) -> Batch:
        chosen, _ = choose(batch.records, self.capacity.rule)
        rest = batch.records[len(chosen) :]
        if not rest:
            return batch
        self.resend(replace(batch, records=rest, inquiry=None), now)
        return replace(batch, records=chosen, inquiry=None)

    def drain_resends(self) -> list[Record]:
        """Takes out the records that would have been sent again, or read back."""
        records = [record for resend in self._resends for record in resend.batch.records]
        records += self._last
        self._resends.clear()
        self._last.clear()
        return records
