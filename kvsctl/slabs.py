"""Many records, or the outcomes of many, as one value. Each one is created on access."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import compress, count, repeat
from typing import TypeVar, cast, overload

import msgspec

from kvsctl.model import SUCCEEDED, Found, Identity, Lane, Outcome, Record, name_in_json

_Entry = TypeVar("_Entry")


class Slab(Sequence[Record]):
    """Consecutive records, as columns. Each `Record` is created on access.

    The first is at `position`, and each further one at the next position. `lines` holds their line
    numbers. `entities` and `expiries` (`Record.expires_at`) are None if no record has one. If
    `is_mixed` is False, those that are not None have no gaps. `names` (`name_in_json`) is None if
    no record has an entity. `lanes` are those of the identities. `expiry_span` is the first and the
    last of the expiries, or of those of the slab that this one was cut from. No record is
    ambiguous. Slices are slabs.

    `attempts` and `is_away` hold for each record: see `Record`. A slab cannot hold anything else
    that a run changes about a record. So before a record changes, `list(slab)` creates the records
    that replace the slab.
    """

    __slots__ = (
        "_body_bytes",
        "attempts",
        "bodies",
        "entities",
        "expiries",
        "expiry_span",
        "is_away",
        "is_mixed",
        "keys",
        "lanes",
        "lines",
        "names",
        "position",
        "source",
    )

    def __init__(
        self,
        position: int,
        source: str,
        lines: Sequence[int],
        keys: Sequence[str],
        bodies: Sequence[bytes],
        entities: Sequence[str | None] | None = None,
        expiries: Sequence[datetime | None] | None = None,
        names: Sequence[bytes] | None = None,
    ) -> None:
        self.position = position
        self.source = source
        self.lines = lines
        self.keys = keys
        self.bodies = bodies
        self.lanes: Sequence[Lane] = keys
        self.entities: Sequence[str | None] | None = None
        self.expiries: Sequence[datetime | None] | None = None
        self.expiry_span: tuple[datetime, datetime] | None = None
        self.names: Sequence[bytes] | None = None
        self.is_mixed = False
        self.attempts = 0
        self.is_away = False
        self._body_bytes = -1
        if entities is not None or expiries is not None:
            self._add(entities, expiries, names)
            self.lanes = self._own_lanes()
            self.expiry_span = self._own_span()

    def _add(
        self,
        entities: Sequence[str | None] | None,
        expiries: Sequence[datetime | None] | None,
        names: Sequence[bytes] | None,
        *,
        is_mixed: bool = True,
    ) -> None:
        """Add the columns that plain records do not need. `is_mixed`: they may have gaps."""
        if is_mixed:
            entities, some_have_no_entity = _if_any(entities)
            expiries, some_have_no_expiry = _if_any(expiries)
            self.is_mixed = some_have_no_entity or some_have_no_expiry
        self.entities, self.expiries = entities or None, expiries or None
        if entities:
            self.names = names or [*map(name_in_json, map(Identity, entities, self.keys))]

    def _own_lanes(self) -> Sequence[Lane]:
        if self.names is None or self.entities is None:
            return self.keys
        if not self.is_mixed:
            return self.names
        columns = zip(self.entities, self.keys, self.names, strict=True)
        return [key if one is None else name for one, key, name in columns]

    def _own_span(self) -> tuple[datetime, datetime] | None:
        if not self.expiries:
            return None
        moments = [*filter(None, self.expiries)] if self.is_mixed else self.expiries
        known = cast("Sequence[datetime]", moments)
        return min(known), max(known)

    @property
    def body_bytes(self) -> int:
        """The total size of all bodies."""
        if self._body_bytes < 0:
            self._body_bytes = sum(map(len, self.bodies))
        return self._body_bytes

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> "Slab": ...
    def __getitem__(self, index: int | slice) -> "Record | Slab":
        places = range(len(self.keys))[index]
        if isinstance(places, int):
            return next(iter(self[places : places + 1]))
        if places.step != 1:
            raise ValueError("records of a slab follow each other")
        start, stop = places.start, places.stop
        part = Slab(
            self.position + start,
            self.source,
            self.lines[start:stop],
            self.keys[start:stop],
            self.bodies[start:stop],
        )
        entities, expiries = self.entities, self.expiries
        if entities is not None or expiries is not None:
            part._add(
                entities and entities[start:stop],
                expiries and expiries[start:stop],
                self.names and self.names[start:stop],
                is_mixed=self.is_mixed,
            )
            part.lanes = self.lanes[start:stop]
            part.expiry_span = self.expiry_span
        part.attempts, part.is_away = self.attempts, self.is_away
        return part

    def __iter__(self) -> Iterator[Record]:
        # map() and repeat() create many records without Python bytecode for each.
        return map(
            Record,
            count(self.position),
            repeat(self.source),
            self.lines,
            map(Identity, self.entities or repeat(None), self.keys),
            self.bodies,
            self.expiries or repeat(None),
            repeat(self.attempts),
            repeat(False),
            repeat(0),
            repeat(0),
            repeat(self.is_away),
        )

    def selected(self, chosen: Sequence[bool], position: int) -> "Slab":
        """Return the records for which `chosen` is true, at `position` and the positions after it.

        None of them may have been sent.
        """
        entities, expiries = self.entities, self.expiries
        return Slab(
            position,
            self.source,
            list(compress(self.lines, chosen)),
            list(compress(self.keys, chosen)),
            list(compress(self.bodies, chosen)),
            None if entities is None else list(compress(entities, chosen)),
            None if expiries is None else list(compress(expiries, chosen)),
        )

    def joined(self, other: "Slab") -> "Slab | None":
        """Return both as one slab; None if `other` does not follow this one in the same source."""
        if other.position != self.position + len(self) or other.source != self.source:
            return None
        lines: Sequence[int] = [*self.lines, *other.lines]
        if lines and lines[-1] - lines[0] == len(lines) - 1:
            lines = range(lines[0], lines[-1] + 1)
        keys, bodies = [*self.keys, *other.keys], [*self.bodies, *other.bodies]
        entities = _joined(self.entities, len(self), other.entities, len(other))
        expiries = _joined(self.expiries, len(self), other.expiries, len(other))
        names = [*self.names, *other.names] if self.names and other.names else None
        return Slab(self.position, self.source, lines, keys, bodies, entities, expiries, names)

    def __repr__(self) -> str:
        return f"Slab({self.position}, {len(self)} records)"


def _if_any(
    column: Sequence[_Entry | None] | None,
) -> tuple[Sequence[_Entry | None] | None, bool]:
    """Return a column, or None if no record has an entry, and whether it has gaps."""
    if column is None or all(column):
        return column, False
    gaps = column.count(None)
    return (None, False) if gaps == len(column) else (column, gaps > 0)


def _joined(
    column: Sequence[_Entry | None] | None,
    count: int,
    other: Sequence[_Entry | None] | None,
    other_count: int,
) -> Sequence[_Entry | None] | None:
    """Return two columns as one. A column that is None has `count` records without an entry."""
    if column is None and other is None:
        return None
    return [*(column or [None] * count), *(other or [None] * other_count)]


def positions_of(records: Sequence[Record]) -> Sequence[int]:
    """Return the position of each record: a range if they are consecutive."""
    if isinstance(records, Slab):
        return range(records.position, records.position + len(records))
    positions = [record.position for record in records]
    run = range(positions[0], positions[0] + len(positions)) if positions else range(0)
    return run if list(run) == positions else positions


def bodies_and_expiries(
    records: Sequence[Record],
) -> tuple[Sequence[bytes], Sequence[datetime | None] | None]:
    """Return the body and the `expires_at` of each record; no expiries if none has one."""
    if isinstance(records, Slab):
        return records.bodies, records.expiries
    bodies, expiries = [one.body for one in records], [one.expires_at for one in records]
    return bodies, expiries if expiries.count(None) < len(expiries) else None


def any_expires_by(records: Sequence[Record], moment: datetime) -> bool:
    """Return whether one of the records expires at or before this moment."""
    if isinstance(records, Slab) and (records.expiry_span or (moment,))[0] > moment:
        return False
    _, expiries = bodies_and_expiries(records)
    return any(one is not None and one <= moment for one in expiries or ())


def names_of(records: Sequence[Record]) -> tuple[Sequence[str], Sequence[str | None] | None]:
    """Return the key and the entity of each record, as columns; no entities if none has one."""
    if isinstance(records, Slab):
        return records.keys, records.entities
    identities = [record.identity for record in records]
    keys, entities = [one.key for one in identities], [one.entity for one in identities]
    return keys, entities if entities.count(None) < len(entities) else None


class FoundRecord(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A record that batch/get returned, with its members in the order in which get prints them."""

    key: str
    value: msgspec.Raw


