"""Times as people write them: `2026-01-31`, `2026-01-31T12:00:00Z`, or an age such as `30d`."""

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeAlias

from kvsctl.durations import duration_seconds, is_duration
from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted

_NUMBER: Final = re.compile(r"[0-9]+")
"""A number may mean days, seconds, a year or a date, so it is refused."""


class Age(NamedTuple):
    """The moment this many seconds before now, by the clock of the service."""

    seconds: float


Moment: TypeAlias = float | Age
"""A moment in epoch seconds, or an age."""


def epoch_of(moment: Moment, now: float) -> float:
    """Return a moment in epoch seconds. `now`: what ages count back from."""
    return now - moment.seconds if isinstance(moment, Age) else moment


def moment_of(text: str, option: str) -> Moment:
    """Return the Age of a duration, or the epoch seconds of an ISO 8601 date or time.

    A date is its first second. A time without an offset is UTC, whatever this machine's zone. Raise
    UsageError if the text is neither, or a number without a unit.
    """
    if _NUMBER.fullmatch(text):
        raise UsageError(
            f"{option} {quoted(text)}: an age without a unit",
            "Write an age such as 30d or 12h, or a time such as 2026-01-31.",
        )
    if is_duration(text):
        return Age(duration_seconds(text, option))
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {quoted(text)}: neither an age nor a time",
            "Write an age such as 30d or 12h, or a time such as 2026-01-31 "
            "or 2026-01-31T12:00:00Z.",
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
