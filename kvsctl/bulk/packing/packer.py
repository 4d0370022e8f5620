"""Pack waiting records so that a run costs few quota units.

Records are packed one block at a time, by best fit or in plain order, whichever is cheaper. The
last batch of a block is not sent with the block: its records wait for the next one, which may
fill it. That never costs more, because best fit is used only if it is not more expensive than
sending the left-over batch as it is and the rest in plain order.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from kvsctl.bulk.pacing.pace import request_units
from kvsctl.bulk.packing.best_fit import cut, fit, units_of
from kvsctl.bulk.packing.rule import PackingRule, body_bytes, choose
from kvsctl.model import Record
from kvsctl.service.wire import wire_bytes

_BATCHES_PER_BLOCK: Final = 16


class Proposal(msgspec.Struct, gc=False):
    """Records that should share a request, and an upper bound of its body."""

    records: Sequence[Record]
    body_bytes: int

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Proposal":
        """Return a proposal of these records."""
        return cls(records, body_bytes(records))


class Waiting(Protocol):
    """What a packer needs of the records that wait: see `lanes.Lanes`."""

    @property
    def waiting(self) -> int:
        """How many records wait."""
        ...

    def next_waiting(self, count: int) -> Sequence[Record]:
        """Return the first `count` records, perhaps as a slab. They keep waiting."""
        ...

    def waiting_records(self, count: int) -> list[Record]:
        """Return the same records one by one."""
        ...

    def as_waiting(self, records: Sequence[Record]) -> list[Record]:
        """Return the records, each replaced by the newest of its identity."""
        ...

    def send(self, records: Sequence[Record]) -> None:
        """Note that records which waited are being sent."""
        ...


class Packer:
    """Proposes batches of the records that wait in lanes. They keep waiting until `sent`.

    A block is packed when it is complete, or with `flush` as it is.
    """

    def __init__(self, lanes: Waiting, *, counts_units: bool) -> None:
        self._lanes = lanes
        self._counts_units = counts_units
        self._rule: PackingRule | None = None
        self._planned: deque[Proposal] = deque()
        self._left_over = 0

    def next_batch(self, rule: PackingRule, *, flush: bool) -> Proposal | None:
        """Return the next batch; None if it should wait for more records."""
        if rule is not self._rule:
            self._rule = rule
            self._forget()
        if self._planned and (planned := self._still_planned(rule)):
            return planned
        waiting = self._lanes.next_waiting(rule.max_records)
        if not waiting:
            return None
        proposed = Proposal.of(waiting)
        size = proposed.body_bytes
        is_plain_best = (
            # It is full and costs one unit. But while records are left over, the next block is
            # compared including them.
            len(waiting) == rule.max_records
            and size <= rule.max_bytes
            and request_units(size) == 1
            and not self._left_over
        )
        if is_plain_best:
            return proposed
        if size > rule.max_bytes:
            waiting = self._lanes.waiting_records(len(waiting))
        records, is_full = choose(waiting, rule)
        if not (is_full or (flush and records)):
            return None
        if not self._counts_units or (flush and len(records) == self._lanes.waiting):
            return Proposal.of(records)
        return self._first_of_block(rule, flush=flush)

    def sent(self, records: Sequence[Record]) -> None:
        """Note that the proposed batch is being sent."""
        if self._planned:
            self._planned.popleft()
        else:
            self._left_over = 0
        self._lanes.send(records)

    def _first_of_block(self, rule: PackingRule, *, flush: bool) -> Proposal | None:
        count = self._left_over + _BATCHES_PER_BLOCK * rule.max_records
        if self._lanes.waiting < count and not flush:
            return None
        waiting = self._lanes.waiting_records(count)
        sizes = [wire_bytes(record) for record in waiting]
        older = min(self._left_over, len(sizes))
        batches = _cheapest(sizes, older, rule)
        planned = [Proposal.of([waiting[place] for place in places]) for places in batches]
        if len(planned) > 1:
            self._left_over = len(planned.pop().records)
        self._planned.extend(planned)
        return self._planned[0]

    def _still_planned(self, rule: PackingRule) -> Proposal | None:
        """Return the next planned batch, with superseded records replaced by their newest.

        Return None and drop the plan if that makes the batch more expensive or too large.
        """
        planned = self._planned[0]
        records = self._lanes.as_waiting(planned.records)
        if records == planned.records:
            return planned
        current = Proposal.of(records)
        size = current.body_bytes
        if request_units(size) > request_units(planned.body_bytes) or size > rule.max_bytes:
            self._forget()
            return None
        return current

    def _forget(self) -> None:
        self._planned.clear()
        self._left_over = 0


def _cheapest(sizes: list[int], older: int, rule: PackingRule) -> list[list[int]]:
    """Return the batches of a block. Its first `older` records are left over from the last one."""
    limits = (rule.max_records, rule.max_bytes)
    plain = cut(sizes[:older], *limits)  # several if larger records have superseded them
    plain += [[older + place for place in places] for places in cut(sizes[older:], *limits)]
    plain_units = units_of(plain, sizes)
    if plain_units == max(request_units(sum(sizes)), -(-len(sizes) // rule.max_records)):
        return plain
    fitted = fit(sizes, *limits)
    return fitted if units_of(fitted, sizes) <= plain_units else plain
