"""The sums of some records, and what follows from them. Pure."""

from typing import Final

import msgspec

from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.prices import read_usd

_PAGE_RECORDS: Final = DEFAULT_LIMITS.query_page
_UNIT_BYTES: Final = DEFAULT_LIMITS.unit_bytes


class Totals(msgspec.Struct, gc=False):
    """The sums of some records.

    `value_bytes` are those of the values as JSON text, as the service returns them: what
    `--larger-than` and the service's limit count. `answer_bytes` are those of the records in the
    answers to queries, with key, names of members and expiry time. `without_ttl` counts keys.
    """

    keys: int = 0
    value_bytes: int = 0
    answer_bytes: int = 0
    without_ttl: int = 0

    def add(self, other: "Totals") -> None:
        """Add the sums of other records."""
        self.keys += other.keys
        self.value_bytes += other.value_bytes
        self.answer_bytes += other.answer_bytes
        self.without_ttl += other.without_ttl

    def without(self, other: "Totals") -> "Totals":
        """Return the sums of the records that are not among the others."""
        return Totals(
            self.keys - other.keys,
            self.value_bytes - other.value_bytes,
            self.answer_bytes - other.answer_bytes,
            self.without_ttl - other.without_ttl,
        )

    @property
    def read_units(self) -> int:
        """About how many read units it takes to list these records, and no others.

        The records are taken to be of the same size, and all pages but the last to be full. An
        empty listing is one unit.
        """
        if not self.keys:
            return 1
        full_pages, rest = divmod(self.keys, _PAGE_RECORDS)
        units = full_pages * self._page_units(_PAGE_RECORDS)
        return units + self._page_units(rest) if rest else units

    def _page_units(self, records: int) -> int:
        return -(-self.answer_bytes * records // (self.keys * _UNIT_BYTES)) or 1

    @property
    def read_usd(self) -> float:
        """What it costs to read these records once, in US dollars."""
        return read_usd(self.answer_bytes)

    @property
    def share_without_ttl(self) -> float:
        """The share of the keys that have no ttl, from 0 to 1; 0 without keys."""
        return self.without_ttl / self.keys if self.keys else 0.0
