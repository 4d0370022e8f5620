"""The batches that wait to be sent: new ones from open lanes, and resends when they are due."""

import heapq
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import count
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.pacing.pacer import Start
from kvsctl.bulk.packing.capacity import Capacity, Inquiry
from kvsctl.bulk.packing.packer import Packer
from kvsctl.bulk.packing.rule import PackingRule, choose
from kvsctl.bulk.stopping import Stopping
from kvsctl.model import Record


class Purpose(Enum):
    """What a batch is sent for."""

    WORK = "work"
    """The operation of the plan."""
    READ_FIRST = "read first"
    """A read that decides whether its records are written: see `settling.precondition`."""
    READ_BACK = "read back"
    """A read that verifies that its records were written: see `settling.verify`."""


class Batch(msgspec.Struct, eq=False):
    """The records of one request, each identity once.

    `packed_bytes`: an upper bound of its body as it was packed; 0 for a resend. `is_part`: it is
    part of a batch that was refused and split. `renewals`: how often it was resent because its
    token was refused. `is_loose`: its records need not stay together. `inquiry`: shared by the two
    halves of a refused batch, to learn why it was refused. `start`: what the pacer counts for it
    while it is in flight. `round`: see `Patience`.
    """

    records: Sequence[Record]
    packed_bytes: int = 0
    is_part: bool = False
    is_loose: bool = False
    purpose: Purpose = Purpose.WORK
    renewals: int = 0
    inquiry: Inquiry | None = None
    start: Start | None = None
    round: int = 0


Admits: TypeAlias = Callable[[Batch], bool]


def any_batch(_batch: Batch) -> bool:
    """Admit every batch."""
    return True


class _Resend(msgspec.Struct, order=True):
    """A batch that waits until `due`. `order` differs, so that no batches are compared."""

    due: float
    order: int
    batch: Batch


def _is_unread(resend: _Resend) -> bool:
    batch = resend.batch
    return batch.purpose is Purpose.READ_BACK and not any(
        record.attempts for record in batch.records
    )


def _is_begun(resend: _Resend) -> bool:
    batch = resend.batch
    is_read_back = batch.purpose is Purpose.READ_BACK
    return is_read_back or any(record.ambiguous for record in batch.records)


