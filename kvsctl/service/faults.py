"""Classify failed requests: which status, code or wait makes which fault."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum, auto
from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from kvsctl import codes


class FaultKind(Enum):
    """The kind of a fault, which decides what to do about it."""

    THROTTLED = auto()
    """Over the quota: not applied. Wait, then retry."""
    UNREACHED = auto()
    """No connection: nothing was sent."""
    UNANSWERED = auto()
    """Sent, but no whole answer arrived: it may have been applied."""
    TROUBLED = auto()
    """The service failed, for example with a 5xx status: it may have been applied."""
    REFUSED = auto()
    """The service refused this batch: not applied."""
    UNAUTHORISED = auto()
    """401: the token is missing, wrong or expired."""
    FORBIDDEN = auto()
    """403: these credentials may not do this."""
    UNTRUSTED = auto()
    """The certificate of the target is not trusted: nothing was sent."""
    PROXY_REFUSED = auto()
    """A proxy does not let requests through to the target: nothing was applied."""
    MISDIRECTED = auto()
    """An answer that the service never gives, such as a redirect: the URL is wrong."""


class Fault(msgspec.Struct, frozen=True):
    """A failed request. `retry_after_seconds` is the wait that the service asked for, if any.

    `takes_no_token`: the proxy of a Forge Container answered, which takes no token.
    """

    kind: FaultKind
    code: str
    message: str
    status: int | None = None
    trace_id: str | None = None
    retry_after_seconds: float | None = None
    takes_no_token: bool = False

    @property
    def may_be_applied(self) -> bool:
        """Whether the request may have been applied, or may still be.

        That includes every 2xx status: one other than 200 is a fault, but may mean success. It
        includes 101, too: the rest of the answer may follow in another protocol.
        """
        if self.status is not None and (200 <= self.status < 300 or self.status == 101):
            return True
        return self.kind in (FaultKind.UNANSWERED, FaultKind.TROUBLED)

    @property
    def brief(self) -> str:
        """What failed in a few words, without names: `HTTP 503`, `connection refused`."""
        if self.status is not None:
            return f"HTTP {self.status}"
        reason = self.message.rpartition(": ")[2]
        is_word = reason[1:2].islower() or reason[1:2] == " "
        return reason[:1].lower() + reason[1:] if is_word else reason

    @property
    def is_throttled(self) -> bool:
        """Whether the service refused the request because of any limit on its use: HTTP 429.

        The patience of a run and the count in its report use this. For both it does not matter
        which limit was met: nothing was applied. Compare `is_rate_limited`, which is narrower.
        """
        return self.kind is FaultKind.THROTTLED

    @property
    def means_missing(self) -> bool:
        """Whether the service refused the request because it does not hold a key.

        A 404 with any other code may mean a wrong URL or an entity that is not declared.
        """
        return self.status == 404 and self.code == codes.KEY_NOT_FOUND

    @property
    def is_rate_limited(self) -> bool:
        """Whether the service asks for fewer requests, so that slowing down helps.

        The pacer and the retry policy use this: such a fault slows the whole run down and uses up
        no retry. It leaves out REQUEST_THROTTLED, which is also throttling, but for storage or
        transfer: slowing down does not help, so it uses up retries as other faults do.
        """
        return self.is_throttled and not means_full_storage(self.code)


def unsent(fault: Fault) -> Fault:
    """Return the fault of a request that was not sent because a question before it failed.

    `fault` is that of the question. The question may have been carried out, the request was not.
    """
    if not fault.may_be_applied:
        return fault
    failed = fault.kind in (FaultKind.UNANSWERED, FaultKind.TROUBLED)
    return replace(
        fault,
        kind=FaultKind.UNREACHED if failed else fault.kind,
        code=codes.UNREACHABLE,
        message=f"not sent, because asking whether the target is a bridge failed: {fault.message}",
        status=None,
    )


def means_full_storage(code: str) -> bool:
    """Return whether a request or key failed because storage or transfer is past its maximum.

    The code of a failed request and of a single failed key are the same.
    """
    return code == codes.REQUEST_THROTTLED


def means_missing(code: str) -> bool:
    """Return whether a failed key with this code is one that the store does not hold."""
    return code in _MISSING_CODES


_MISSING_CODES: Final = frozenset({codes.KEY_NOT_FOUND, codes.NOT_FOUND})
_COMMON_DATE: Final = re.compile(
    r"[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) ([1-9]\d{3}) (\d{2}):(\d{2}):(\d{2}) GMT", re.ASCII
)
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_RETRIED_STATUSES: Final = frozenset({408, 425})
_QUOTA_CODES: Final = frozenset(
    {codes.RATE_LIMIT_EXCEEDED, codes.TOO_MANY_REQUESTS, codes.REQUEST_THROTTLED}
)
_RETRIED_CODES: Final = _QUOTA_CODES | {
    codes.INTERNAL_SERVER_ERROR,
    codes.INTERNAL_ERROR,
    codes.SERVICE_UNAVAILABLE,
    codes.TIMEOUT,
    codes.NO_ANSWER,
}


def means_later(code: str) -> bool:
    """Return whether a failed key with this code may succeed on a retry."""
    return code in _RETRIED_CODES


def kind_of_status(status: int, code: str) -> FaultKind:
    """Return the kind of fault that a status other than 200 means. `code` is the service's."""
    if status == 429 or code in _QUOTA_CODES:
        return FaultKind.THROTTLED
    if status == 401:
        return FaultKind.UNAUTHORISED
    if status == 407:
        return FaultKind.PROXY_REFUSED
    if status == 403:
        return FaultKind.FORBIDDEN
    if status >= 500 or status in _RETRIED_STATUSES:
        return FaultKind.TROUBLED
    if status < 400:
        return FaultKind.MISDIRECTED
    return FaultKind.REFUSED


