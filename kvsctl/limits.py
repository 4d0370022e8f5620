"""The limits of the service, as its documentation states them.

The client and the emulator share these numbers and nothing else. Each has its own checks, so
that a wrong check in one is found by the other.
"""

from typing import NamedTuple


class Limits(NamedTuple):
    """The limits of one installation. Sizes are in bytes, lengths in characters.

    A named tuple, as every command makes this class at its start: a dataclass takes 1 ms more.
    """

    batch_records: int = 25
    """The most records in one batch request."""
    batch_bytes: int = 4_000_000
    """The largest body of a batch/set request: 4 MB, taken as decimal (the stricter reading)."""
    key_chars: int = 500
    value_bytes: int = 240 * 1024
    """The largest value, measured as raw JSON."""
    value_depth: int = 31
    """The most levels of nested objects and arrays in a value."""
    entity_chars_min: int = 3
    entity_chars_max: int = 60
    ttl_seconds: int = 365 * 24 * 3600
    query_page: int = 100
    query_page_default: int = 10
    transaction_operations: int = 25
    transaction_bytes: int = 4_000_000
    unit_bytes: int = 10_000
    """A request costs one quota unit per started block of this many bytes, and at least one."""
    requests_per_second: int = 1000
    read_units_per_minute: int = 4000
    write_units_per_minute: int = 4000


DEFAULT_LIMITS = Limits()
TTL_UNIT_SECONDS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86400}
