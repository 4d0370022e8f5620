"""Batches of records that are read before they are written."""

from collections.abc import Sequence
from itertools import islice

from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.packing.packer import Packer
from kvsctl.bulk.packing.rule import PackingRule, choose
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.sending.queue import Admits, Batch, Purpose, SendQueue, any_batch
from kvsctl.bulk.settling.precondition import Precondition
from kvsctl.model import Lane, Record, Verb


class ReadFirstQueue(SendQueue):
    """A queue that reads new records, and packs those that are written after their reads.

    The condition says which records are read; others are written at once. Unless the condition is
    prompt, records to write wait after their read until they fill a batch, because reads may find
    few of them. Their lanes stay closed.
    """

    def __init__(self, lanes: Lanes, rule: PackingRule, condition: Precondition) -> None:
        super().__init__(lanes, rule, counts_units=False)
        self._condition = condition
        self._waiting_lanes = lanes
        self._pending = PendingWrites()
        self._writes = Packer(self._pending, counts_units=True)
        self._being_read = 0

    @property
    def is_empty(self) -> bool:
        """See SendQueue."""
        return super().is_empty and not self._pending.waiting

    def next_new(self, *, flush: bool, admits: Admits = any_batch) -> Batch | None:
        """Return a full batch of writes, else a batch of reads, else the rest of the writes.

        Writes that do not fill a batch wait as long as a read may add to them.
        """
        batch = self._next_write(flush=self._condition.is_prompt, admits=admits)
        batch = batch or self._next_read(flush=flush, admits=admits)
        if batch is not None:
            return batch
        nothing_unread = not (self._being_read or self._waiting_lanes.waiting)
        return self._next_write(flush=flush and nothing_unread, admits=admits)

    def next_last(self, admits: Admits = any_batch) -> Batch | None:
        """Return a batch of the remaining writes; if there are none, see SendQueue."""
        return self._next_write(flush=True, admits=admits) or super().next_last(admits)

    def resend(self, batch: Batch, due: float) -> None:
        """See SendQueue. If the condition is prompt, the records are read again first.

        Parts of a refused batch are not read again: they would be packed into the same batch.
        """
        if self._condition.is_prompt and batch.purpose is Purpose.WORK and not batch.is_part:
            records = self.split(batch)
            reads = [self._condition.reading(one) for one in records]
            for read, record in zip(reads, records, strict=True):
                read.ambiguous = record.ambiguous  # so that a run that must end still reads it
            batch = Batch(reads, is_loose=True, purpose=Purpose.READ_FIRST)
            self._being_read += len(reads)
        super().resend(batch, due)

    def take_read(self, count: int, to_write: Sequence[Record]) -> None:
        """Note that `count` records were read first. Queue those of them that are written."""
        self._being_read -= count
        self._pending.add(to_write)

    def resize(self, record: Record, body: bytes) -> None:
        """Replace the body of a record that was read."""
        self._waiting_lanes.resize(record, body)

    def drain_resends(self) -> list[Record]:
        """Remove and return the records that would have been sent again, written or read back."""
        return super().drain_resends() + self._pending.drain()

    def _next_write(self, *, flush: bool, admits: Admits) -> Batch | None:
        return self._next_of(self._writes, flush=flush, admits=admits)

    def _next_read(self, *, flush: bool, admits: Admits) -> Batch | None:
        while (proposed := self._packer.next_batch(self.capacity.rule, flush=flush)) is not None:
            condition = self._condition
            to_write = [one for one in proposed.records if not condition.needs_read(one)]
            to_read = [one for one in proposed.records if condition.needs_read(one)]
            # A read asks for the expiry, so it may be longer than a write of a small value.
            reads, _ = choose([condition.reading(one) for one in to_read], self.capacity.rule)
            batch = Batch(reads, purpose=Purpose.READ_FIRST)
            if reads and not admits(batch):
                return None
            self._packer.sent([*to_read[: len(reads)], *to_write])
            self._pending.add(to_write)
            if reads:
                self._being_read += len(reads)
                return batch
        return None


class PendingWrites:
    """Records that wait to be written after they were read, for a packer."""

    def __init__(self) -> None:
        self._records: dict[Lane, Record] = {}

    @property
    def waiting(self) -> int:
        """How many records wait."""
        return len(self._records)

    def add(self, records: Sequence[Record]) -> None:
        """Let records wait. Each identity waits at most once."""
        self._records.update((record.identity.lane, record) for record in records)

    def next_waiting(self, count: int) -> Sequence[Record]:
        """Return the first `count` records. They keep waiting."""
        return self.waiting_records(count)

    def waiting_records(self, count: int) -> list[Record]:
        """Return the same as `next_waiting`."""
        return list(islice(self._records.values(), count))

    def as_waiting(self, records: Sequence[Record]) -> list[Record]:
        """Return the records: none is superseded here."""
        return list(records)

    def send(self, records: Sequence[Record]) -> None:
        """Remove records that are being sent."""
        for record in records:
            del self._records[record.identity.lane]

    def drain(self) -> list[Record]:
        """Remove and return all records."""
        left = list(self._records.values())
        self._records.clear()
        return left


def queue_of(plan: RunPlan, lanes: Lanes) -> SendQueue:
    """Return the queue of a plan."""
    condition = plan.precondition
    if condition.reads_first:
        return ReadFirstQueue(lanes, plan.packing, condition)
    return SendQueue(lanes, plan.packing, counts_units=plan.verb is not Verb.GET)
