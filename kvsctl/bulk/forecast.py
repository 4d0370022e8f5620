"""Compute how many requests and units a run will need, from its records and its plan. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.pacing.pace import request_units
from kvsctl.bulk.packing.rule import body_bytes
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.sending.queue import Batch, Purpose
from kvsctl.bulk.sending.reading_first import ReadFirstQueue, queue_of
from kvsctl.bulk.settling.precondition import ReadFirst
from kvsctl.model import PieceList, Record, Verb
from kvsctl.prices import EMPTY_READ_BYTES, read_usd, write_usd
from kvsctl.slabs import Slab, any_expires_by


class Forecast(msgspec.Struct, frozen=True):
    """What a run needs if every request succeeds at the first attempt and input never stalls.

    `records` counts records that are sent, `duplicates` records that a later one supersedes before
    they are sent, and `expired` records that are skipped because they have expired.
    `units` of writes are those of the packed requests. Reads are charged by their answers, so their
    `units` are a lower bound, one per request (`are_units_least`). `bytes_sent` is an upper bound
    of the request bodies. `least_seconds` is the time that the plan's pace requires, without the
    wait for the last answer. `units_per_minute` is the limit of that pace; None: there is none.

    If records are read before they are written, `reads` counts the requests that read them, and
    `requests`, `units` and `bytes_sent` are upper bounds: they count a write of every record.
    """

    records: int
    duplicates: int
    requests: int
    units: int
    are_units_least: bool
    bytes_sent: int
    least_seconds: float
    reads: int = 0
    expired: int = 0
    units_per_minute: float | None = None

    def plus(self, other: "Forecast") -> "Forecast":
        """Return what two runs need, one after the other. Both write, or both read."""
        return replace(
            self,
            records=self.records + other.records,
            duplicates=self.duplicates + other.duplicates,
            requests=self.requests + other.requests,
            units=self.units + other.units,
            bytes_sent=self.bytes_sent + other.bytes_sent,
            least_seconds=self.least_seconds + other.least_seconds,
            reads=self.reads + other.reads,
            expired=self.expired + other.expired,
        )


_Notes: TypeAlias = Callable[[Sequence[Record]], None]


def _ignore(_records: Sequence[Record]) -> None: ...


class Forecaster:
    """Packs the records of a run as the run would, and counts requests.

    `note_sent` is called with the records of each request of the plan's verb, in the order in which
    the run would send them. Records that have expired by `now` are skipped; None: none are.
    """

    def __init__(
        self, plan: RunPlan, note_sent: _Notes = _ignore, now: datetime | None = None
    ) -> None:
        self._plan = plan
        self._note_sent = note_sent
        self._now = now
        self._expired = 0
        self._reads = plan.verb is Verb.GET
        self._lanes = Lanes(join=self._reads, keeps_first=plan.precondition.keeps_first)
        self._queue = queue_of(plan, self._lanes)
        self._first_reads = 0
        self._records = self._duplicates = 0
        self._requests = self._units = self._bytes_sent = 0
        self._unpacked = 0
        self._takes_slabs = not (plan.splits_slabs or plan.precondition.is_one)

    def admit_all(self, pieces: PieceList) -> None:
        """Count the records among more pieces."""
        if isinstance(pieces, Slab) and self._takes_slabs:
            self._admit_slab(pieces)
            return
        for piece in pieces:
            if isinstance(piece, Record):
                self.admit(piece)

    def admit(self, record: Record) -> None:
        """Count one more record. Hold no more records in memory than a run does."""
        replaced = self._lanes.admit(record)
        self._duplicates += replaced is not None
        is_crowded = self._lanes.admitted_bytes >= self._plan.window_bytes
        self._unpacked += 1
        # Looking for a complete batch after each record would take longer than sending it.
        if is_crowded or self._unpacked >= self._plan.packing.max_records:
            self._unpacked = 0
            self._send(flush=is_crowded)

    def _admit_slab(self, slab: Slab) -> None:
        """Admit a slab with the same result, in parts that end where `admit` looks for a batch."""
        start, most = 0, self._plan.packing.max_records
        while start < len(slab):
            part = slab[start : start + most - self._unpacked]
            start += len(part)
            fits = self._lanes.admitted_bytes + part.body_bytes < self._plan.window_bytes
            if not fits or not self._lanes.admit_all(part, part.body_bytes):
                for record in part:
                    self.admit(record)
                continue
            self._unpacked += len(part)
            if self._unpacked == most:
                self._unpacked = 0
                self._send(flush=False)

    @property
    def held_bytes(self) -> int:
        """The size of the bodies of records that are not counted yet."""
        return self._lanes.admitted_bytes

    def finish(self) -> Forecast:
        """Return what all records need. Call it after the last one."""
        self._send(flush=True)
        return Forecast(
            self._records,
            self._duplicates,
            self._requests,
            self._units,
            self._reads,
            self._bytes_sent,
            self._least_seconds(),
            self._first_reads,
            self._expired,
            self._plan.pace.units_per_minute,
        )

    def _least_seconds(self) -> float:
        if self._plan.precondition.reads_first:  # perhaps none of them is written
            return self._plan.pace.least_seconds(self._first_reads, self._first_reads)
        return self._plan.pace.least_seconds(self._requests, self._units)

    def _send(self, *, flush: bool) -> None:
        while (batch := self._queue.next_new(flush=flush)) is not None:
            self._count(batch)

    def _count(self, batch: Batch) -> None:
        if batch.purpose is Purpose.READ_FIRST and isinstance(self._queue, ReadFirstQueue):
            self._first_reads += 1
            reads = [one.to_write for one in batch.records if isinstance(one, ReadFirst)]
            self._queue.take_read(len(reads), reads)
            return
        sent, size = batch.records, batch.packed_bytes
        if self._now is not None and any_expires_by(sent, self._now):
            batch.records = each = self._queue.split(batch)
            sent = [one for one in each if one.expires_at is None or one.expires_at > self._now]
            size = body_bytes(sent)
            self._expired += len(each) - len(sent)
        if sent:
            self._note_sent(sent)
            self._requests += 1
            self._units += 1 if self._reads else request_units(size)
            self._bytes_sent += size
        followers = self._lanes.settle_all(batch.records)
        self._records += len(sent) + sum(map(len, followers.values()))


def cost_usd(verb: Verb, forecast: Forecast) -> float:
    """Return the cost in US dollars. Writes and deletes are billed by the bytes sent.

    Reads are billed by their answers, which only the service knows. Their cost is a lower bound,
    for empty answers. If records are read before they are written, the cost is that of empty
    answers and of a write of every record.
    """
    if verb is Verb.GET:
        return read_usd(forecast.requests * EMPTY_READ_BYTES)
    return read_usd(forecast.reads * EMPTY_READ_BYTES) + write_usd(forecast.bytes_sent)
