"""Durations as people write them: `45s`, `30m`, `12h`, `7d`, `2w`, or a number of seconds.

Some may have a fraction: `0.5` and `1.5m`.
"""

import re
from typing import Final

from kvsctl.errors import UsageError

_DURATION: Final = re.compile(r"([0-9]{1,9})(s|m|h|d|w|)")
_WITH_FRACTION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhdw])")
_UNIT_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SHOWN_UNITS: Final = ("d", "h", "m")


def is_duration(text: str) -> bool:
    """Return whether `duration_seconds` accepts the text."""
    return _DURATION.fullmatch(text) is not None


def duration_seconds(text: str, option: str) -> int:
    """Return the seconds of `45s`, `30m`, `12h`, `7d`, `2w` or `45`. Raise UsageError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise _not_a_duration(text, option)
    return int(match[1]) * _UNIT_SECONDS[match[2]]


def fractional_seconds(text: str, option: str) -> float:
    """Return the seconds of `45s`, `1.5m`, `45` or `0.5`. Raise UsageError.

    A text without a unit is read as any number: the caller must check its bounds.
    """
    if match := _WITH_FRACTION.fullmatch(text):
        return float(match[1]) * _UNIT_SECONDS[match[2]]
    try:
        return float(text)
    except ValueError:
        raise _not_a_duration(text, option, "0.5s, 45s or 2m") from None


def _not_a_duration(
    text: str, option: str, examples: str = "45s, 30m, 12h, 7d or 2w"
) -> UsageError:
    from kvsctl.jsontext import quoted  # not at the top: help needs no JSON

    return UsageError(f"{option} {quoted(text)}: not a duration", f"Write it as {examples}.")


def duration_text(seconds: int) -> str:
    """Return the shortest exact form of a duration: `55m`, `90m`, `1d`, `61s`."""
    for unit in _SHOWN_UNITS:
        if seconds and seconds % _UNIT_SECONDS[unit] == 0:
            return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"
