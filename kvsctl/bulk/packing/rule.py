"""What one request may carry: at most 25 records, at most 4 MB, each identity once."""

from collections.abc import Sequence

import msgspec

from kvsctl.bulk.packing.best_fit import BRACKETS_BYTES
from kvsctl.limits import Limits
from kvsctl.model import Record
from kvsctl.service.wire import wire_bytes, wire_bytes_of_all
from kvsctl.slabs import Slab


class PackingRule(msgspec.Struct, frozen=True):
    """The most that one request may carry. A single record may exceed `max_bytes`."""

    max_records: int
    max_bytes: int

    @classmethod
    def of(cls, limits: Limits) -> "PackingRule":
        """Return the rule for these limits of the service."""
        return cls(limits.batch_records, limits.batch_bytes)


def choose(waiting: Sequence[Record], rule: PackingRule) -> tuple[Sequence[Record], bool]:
    """Return the first records of `waiting` that fit one request, and whether the batch is full.

    `waiting` holds each identity once. Full means that one more record would not fit. The batch is
    empty only if `waiting` is. A slab that fits is returned as it is.
    """
    if len(waiting) <= rule.max_records and body_bytes(waiting) <= rule.max_bytes:
        whole = waiting if isinstance(waiting, Slab) else list(waiting)
        return whole, len(waiting) == rule.max_records
    chosen: list[Record] = []
    chosen_bytes = BRACKETS_BYTES
    for record in waiting:
        record_bytes = wire_bytes(record)
        if chosen and chosen_bytes + record_bytes > rule.max_bytes:
            return chosen, True
        chosen.append(record)
        chosen_bytes += record_bytes
        if len(chosen) == rule.max_records:
            return chosen, True
    return chosen, False


def body_bytes(records: Sequence[Record]) -> int:
    """Return an upper bound of the request body of these records, as `choose` counts it."""
    return BRACKETS_BYTES + wire_bytes_of_all(records)
