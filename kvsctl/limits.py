"""The service's numbers, as its documentation gives them.

Client and emulator share these and nothing else: each writes its own checks.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one installation. Sizes are bytes, lengths are characters."""

    batch_records: int = 25
    """Records in one batch request."""
    batch_bytes: int = 4_000_000
    """Body of one batch/set request: 4 MB, read as decimal, the stricter reading."""
    key_chars: int = 500
    value_bytes: int = 240 * 1024
    """A value as raw JSON."""
    value_depth: int = 31
    """Objects and arrays within each other."""
    entity_chars_min: int = 3
    entity_chars_max: int = 60
    ttl_seconds: int = 365 * 24 * 3600
    query_page: int = 100
    query_page_default: int = 10
    transaction_operations: int = 25
    transaction_bytes: int = 4_000_000
    unit_bytes: int = 10_000
    """A request costs one quota unit for each of these begun, and at least one."""
    requests_per_second: int = 1000
    read_units_per_minute: int = 4000
    write_units_per_minute: int = 4000


DEFAULT_LIMITS = Limits()
TTL_UNIT_SECONDS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86400}
