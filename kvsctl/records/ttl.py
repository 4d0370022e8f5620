"""Read a ttl in the forms that people write, and an expiry time."""

import re
from datetime import datetime
from typing import Any, Final, NamedTuple

from kvsctl import codes
from kvsctl.limits import TTL_UNIT_SECONDS, Limits
from kvsctl.records.checks import Breach, check_ttl
from kvsctl.texts import utc_text

CLOCKS_APART_SECONDS: Final = 24 * 3600
"""How far the service's clock and this one may differ."""
_SHORT = re.compile(r"([0-9]{1,12})([smhd])")
_VALUE_BOUND = 10**12  # the 12 digits of the short form; messages show no longer number
SHORT_UNITS: Final = {"s": "SECONDS", "m": "MINUTES", "h": "HOURS", "d": "DAYS"}


class Ttl(NamedTuple):
    """A ttl in the service's form: a whole number of SECONDS, MINUTES, HOURS or DAYS."""

    value: int
    unit: str

    @property
    def short(self) -> str:
        """The ttl as people write it: `7d`."""
        return f"{self.value}{self.unit[0].lower()}"

    @property
    def json(self) -> bytes:
        """The value of a record's `options` member that sets this ttl."""
        return f'{{"ttl":{{"value":{self.value},"unit":"{self.unit}"}}}}'.encode()


def parse_ttl(given: Any, limits: Limits | None) -> Ttl | Breach:
    """Read `"7d"`, `"12h"`, `"30m"`, `"45s"` or `{"value": 7, "unit": "DAYS"}`.

    If `limits` is None, any length is accepted, also zero and negative ones.
    """
    ttl = _read(given)
    if ttl is None:
        return Breach(
            codes.INVALID_TTL, 'the ttl is not valid: write it as "45s", "30m", "12h" or "7d"'
        )
    if limits is None:
        return ttl
    return check_ttl(ttl.value * TTL_UNIT_SECONDS[ttl.unit], limits) or ttl


def _read(given: Any) -> Ttl | None:
    if isinstance(given, str) and (match := _SHORT.fullmatch(given)):
        return Ttl(int(match[1]), SHORT_UNITS[match[2]])
    if isinstance(given, dict) and len(given) == 2:
        value, unit = given.get("value"), given.get("unit")
        if (
            type(value) is int  # not a bool
            and -_VALUE_BOUND < value < _VALUE_BOUND
            and isinstance(unit, str)
            and unit in TTL_UNIT_SECONDS
        ):
            return Ttl(value, unit)
    return None


def parse_expire_time(given: Any) -> datetime | Breach:
    """Read an ISO-8601 time with an offset."""
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment
    return Breach(
        codes.INVALID_TTL, 'the expireTime is not valid: write it as "2026-12-31T23:59:59Z"'
    )


def expire_time_text(expires_at: datetime) -> str:
    """Return an expiry in the form that `parse_expire_time` reads."""
    # The service answers milliseconds; a more exact time in the input is not truncated to them.
    grain = "microseconds" if expires_at.microsecond % 1000 else "milliseconds"
    try:
        return utc_text(expires_at, timespec=grain)
    except OverflowError:  # in UTC, its year has another number of digits
        return expires_at.isoformat(timespec=grain)
