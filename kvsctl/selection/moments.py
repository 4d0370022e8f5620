"""Times as people write them: `2026-01-31`, `2026-01-31T12:00:00Z`, or an age such as `30d`."""

import re
from datetime import UTC, datetime
from typing import Final

from kvsctl.durations import duration_seconds, is_duration
from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted

_BASIC_DATE: Final = re.compile(r"[0-9]{8}")
"""A number of 8 digits may mean seconds or a date, so it is refused as a moment."""


def moment_before(text: str, now: float, option: str) -> float:
    """Return a time in epoch seconds: a duration before `now`, or an ISO 8601 date or time.

    A date is its first second. Without an offset it is UTC, whatever this machine's zone. Raise
    UsageError if the text is neither.
    """
    if is_duration(text) and not _BASIC_DATE.fullmatch(text):
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