class FoundSlab(Sequence[Found]):
    """What batch/get returned for the records of one request. Each `Found` is created on access.

    `values` are parts of the answer, not copies; they have a length, and `bytes.join` takes them.
    `created_at`, `updated_at` and `expire_times` are None if the answer has none of them.
    `is_compact`: no value has a line break. `plain_records`: key and value of each record; None if
    the answer has other members too.
    """

    __hash__ = None  # type: ignore[assignment]
    __slots__ = (
        "created_at",
        "expire_times",
        "is_compact",
        "plain_records",
        "updated_at",
        "values",
    )

    def __init__(
        self,
        values: Sequence[msgspec.Raw],
        created_at: Sequence[int | None] | None = None,
        updated_at: Sequence[int | None] | None = None,
        expire_times: Sequence[str | None] | None = None,
        *,
        is_compact: bool = False,
        plain_records: Sequence[FoundRecord] | None = None,
    ) -> None:
        self.values = values
        self.created_at = created_at
        self.updated_at = updated_at
        self.expire_times = expire_times
        self.is_compact = is_compact
        self.plain_records = plain_records

    @classmethod
    def of(cls, founds: Sequence[Found]) -> "FoundSlab":
        """Return what was found as a slab; the same object if it is one."""
        if isinstance(founds, FoundSlab):
            return founds
        return cls(
            [msgspec.Raw(one.value) for one in founds],
            [one.created_at for one in founds],
            [one.updated_at for one in founds],
            [one.expire_time for one in founds],
        )

    @property
    def is_bare(self) -> bool:
        """Whether all records have only a value."""
        return self.created_at is None and self.updated_at is None and self.expire_times is None

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> Found: ...
    @overload
    def __getitem__(self, index: slice) -> "FoundSlab": ...
    def __getitem__(self, index: int | slice) -> "Found | FoundSlab":
        created, updated, expires = self.created_at, self.updated_at, self.expire_times
        if isinstance(index, slice):
            return FoundSlab(
                self.values[index],
                created and created[index],
                updated and updated[index],
                expires and expires[index],
                is_compact=self.is_compact,
                plain_records=self.plain_records and self.plain_records[index],
            )
        return Found(
            bytes(self.values[index]),
            created[index] if created else None,
            updated[index] if updated else None,
            expires[index] if expires else None,
        )

    def picked(self, places: Sequence[int]) -> "FoundSlab":
        """Return a slab of the records at these places."""
        created, updated, expires = self.created_at, self.updated_at, self.expire_times
        plain = self.plain_records
        return FoundSlab(
            [self.values[place] for place in places],
            created and [created[place] for place in places],
            updated and [updated[place] for place in places],
            expires and [expires[place] for place in places],
            is_compact=self.is_compact,
            plain_records=plain and [plain[place] for place in places],
        )

    def __iter__(self) -> Iterator[Found]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return f"FoundSlab({len(self)} records)"


class Successes(Sequence[Outcome]):
    """The outcomes of records that all succeeded. Each `Outcome` is created on access.

    `found` holds what batch/get returned for each record; it is None for writes. `ambiguous` is
    the number of records with an attempt that got no answer.
    """

    __slots__ = ("ambiguous", "found", "records")

    def __init__(self, records: Sequence[Record], found: Sequence[Found] | None = None) -> None:
        self.records = records
        self.found = found
        self.ambiguous = (
            0 if isinstance(records, Slab) else [record.ambiguous for record in records].count(True)
        )

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> "Successes": ...
    def __getitem__(self, index: int | slice) -> "Outcome | Successes":
        found = self.found
        if isinstance(index, slice):
            return Successes(self.records[index], None if found is None else found[index])
        one = None if found is None else found[index]
        return Outcome(self.records[index], SUCCEEDED, found=one)

    def __iter__(self) -> Iterator[Outcome]:
        return map(self.__getitem__, range(len(self)))
