"""Which waiting records go together, so that a run's units are few.

Records are packed a block at a time by best fit, and in plain order where that is no dearer. The
last batch of a block is not sent with it: its records wait for the next block, which may have
what fills it. That costs nothing, because the next block is compared with what sending it as it
is would cost: units are never more than those of 25 at a time.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.pacing.pace import request_units
from kvsctl.bulk.packing.best_fit import cut, fit, units_of
from kvsctl.bulk.packing.rule import PackingRule, body_bytes, choose
from kvsctl.model import Record
from kvsctl.service.wire import wire_bytes

_BATCHES_PER_BLOCK: Final = 16


class Proposal(NamedTuple):
    """Records that should go together, and an upper bound of the body that they make."""

    records: list[Record]
    body_bytes: int

    @classmethod
    def of(cls, records: list[Record]) -> "Proposal":
        """These records, counted."""
        return cls(records, body_bytes(records))


class Packer:
    """Proposes batches of what waits in lanes. Nothing is taken out until it is `sent`.

    A block needs its records to be there; with `flush` what is there will do.
    """

    def __init__(self, lanes: Lanes, *, counts_units: bool) -> None:
        self._lanes = lanes
        self._counts_units = counts_units
        self._rule: PackingRule | None = None
        self._planned: deque[Proposal] = deque()
        self._left_over = 0

    def next_batch(self, rule: PackingRule, *, flush: bool) -> Proposal | None:
        """The next batch; None where nothing should go yet."""
        if rule is not self._rule:
            self._rule = rule
            self._forget()
        if self._planned and (planned := self._still_planned(rule)):
            return planned
        waiting = self._lanes.next_waiting(rule.max_records)
        if len(waiting) == rule.max_records:
            proposed = Proposal.of(waiting)
            if self._is_plain_best(proposed, rule):
                return proposed
        records, is_full = choose(waiting, rule)
        if not (is_full or (flush and records)):
            return None
        if not self._counts_units or (flush and len(records) == self._lanes.waiting):
            return Proposal.of(records)
        return self._first_of_block(rule, flush=flush)

    def sent(self, records: Sequence[Record]) -> None:
        """The proposed batch has gone on its way."""
        if self._planned:
            self._planned.popleft()
        else:
            self._left_over = 0
        self._lanes.send(records)

    def _is_plain_best(self, full: Proposal, rule: PackingRule) -> bool:
        """Whether nothing can be won: they are as many as can go, and for one unit.

        Not beside records that are left over: the comparison of the next block rests on them.
        """
        size = full.body_bytes
        return not self._left_over and size <= rule.max_bytes and request_units(size) == 1

    def _first_of_block(self, rule: PackingRule, *, flush: bool) -> Proposal | None:
        count = self._left_over + _BATCHES_PER_BLOCK * rule.max_records
        if self._lanes.waiting < count and not flush:
            return None
        waiting = self._lanes.next_waiting(count)
        sizes = [wire_bytes(record) for record in waiting]
        older = min(self._left_over, len(sizes))
        batches = _cheapest(sizes, older, rule)
        planned = [Proposal.of([waiting[place] for place in places]) for places in batches]
        if len(planned) > 1:
            self._left_over = len(planned.pop().records)
        self._planned.extend(planned)
        return self._planned[0]

    def _still_planned(self, rule: PackingRule) -> Proposal | None:
        """The batch that is planned next, with records that replaced others of it meanwhile.

        None, and the plan forgotten, where those make it dearer or too large.
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
    """The batches of a block whose first `older` records are left over from the last one."""
    limits = (rule.max_records, rule.max_bytes)
    plain = [list(range(older))] if older else []
    plain += [[older + place for place in places] for places in cut(sizes[older:], *limits)]
    plain_units = units_of(plain, sizes)
    if plain_units == max(request_units(sum(sizes)), -(-len(sizes) // rule.max_records)):
        return plain
    fitted = fit(sizes, *limits)
    return fitted if units_of(fitted, sizes) <= plain_units else plain
