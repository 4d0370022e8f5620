"""Why a run is idle, in a few words."""

import math
from typing import Final

from kvsctl.bulk.events import Waiting, WaitReason
from kvsctl.report.escape import visible
from kvsctl.report.progress.standing import Pause

_DETAIL_COLUMNS: Final = 40
_MINUTES_FROM: Final = 100
"""A time of at least this many seconds is shown in minutes."""


def pause_of(waiting: Waiting, seconds_left: float) -> Pause | None:
    """Return why a run waits for `seconds_left` more; 0: the wait is over, but nothing arrived."""
    left = seconds_text(seconds_left)
    if waiting.reason in (WaitReason.QUOTA, WaitReason.RETRYING):
        what = "for quota" if waiting.reason is WaitReason.QUOTA else "to retry"
        return Pause(f"waiting {left} {what}") if seconds_left > 0 else None
    again = f"trying again in {left}" if seconds_left > 0 else "trying again"
    if waiting.asked_seconds:
        asked = seconds_text(waiting.asked_seconds)
        if seconds_left > 0:
            return Pause(f"service asks for {asked}", f"{left} left")
        return Pause(f"service asked for {asked}", again)
    if waiting.reason is WaitReason.THROTTLED:
        return Pause("throttled (HTTP 429)", again)
    otherwise = "no connection" if waiting.reason is WaitReason.UNREACHABLE else "service fails"
    return Pause(visible(waiting.detail or otherwise, _DETAIL_COLUMNS), again)


def seconds_text(seconds: float) -> str:
    """Return a time: `48 s`, from 100 seconds on `2:05 min`."""
    whole = math.ceil(seconds)
    return f"{whole} s" if whole < _MINUTES_FROM else f"{clock_text(whole)} min"


def clock_text(seconds: float) -> str:
    """Return a time as minutes and seconds, rounded up, with hours if there are any: `2:05`."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
