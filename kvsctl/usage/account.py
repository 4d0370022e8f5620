"""Note the records of a store, and sum them up."""

from collections.abc import Sequence
from typing import Final

import msgspec

from kvsctl.usage.groups import Groups, Row
from kvsctl.usage.prefixes import prefix_of
from kvsctl.usage.sizes import Histogram, SizeClass
from kvsctl.usage.totals import Totals

_RECORD_BYTES: Final = len('{"key":"","value":},')
_EXPIRY_BYTES: Final = len(',"expireTime":""')


class Division(msgspec.Struct, frozen=True):
    """How keys are divided among prefixes: see `prefixes.prefix_of`.

    Levels count from the end of `within`, with which every key begins.
    """

    depth: int = 1
    separator: str | None = None
    within: str = ""


class Others(msgspec.Struct, frozen=True):
    """The records of `prefixes` prefixes that have no row of their own."""

    prefixes: int
    totals: Totals


class Usage(msgspec.Struct, frozen=True):
    """What was noted. `total` is the sum of the rows and of `others`. `prefixes` counts all.

    `has_entities`: not all records are plain ones.
    """

    division: Division
    total: Totals
    prefixes: int
    rows: Sequence[Row]
    others: Others | None
    sizes: Sequence[SizeClass]
    has_entities: bool


class Account:
    """Sums the records of a store by prefix, in any order. Close it at the end.

    Memory is bounded. Methods raise StreamError if the temporary file of `Groups` cannot be
    written.
    """

    def __init__(self, division: Division, groups: Groups | None = None) -> None:
        self._division = division
        self._groups = groups or Groups()
        self._histogram = Histogram()
        self._total = Totals()
        self._has_entities = False

    def close(self) -> None:
        """Remove the temporary file, if there is one."""
        self._groups.close()

    def note(
        self,
        entity: str | None,
        keys: Sequence[str],
        sizes: Sequence[int],
        expire_times: Sequence[str | None] | None = None,
    ) -> None:
        """Note some records of an entity, or plain ones: a key, a size and an expiry time of each.

        A size is that of the value, in bytes. `expire_times` None: none of them expires.
        """
        depth, separator = self._division.depth, self._division.separator
        begin, at, name = len(self._division.within), self._groups.at, entity or ""
        page = Totals()
        for place, key in enumerate(keys):
            size = sizes[place]
            key_bytes = len(key) if key.isascii() else len(key.encode("utf-8", "surrogatepass"))
            answer_bytes = _RECORD_BYTES + key_bytes + size
            expires = None if expire_times is None else expire_times[place]
            sums = at((name, prefix_of(key, depth, separator, begin)))
            if expires is None:
                sums.without_ttl += 1
                page.without_ttl += 1
            else:
                answer_bytes += _EXPIRY_BYTES + len(expires)
            sums.keys += 1
            sums.value_bytes += size
            sums.answer_bytes += answer_bytes
            page.answer_bytes += answer_bytes
        page.keys, page.value_bytes = len(keys), sum(sizes)
        self._histogram.note(sizes)
        self._total.add(page)
        self._has_entities |= entity is not None and bool(keys)

    @property
    def keys(self) -> int:
        """How many records were noted."""
        return self._total.keys

    def usage(self, top: int) -> Usage:
        """Return the sums, with a row for each of the `top` largest prefixes by bytes."""
        count, rows = self._groups.count(), self._groups.largest(top)
        rest = self._total
        for row in rows:
            rest = rest.without(row.totals)
        others = Others(count - len(rows), rest) if count > len(rows) else None
        return Usage(
            self._division,
            self._total,
            count,
            rows,
            others,
            self._histogram.classes,
            self._has_entities,
        )
