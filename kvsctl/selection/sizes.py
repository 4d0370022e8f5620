"""Sizes in bytes as people write them: `500`, `10k`, `1.5M`."""

import re
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted

_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([kKmMgG]?)(i?)[bB]?")
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3}


def size_bytes(text: str, option: str) -> int:
    """Return the bytes of `500`, `10k` (10,000), `10Ki` (10,240), `1.5M`. Raise UsageError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match[3] and not match[2]):
        raise UsageError(
            f"{option} {quoted(text)}: not a size",
            "Write it as 500, 10k (10,000) or 10Ki (10,240).",
        )
    base = 1024.0 if match[3] else 1000.0
    return round(float(match[1]) * base ** _POWERS[match[2].lower()])
