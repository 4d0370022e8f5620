"""Divide sizes into batches that cost few quota units: best fit. Pure.

A batch begins with the oldest record left and continues in order, up to a whole number of units.
The rest of the last unit is filled with the records that fit it best. So the oldest record never
waits, and each batch fills its last unit well or has the most records that one request allows.

A *place* is an index into the sizes.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec

from kvsctl.bulk.pacing.pace import request_units
from kvsctl.limits import DEFAULT_LIMITS

BRACKETS_BYTES: Final = 2
_UNIT_BYTES: Final = DEFAULT_LIMITS.unit_bytes
_STEPS_DOWN: Final = 3
"""How many batch sizes are tried: the largest, and one and two units fewer."""
_GOOD_ENOUGH: Final = 1.003
_AFTER_ANY_PLACE: Final = 1 << 62


def cut(sizes: Sequence[int], max_records: int, max_bytes: int) -> list[list[int]]:
    """Return the places in plain order, as many per batch as it can hold.

    Best fit is used only where it costs less than this.
    """
    batches: list[list[int]] = []
    current: list[int] = []
    body_bytes = BRACKETS_BYTES
    for place, size in enumerate(sizes):
        if current and (len(current) == max_records or body_bytes + size > max_bytes):
            batches.append(current)
            current, body_bytes = [], BRACKETS_BYTES
        current.append(place)
        body_bytes += size
    if current:
        batches.append(current)
    return batches


def units_of(batches: Sequence[Sequence[int]], sizes: Sequence[int]) -> int:
    """Return how many units these batches cost together."""
    return sum(
        request_units(BRACKETS_BYTES + sum([sizes[place] for place in places]))
        for places in batches
    )


def fit(sizes: Sequence[int], max_records: int, max_bytes: int) -> list[list[int]]:
    """Return the places in batches, each place in one. Each batch begins with the oldest left."""
    block = _Block(sizes, max_records, max_bytes)
    batches: list[list[int]] = []
    while block.left:
        batches.append(block.next_batch())
    return batches


class _Candidate(msgspec.Struct):
    waste: float
    places: list[int]


class _Block:
    def __init__(self, sizes: Sequence[int], max_records: int, max_bytes: int) -> None:
        self._sizes = sizes
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._ranked = sorted((size, place) for place, size in enumerate(sizes))
        self._gone = bytearray(len(sizes))
        self._oldest = 0
        self.left = len(sizes)
        # The scarcer limit decides what a good batch is: one of full units, or of many records.
        self._is_bound_by_bytes = sum(sizes) / _UNIT_BYTES > len(sizes) / max_records

    def next_batch(self) -> list[int]:
        """Remove and return the next batch."""
        prefix, ends = self._prefix()
        most_units = request_units(ends[-1])
        best: _Candidate | None = None
        for units in range(most_units, max(0, most_units - _STEPS_DOWN), -1):
            room_bytes = min(units * _UNIT_BYTES, self._max_bytes)
            taken = bisect_right(ends, room_bytes) - 1
            if taken < 1:
                break
            candidate = self._filled(prefix[:taken], ends[taken], room_bytes)
            if best is None or candidate.waste < best.waste:
                best = candidate
            if best.waste < _GOOD_ENOUGH:
                break
        places = prefix if best is None else best.places  # None: one record above the bound
        self._take_out(places)
        return places

    def _prefix(self) -> tuple[list[int], list[int]]:
        """Return the oldest records that fit one batch, and the size of the body after each."""
        places: list[int] = []
        ends = [BRACKETS_BYTES]
        for place in range(self._oldest, len(self._sizes)):
            if self._gone[place]:
                continue
            end = ends[-1] + self._sizes[place]
            if places and end > self._max_bytes:
                break
            places.append(place)
            ends.append(end)
            if len(places) == self._max_records:
                break
        return places, ends

    def _filled(self, places: list[int], body_bytes: int, room_bytes: int) -> _Candidate:
        """Return `places` and, largest first, others that fit the rest of the room."""
        chosen = set(places)
        ranked, at = self._ranked, len(self._ranked)
        while len(places) < self._max_records and body_bytes < room_bytes:
            at = bisect_right(ranked, (room_bytes - body_bytes, _AFTER_ANY_PLACE), 0, at) - 1
            while at >= 0 and (self._gone[ranked[at][1]] or ranked[at][1] in chosen):
                at -= 1
            if at < 0:
                break
            size, place = ranked[at]
            chosen.add(place)
            places.append(place)
            body_bytes += size
        units = request_units(body_bytes)
        if self._is_bound_by_bytes:
            return _Candidate(units * _UNIT_BYTES / body_bytes, places)
        return _Candidate(units * self._max_records / len(places), places)

    def _take_out(self, places: Sequence[int]) -> None:
        for place in places:
            self._gone[place] = True
        self.left -= len(places)
        while self._oldest < len(self._sizes) and self._gone[self._oldest]:
            self._oldest += 1
        if len(self._ranked) > 2 * self.left:
            self._ranked = [one for one in self._ranked if not self._gone[one[1]]]
