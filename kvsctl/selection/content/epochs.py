"""Times as apps keep them in values and keys: epoch seconds, epoch milliseconds or ISO 8601.

Only times from 2001-09-09T01:46:40Z up to 2286-11-20T17:46:40Z are read: those whose epoch has 10
digits in seconds and 13 in milliseconds, which tells the two apart. So placeholders such as 0, -1
or the year 1, and dates that are written as numbers, are not taken for old times.
"""

import re
from datetime import UTC, datetime
from numbers import Number
from typing import Any, Final

EARLIEST: Final = 10**9
END: Final = 10**10
"""Times are from EARLIEST up to END, in epoch seconds, without END."""

_EPOCH: Final = re.compile(r"[0-9]{13}|[0-9]{10}(?:\.[0-9]{1,9})?")
_ISO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?",
    re.IGNORECASE,
)


def epoch_of(value: Any) -> float | None:
    """Return a time in epoch seconds; None if the value is not such a time.

    A text without an offset is UTC, and a date is its first second.
    """
    if isinstance(value, str):
        return _epoch_of_text(value)
    if isinstance(value, Number) and not isinstance(value, bool | complex):
        return _epoch_of_number(value)
    return None


def _epoch_of_number(number: Any) -> float | None:
    if EARLIEST <= number < END:
        return float(number)
    if EARLIEST * 1000 <= number < END * 1000:
        return float(number) / 1000
    return None


def _epoch_of_text(text: str) -> float | None:
    if _EPOCH.fullmatch(text):
        return _epoch_of_number(float(text))
    if not _ISO.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text.upper())
        return within((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):  # no such day
        return None


def within(seconds: float) -> float | None:
    """Return a time in epoch seconds; None if it is outside the times that are read."""
    return seconds if EARLIEST <= seconds < END else None
