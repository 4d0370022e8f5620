"""What reads and writes cost, in US dollars, by the service's price list. Pure.

Both are billed by bytes (contract: section "Quotas, per installation"). What an app has free each
month is not taken off.
"""

from typing import Final

EMPTY_READ_BYTES: Final = 1000
"""What a read is billed for that finds nothing."""
_WRITE_USD_PER_GB: Final = 1.09
_READ_USD_PER_GB: Final = 0.055
_GB_BYTES: Final = 1_000_000_000


def read_usd(answer_bytes: int) -> float:
    """Return the cost of reads whose answers have so many bytes."""
    return answer_bytes * _READ_USD_PER_GB / _GB_BYTES


def write_usd(sent_bytes: int) -> float:
    """Return the cost of writes and deletes whose requests have so many bytes."""
    return sent_bytes * _WRITE_USD_PER_GB / _GB_BYTES
