"""Times in keys, in a format as strptime reads it: `log-%Y-%m-%d`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted
from kvsctl.selection.characters import illegal_character
from kvsctl.selection.content.epochs import epoch_of, within

_DIRECTIVES: Final = {
    "Y": "[0-9]{4}",
    "m": "(?:0[1-9]|1[0-2])",
    "d": "(?:0[1-9]|[12][0-9]|3[01])",
    "j": "(?:00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])",
    "H": "(?:[01][0-9]|2[0-3])",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "f": "[0-9]{1,6}",
    "s": "(?:[0-9]{13}|[0-9]{10})",
}
_NEEDS: Final = {"d": "m", "m": "Y", "j": "Y", "H": "dj", "M": "H", "S": "M", "f": "S"}
"""For each directive, other directives: the format needs one of them, too."""
_PARTS: Final = re.compile(r"%(.?)|[^%]+", re.DOTALL)
_HINT: Final = (
    "Write it as in key:log-%Y-%m-%d. Known: %Y %m %d %j %H %M %S %f, %s (epoch seconds or "
    "milliseconds) and %% (a percent sign)."
)


class KeyTimes:
    """A format of the times that keys hold. Raise UsageError if it is not one.

    A time may be anywhere in a key. If the format begins or ends with a directive, no other digit
    may be next to it. Times are UTC. What the format leaves out is the earliest: `%Y-%m` is the
    first second of the month.
    """

    def __init__(self, text: str, option: str) -> None:
        names: list[str] = []
        parts: list[str] = []
        for part in _PARTS.finditer(text):
            name = part[1]
            if name is None or name == "%":
                if name is None and (illegal := illegal_character(part[0])) is not None:
                    raise _refused(text, option, f"no key has {quoted(illegal)}")
                parts.append(re.escape(name or part[0]))
            elif name not in _DIRECTIVES:
                raise _refused(text, option, f"unknown directive {quoted('%' + name)}")
            elif name in names:
                raise _refused(text, option, f"%{name} is there twice")
            else:
                names.append(name)
                parts.append(f"(?P<{name}>{_DIRECTIVES[name]})")
        _require_time(names, text, option)
        before = "(?<![0-9])" if parts[0].startswith("(?P") else ""
        after = "(?![0-9])" if parts[-1].startswith("(?P") else ""
        # A lookahead, so that overlapping matches are found, too.
        self._find = re.compile(f"{before}(?={''.join(parts)}{after})").finditer

    def epoch_of(self, key: str) -> float | None:
        """Return the time in a key, in epoch seconds.

        Return None if the key holds no time, an impossible one such as 30 February, or several: it
        is not known which of them is meant.
        """
        times = {_epoch(match.groupdict()) for match in self._find(key)}
        return times.pop() if len(times) == 1 else None


def _require_time(names: list[str], text: str, option: str) -> None:
    """Raise UsageError unless the directives make a time, at least a month."""
    if "s" in names:
        if names != ["s"]:
            raise _refused(text, option, "%s excludes other directives")
        return
    if "j" in names and ("m" in names or "d" in names):
        raise _refused(text, option, "%j excludes %m and %d")
    if not ("m" in names or "j" in names):
        raise _refused(text, option, "no time without %Y and %m, %Y and %j, or %s")
    for name in names:
        if name in _NEEDS and not any(one in names for one in _NEEDS[name]):
            needed = " or ".join(f"%{one}" for one in _NEEDS[name])
            raise _refused(text, option, f"%{name} needs {needed}")


def _epoch(parts: dict[str, str]) -> float | None:
    if "s" in parts:
        return epoch_of(parts["s"])
    number = {name: int(digits) for name, digits in parts.items() if name != "f"}
    try:
        day = datetime(number["Y"], number.get("m", 1), number.get("d", 1), tzinfo=UTC)
        day += timedelta(days=number.get("j", 1) - 1)
    except (ValueError, OverflowError):  # no such day
        return None
    if day.year != number["Y"]:
        return None
    time = day.replace(
        hour=number.get("H", 0),
        minute=number.get("M", 0),
        second=number.get("S", 0),
        microsecond=int(parts.get("f", "0").ljust(6, "0")),
    )
    return within(time.timestamp())


def _refused(text: str, option: str, reason: str) -> UsageError:
    return UsageError(f"{option} {quoted('key:' + text)}: {reason}", _HINT)
