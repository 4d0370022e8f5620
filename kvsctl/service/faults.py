"""What can go wrong on the way, as one table: status code or exception to Fault."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Final

import msgspec

from kvsctl import codes


class FaultKind(Enum):
    """What a fault asks for."""

    THROTTLED = auto()
    """Past the quota: not applied, wait."""
    UNREACHED = auto()
    """Never sent: no connection."""
    UNANSWERED = auto()
    """Sent, and no whole answer came: it may have been applied."""
    TROUBLED = auto()
    """The service has trouble of its own: it may have been applied."""
    REFUSED = auto()
    """The batch was refused as it is: not applied."""
    UNAUTHORISED = auto()
    """401: the token is missing, wrong or expired."""
    FORBIDDEN = auto()
    """403: these credentials may not do this."""
    MISDIRECTED = auto()
    """Answers that no such service gives, such as a redirect: the URL is wrong."""


class Fault(msgspec.Struct, frozen=True):
    """Trouble with one request. `retry_after_seconds`: the service's own wish, if it gave one."""

    kind: FaultKind
    code: str
    message: str
    status: int | None = None
    trace_id: str | None = None
    retry_after_seconds: float | None = None

    @property
    def may_be_applied(self) -> bool:
        """Whether the request may have been applied, or may land late.

        A status that means success, and is not the service's 200, may mean it of the request.
        """
        if self.status is not None and 200 <= self.status < 300:
            return True
        return self.kind in (FaultKind.UNANSWERED, FaultKind.TROUBLED)

    @property
    def is_throttled(self) -> bool:
        """Whether the service refused the request because of any limit on its use: HTTP 429.

        The patience of a run and the count in its report use this. For both it does not matter
        which limit was met: nothing was applied. Compare `is_rate_limited`, which is narrower.
        """
        return self.kind is FaultKind.THROTTLED

    @property
    def is_rate_limited(self) -> bool:
        """Whether the service asks for fewer requests, so that slowing down helps.

        The pacer and the retry policy use this: such a fault slows the whole run down and uses up
        no retry. It leaves out REQUEST_THROTTLED, which is also throttling, but for storage or
        transfer: slowing down does not cure that, so it uses up retries as other trouble does.
        """
        return self.is_throttled and not means_full_storage(self.code)


def means_full_storage(code: str) -> bool:
    """Whether a request or key failed because storage or transfer is past its maximum.

    The code of a failed request and of a single failed key are the same.
    """
    return code == codes.REQUEST_THROTTLED


_LATER_STATUS: Final = frozenset({408, 425})
_QUOTA_CODES: Final = frozenset(
    {codes.RATE_LIMIT_EXCEEDED, codes.TOO_MANY_REQUESTS, codes.REQUEST_THROTTLED}
)
_LATER_CODES: Final = _QUOTA_CODES | {
    codes.INTERNAL_SERVER_ERROR,
    codes.INTERNAL_ERROR,
    codes.SERVICE_UNAVAILABLE,
    codes.TIMEOUT,
    codes.NO_ANSWER,
}


def means_later(code: str) -> bool:
    """Whether a failed key with this code may succeed if it is asked again."""
    return code in _LATER_CODES


def kind_of_status(status: int, code: str) -> FaultKind:
    """The fault that a status other than 200 is."""
    if status == 429 or code in _QUOTA_CODES:
        return FaultKind.THROTTLED
    if status == 401:
        return FaultKind.UNAUTHORISED
    if status in (403, 407):
        return FaultKind.FORBIDDEN
    if status >= 500 or status in _LATER_STATUS:
        return FaultKind.TROUBLED
    if status < 400:
        return FaultKind.MISDIRECTED
    return FaultKind.REFUSED


def retry_after(headers: Mapping[str, str], now_epoch: float) -> float | None:
    """Seconds to wait by `Retry-After` (seconds or a date) or `X-RateLimit-Reset` (a time).

    A reset is taken as epoch seconds, epoch milliseconds or an ISO-8601 instant, whichever it
    reads as. Never negative; None where neither header is there or can be read.
    """
    if (given := headers.get("retry-after")) is not None:
        wait = _number(given)
        if wait is None:
            wait = _until(http_date(given), now_epoch)
        if wait is not None:
            return max(0.0, wait)
    if (reset := headers.get("x-ratelimit-reset")) is not None:
        return _until(_reset_time(reset, now_epoch), now_epoch)
    return None


def _until(moment: float | None, now_epoch: float) -> float | None:
    return None if moment is None else max(0.0, moment - now_epoch)


def _reset_time(given: str, now_epoch: float) -> float | None:
    number = _number(given)
    if number is None:
        return _iso(given)
    if number > 1e11:
        return number / 1000
    return number if number > 1e9 else now_epoch + number


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e15 else None


def http_date(text: str) -> float | None:
    """An HTTP date as epoch seconds; None where it is none."""
    try:
        return _epoch(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _iso(text: str) -> float | None:
    try:
        return _epoch(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _epoch(moment: datetime) -> float:
    """A time without an offset is UTC, whatever zone this machine is in."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