class SendQueue:
    """Packs and keeps the batches that wait. Times are the caller's monotonic seconds.

    `capacity` holds the rule by which they are packed. A batch for which `admits` returns False
    keeps its place.

    `counts_units`: requests are charged by their size, so it matters how well they are filled.
    """

    def __init__(self, lanes: Lanes, rule: PackingRule, *, counts_units: bool = True) -> None:
        self._lanes = lanes
        self._packer = Packer(lanes, counts_units=counts_units)
        self.capacity = Capacity(rule)
        self._resends: list[_Resend] = []
        self._last: list[Record] = []
        self._order = count()

    def resend(self, batch: Batch, due: float) -> None:
        """Queue a batch to be sent again at `due`. Its lanes stay closed."""
        self.split(batch)
        batch.packed_bytes = 0
        heapq.heappush(self._resends, _Resend(due, next(self._order), batch))

    def split(self, batch: Batch) -> list[Record]:
        """Return the records of a batch that was sent, after splitting it: they may now change."""
        batch.records = records = self._lanes.split_away(batch.records)
        return records

    @property
    def is_empty(self) -> bool:
        """Whether no record waits to be sent, for the first time or again."""
        return not (self._lanes.waiting or self._resends or self._last)

    def may_be_sent(self, stopping: Stopping) -> bool:
        """Return whether the run may still send what is queued, now or later."""
        if not stopping.is_stopping:
            return True
        is_left = self.has_begun if stopping.finishes else self.has_unread
        return stopping.may_read_back and is_left

    @property
    def next_due(self) -> float | None:
        """When the next resend is due; None if none waits."""
        return self._resends[0].due if self._resends else None

    def next_resend(self, now: float, admits: Admits = any_batch) -> Batch | None:
        """Return a resend that is due. Loose ones that are due share a request.

        A batch that no longer fits, because the rule was lowered, goes in several requests.
        """
        if not self._resends or self._resends[0].due > now:
            return None
        first = heapq.heappop(self._resends)
        batch = self._fitting(first.batch, now)
        while batch.is_loose and self._resends and self._resends[0].due <= now:
            other = self._resends[0].batch
            together = [*batch.records, *other.records]
            if not other.is_loose or other.purpose is not batch.purpose:
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

    def next_new(self, *, flush: bool, admits: Admits = any_batch) -> Batch | None:
        """Return a batch of records not sent before: well filled, or with `flush` any batch."""
        if not self._lanes.waiting:
            return None
        return self._next_of(self._packer, flush=flush, admits=admits)

    def _next_of(self, packer: Packer, *, flush: bool, admits: Admits) -> Batch | None:
        proposed = packer.next_batch(self.capacity.rule, flush=flush)
        if proposed is None:
            return None
        batch = Batch(proposed.records, proposed.body_bytes)
        if not admits(batch):
            return None
        packer.sent(proposed.records)
        return batch

    def leave_for_last(self, records: list[Record]) -> None:
        """Keep records that are read back last, when little else is left to do."""
        self._last += records

    def next_last(self, admits: Admits = any_batch) -> Batch | None:
        """Return a batch of the first records that were left for last."""
        return self._next_left(admits)

    def _next_left(self, admits: Admits) -> Batch | None:
        if not self._last:
            return None
        records, _ = choose(self._last, self.capacity.rule)
        batch = Batch(records, is_loose=True, purpose=Purpose.READ_BACK)
        if not admits(batch):
            return None
        del self._last[: len(records)]
        return batch

    @property
    def has_unread(self) -> bool:
        """Whether `next_unread` has a batch."""
        return bool(self._last) or any(map(_is_unread, self._resends))

    def next_unread(self, admits: Admits = any_batch) -> Batch | None:
        """Return a batch of written records that no request has read back yet, due or not."""
        first = min(filter(_is_unread, self._resends), default=None)
        if first is None:
            return self._next_left(admits)
        return self._take(first, admits)

    @property
    def has_begun(self) -> bool:
        """Whether records were written and not read back, or have an attempt without an answer."""
        return bool(self._last) or any(map(_is_begun, self._resends))

    @property
    def next_begun_due(self) -> float | None:
        """When `next_begun` has a batch; None if it has none, or has one now."""
        return min((one.due for one in self._resends if _is_begun(one)), default=None)

    def next_begun(self, now: float, admits: Admits = any_batch) -> Batch | None:
        """Return a batch of the records that `has_begun` describes, if it is due."""
        first = min(filter(_is_begun, self._resends), default=None)
        if first is None:
            return self._next_left(admits)
        return None if first.due > now else self._take(first, admits)

    def _take(self, resend: _Resend, admits: Admits) -> Batch | None:
        """Return the batch of a resend, or as much of it as fits, if it may be sent now."""
        self._resends.remove(resend)
        heapq.heapify(self._resends)
        batch = self._fitting(resend.batch, resend.due)
        if admits(batch):
            return batch
        heapq.heappush(self._resends, _Resend(resend.due, resend.order, batch))
        return None

    def _fitting(self, batch: Batch, due: float) -> Batch:
        """Return as much of a batch as fits one request. Queue the rest for `due`."""
        chosen, _ = choose(batch.records, self.capacity.rule)
        rest = batch.records[len(chosen) :]
        if not rest:
            return batch
        self.resend(replace(batch, records=rest, inquiry=None), due)
        return replace(batch, records=chosen, inquiry=None)

    def drain_resends(self) -> list[Record]:
        """Remove and return the records that would have been sent again or read back."""
        records = [record for resend in self._resends for record in resend.batch.records]
        records += self._last
        self._resends.clear()
        self._last.clear()
        return records
