"""The outcomes of reads, kept in the caller's order until the caller takes them."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.outcomes.in_order import Reorder
from kvsctl.bulk.plan import Pressure
from kvsctl.client.results import FailedRecord, StoredRecord, failed_record
from kvsctl.model import Outcome

ReadRecord: TypeAlias = StoredRecord | FailedRecord
"""A record that was read, or why it could not be."""

_MOST_AHEAD_BYTES: Final = 16_000_000
"""How many bytes may wait for the caller, or for an earlier record."""


class Stream:
    """A listener that gives what was read in order of position. The run waits for its taker."""

    wants = frozenset({Settled})

    def __init__(self) -> None:
        self._reorder: Reorder[ReadRecord] = Reorder(_size)
        self._ready: deque[Sequence[ReadRecord]] = deque()
        self._ready_bytes = 0
        self._changed = asyncio.Event()
        self._has_ended = False

    def __call__(self, event: Event) -> None:
        """Take what was read."""
        if not isinstance(event, Settled):
            return
        released: list[ReadRecord] = []
        for outcome in event.outcomes:
            released += self._reorder.add(outcome.position, _read_record(outcome))
        if released:
            self._ready.append(released)
            self._ready_bytes += sum(map(_size, released))
            self._changed.set()

    def pressure(self) -> Pressure:
        """Return whether more may be read."""
        if self._ready_bytes >= _MOST_AHEAD_BYTES:
            return Pressure.STOP
        is_held = self._reorder.held_bytes >= _MOST_AHEAD_BYTES
        return Pressure.OLDEST_ONLY if is_held else Pressure.NONE

    def end(self) -> None:
        """Note that the run has ended."""
        self._has_ended = True
        self._changed.set()

    async def next(self) -> Sequence[ReadRecord] | None:
        """Return the next records; None at the end."""
        while not self._ready:
            if self._has_ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        records = self._ready.popleft()
        self._ready_bytes -= sum(map(_size, records))
        return records


def _size(record: ReadRecord) -> int:
    return 200 + (len(record.json) if isinstance(record, StoredRecord) else 0)


def _read_record(outcome: Outcome) -> ReadRecord | None:
    """Return what the caller gets of a read; None if there is nothing, such as after a stop."""
    if outcome.failure is not None:
        return failed_record(outcome, outcome.failure)
    found, identity = outcome.found, outcome.subject.identity
    if found is None or identity is None:
        return None
    return StoredRecord(
        outcome.position,
        identity.key,
        identity.entity,
        found.value,
        found.created_at,
        found.updated_at,
        found.expire_time,
    )
