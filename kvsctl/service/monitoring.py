"""Signal to a monitoring service that a job starts, or with which exit code it has ended.

The URL is what healthchecks.io, its self-hosted form and compatible services give for a check:
`URL/start` means that the job starts, `URL/0` that it succeeded, and `URL/CODE` that it failed.
Anybody who knows the URL can send signals, so it is a secret: messages name its host only.
"""

import asyncio
from http import HTTPStatus
from typing import Final

import msgspec

from kvsctl import __version__
from kvsctl.errors import UsageError
from kvsctl.service.transport.carrier import Carrier, CarrierError, http_status
from kvsctl.service.transport.choose import over_network
from kvsctl.service.transport.urls import parsed_url, require_safe

PING_SECONDS: Final = 10.0
"""How long one signal may take in all, retries included."""
_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 1.0
_RETRIED: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_HEADERS: Final = {
    "content-type": "text/plain; charset=utf-8",
    "accept-encoding": "identity",
    "user-agent": f"kvsctl/{__version__}",
}


class PingUrl(msgspec.Struct, frozen=True):
    """The URL of a check, in parts. `repr` and `str` show its host only."""

    base: str
    query: str

    @classmethod
    def of(cls, text: str, *, allow_http: bool, place: str = "--ping-url") -> "PingUrl":
        """Return the URL. Raise UsageError, which does not quote it, if it cannot be used.

        The message begins with `place`, where the URL was given.
        """
        base, _, query = text.partition("?")
        try:
            require_safe(base, allow_http=allow_http)
            parsed_url(text)
        except UsageError as error:
            hint = error.hint if error.message.startswith("http://") else None
            raise UsageError(f"{place}: {error.message}", hint) from None
        except ValueError as error:
            raise UsageError(f"{place}: the URL is not valid: {error}") from None
        return cls(base.rstrip("/"), f"?{query}" if query else "")

    @property
    def host(self) -> str:
        """The host, for messages."""
        return parsed_url(self.base).host

    def __repr__(self) -> str:
        return f"PingUrl({self.host})"


async def ping(url: PingUrl, signal: str, body: str) -> str | None:
    """Send a signal (`start`, or an exit code) with a text. Return why it failed, or None.

    Proxies and certificates are those of requests to the service. It raises nothing, and takes
    at most `PING_SECONDS`.
    """
    try:
        async with asyncio.timeout(PING_SECONDS):
            return await _sent(url, signal, body)
    except TimeoutError:
        return f"no answer within {PING_SECONDS:g} s"
    except UsageError as error:
        return error.message


async def _sent(url: PingUrl, signal: str, body: str) -> str | None:
    carrier = over_network(url.base, PING_SECONDS)
    try:
        path = f"/{signal}{url.query}"
        trouble: str | None = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_PAUSE_SECONDS)
            trouble, may_retry = await _attempt(carrier, path, body.encode("utf-8", "replace"))
            if not may_retry:
                break
        return trouble
    finally:
        await carrier.aclose()


async def _attempt(carrier: Carrier, path: str, body: bytes) -> tuple[str | None, bool]:
    """Return why the attempt failed, or None, and whether another may succeed."""
    try:
        answer = await carrier.request("POST", path, _HEADERS, body)
    except CarrierError as error:
        return str(error), True
    if answer.status // 100 == 2:
        return None, False
    return http_status(answer.status), answer.status >= 500 or answer.status in _RETRIED
