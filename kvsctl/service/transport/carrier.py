"""The interface for carrying requests to a target, with its limits and its errors."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

Method: TypeAlias = Literal["GET", "POST"]

MAX_ANSWER_BYTES: Final = 64_000_000
"""Ten times the largest answer to a batch. A larger one is not read, and counts as no answer."""

CONNECT_SHARE: Final = 0.5
"""The share of the timeout that opening a connection may take.

It is below 1 so that a connection that cannot be opened is recognised as Unreached, with nothing
sent, before the whole request counts as unanswered.
"""


_TEMPORARY_REFUSALS: Final = frozenset({408, 425, 429})


def http_status(status: int) -> str:
    """Return a status for messages, such as `HTTP 403 Forbidden`."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


class CarrierAnswer(msgspec.Struct, frozen=True, gc=False):
    """A whole answer. Header names are lower-case; repeated ones are joined by commas.

    Trailers are dropped. The body is as it was sent: see `encoding` for a `content-encoding`.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@lru_cache(maxsize=64)
def _lower_case(name: bytes) -> str:
    """Return the name of a header. Results are kept: all answers have the same few names."""
    return name.decode("latin-1").lower()


def joined_headers(lines: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return received header lines, names and values, in the form that CarrierAnswer has.

    The time is linear in their size, however often a name is repeated.
    """
    headers = {_lower_case(name): value.decode("latin-1") for name, value in lines}
    if len(headers) < len(lines):
        values: dict[str, list[str]] = {}
        for name, value in lines:
            values.setdefault(_lower_case(name), []).append(value.decode("latin-1"))
        headers = {name: ", ".join(each) for name, each in values.items()}
    return headers


def headers_of(method: Method, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers that a request of this method carries: no `content-type` for a GET."""
    if method == "POST":
        return headers
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}


class CarrierError(Exception):
    """No whole answer arrived. `str()` says why and holds no secret.

    CarrierError
    ├── Unreached         no connection: nothing of the request was sent
    │   ├── Untrusted     the same, because the server's certificate is not trusted
    │   └── ProxyRefused  the same, because the proxy refused to connect
    ├── Unanswered        the request was sent, at least in part, but no whole answer arrived
    │   └── TooSlow       the same, because the timeout passed
    ├── Misencoded        the answer has status 200 and cannot be decompressed
    └── Unsendable        these arguments do not make a valid request
    """


class Unreached(CarrierError):
    """No connection: nothing of the request was sent."""


class Untrusted(Unreached):
    """The server's certificate is not trusted: another attempt would not help."""


class ProxyRefused(Unreached):
    """The proxy refused to connect: another attempt would not help."""


class Unanswered(CarrierError):
    """The request was sent, at least in part, but no whole answer arrived."""


class TooSlow(Unanswered):
    """The timeout of the whole request passed."""


class Misencoded(CarrierError):
    """The answer has status 200 and cannot be decompressed: another attempt would not help.

    Its `content-encoding` is not supported, or its body is larger than an answer may be.
    """


class Unsendable(CarrierError):
    """The URL, path or headers do not make a valid request."""


def refusal_of_proxy(proxy: str, status: int) -> Unreached:
    """Return the error for a proxy that answers a CONNECT with a status other than 2xx.

    It is a ProxyRefused if the status means that another attempt would end the same way.
    """
    reason = f"the proxy {proxy} refused to connect: {http_status(status)}"
    is_final = 300 <= status < 500 and status not in _TEMPORARY_REFUSALS
    return ProxyRefused(reason) if is_final else Unreached(reason)


class Carrier(Protocol):
    """Sends each request once, over connections that it keeps open.

    It follows no redirect, keeps no cookie and retries nothing. To the headers of a request it adds
    `host`, for a POST `content-length`, and towards a proxy `proxy-authorization` if needed.
    """

    @property
    def host(self) -> str:
        """The value of the `host` header."""
        ...

    @property
    def proxy(self) -> str | None:
        """Host and port of the proxy that may answer in place of the target. None if none can.

        A proxy that only connects to the target does not answer requests itself.
        """
        ...

    async def request(
        self, method: Method, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> CarrierAnswer:
        """Send one request and return its answer. Raise CarrierError if there is no whole answer.

        `path` is appended to the carrier's URL. It is percent-encoded and may end in a query.
        A POST has a `body`. A GET has none, and is sent without `content-type`, so that callers
        can pass the same headers with both methods. The same mapping may be passed many times,
        but must not be changed: carriers prepare the bytes of a request once per mapping.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