def retry_after(headers: Mapping[str, str], now_epoch: float) -> float | None:
    """Return the seconds to wait before a retry; None if no header states them. Never negative.

    `Retry-After` is a number or a date. Without a readable one, `X-RateLimit-Reset` counts, which
    is an ISO 8601 time or a number. A number is seconds from now, unless it is too large for that:
    then it is a date, in epoch seconds or a smaller unit (see `_epoch_of`).
    """
    if (given := headers.get("retry-after")) is not None:
        number = _number(given)
        date = http_date(given) if number is None else _epoch_of(number, now_epoch)
        if date is not None:
            return _seconds_until(date, now_epoch)
    if (reset := headers.get("x-ratelimit-reset")) is not None:
        return _seconds_until(_reset_epoch(reset, now_epoch), now_epoch)
    return None


def _seconds_until(time: float | None, now_epoch: float) -> float | None:
    return None if time is None else max(0.0, time - now_epoch)


def _reset_epoch(given: str, now_epoch: float) -> float | None:
    number = _number(given)
    return iso_epoch(given) if number is None else _epoch_of(number, now_epoch)


_LEAST_EPOCH: Final = 1e9
"""31 years as a wait, September 2001 as a date."""


def _epoch_of(number: float, now_epoch: float) -> float:
    """Return the time that a number means, in epoch seconds.

    Up to 1e9 it is seconds from now. Above that it is a date in seconds, above 1e11 in
    milliseconds, above 1e14 in microseconds, above 1e17 in nanoseconds.
    """
    if number <= _LEAST_EPOCH:
        return now_epoch + number
    for least, per_second in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3)):
        if number > least:
            return number / per_second
    return number


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e20 else None


@lru_cache(maxsize=8)  # thousands of answers carry the same second, also to different clients
def http_date(text: str) -> float | None:
    """Return an HTTP date in epoch seconds; None if the text is not a date."""
    if (common := _COMMON_DATE.fullmatch(text)) is not None:
        day, name, year, hour, minute, second = common.groups()
        with suppress(ValueError):  # no such day, month or time
            month = _MONTHS.index(name) // 3 + 1
            date = int(year), month, int(day), int(hour), int(minute), int(second)
            return _epoch(datetime(*date, tzinfo=UTC))
    from email.utils import parsedate_to_datetime  # not at the top: few dates need it

    try:
        return _epoch(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def iso_epoch(text: str) -> float | None:
    """Return an ISO 8601 time in epoch seconds; None if the text is not a time."""
    try:
        return _epoch(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _epoch(time: datetime) -> float:
    """Return epoch seconds. A time without an offset is UTC, whatever this machine's zone."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
