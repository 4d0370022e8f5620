"""What reads and writes cost, in US dollars, by the service's price list. Pure.

Both are billed by bytes (contract: section "Quotas, per installation"). The free monthly amounts of
an app are not subtracted.
"""

from typing import Final

EMPTY_READ_BYTES: Final = 1000
"""The bytes that are billed for a read that finds nothing."""
_WRITE_USD_PER_GB: Final = 1.09
_READ_USD_PER_GB: Final = 0.055
_GB_BYTES: Final = 1_000_000_000


def read_usd(answer_bytes: int) -> float:
    """Return the cost of reads with this many bytes in their answers."""
    return answer_bytes * _READ_USD_PER_GB / _GB_BYTES


def write_usd(sent_bytes: int) -> float:
    """Return the cost of writes and deletes with this many bytes in their requests."""
    return sent_bytes * _WRITE_USD_PER_GB / _GB_BYTES
