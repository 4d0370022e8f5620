"""Durations and times as people write them: `30d`, `12h`, `2026-01-31`, `2026-01-31T12:00:00Z`."""

import re
from datetime import UTC, datetime
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted

_DURATION: Final = re.compile(r"([0-9]{1,9})(s|m|h|d|w|)")
_BASIC_DATE: Final = re.compile(r"[0-9]{8}")
"""A number of 8 digits may mean seconds or a date, so it is refused as a moment."""
_UNIT_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def duration_seconds(text: str, option: str) -> int:
    """Return the seconds of `45s`, `30m`, `12h`, `7d`, `2w` or `45`. Raise UsageError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{option} {quoted(text)}: not a duration", "Write it as 45s, 30m, 12h, 7d or 2w."
        )
    return int(match[1]) * _UNIT_SECONDS[match[2]]


def moment_before(text: str, now: float, option: str) -> float:
    """Return a time in epoch seconds: a duration before `now`, or an ISO 8601 date or time.

    A date is its first second. Without an offset it is UTC, whatever this machine's zone. Raise
    UsageError if the text is neither.
    """
    if _DURATION.fullmatch(text) and not _BASIC_DATE.fullmatch(text):
        return now - duration_seconds(text, option)
    try:
        if _BASIC_DATE.fullmatch(text):
            raise ValueError(text)
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {quoted(text)}: neither an age nor a time",
            "Write an age such as 30d or 12h, or a time such as 2026-01-31 "
            "or 2026-01-31T12:00:00Z.",
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
