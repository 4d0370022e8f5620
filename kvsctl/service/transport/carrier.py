"""What carries requests to a target and brings the answers back: the interface, and its errors."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

Method: TypeAlias = Literal["GET", "POST"]

MOST_ANSWER_BYTES: Final = 64_000_000
"""Ten times the largest answer that a batch can have. What is larger is no answer of a service."""

CONNECT_SHARE: Final = 0.5
"""The part of the timeout that making a connection may take.

A connection that takes too long has to be seen as that before the whole request counts as
unanswered: nothing was sent.
"""


class CarrierAnswer(NamedTuple):
    """A whole answer. Header names are lower-case; one that came twice is joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@lru_cache(maxsize=64)
def _lower_case(name: bytes) -> str:
    """Each answer has the same few names."""
    return name.decode("latin-1").lower()


def add_header(headers: dict[str, str], name: bytes, value: bytes) -> None:
    """Adds a header that came to those of an answer, as `CarrierAnswer` has them."""
    named, text = _lower_case(name), value.decode("latin-1")
    headers[named] = f"{headers[named]}, {text}" if named in headers else text


def headers_of(method: Method, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers that a request of this method carries: no `content-type` for a GET."""
    if method == "POST":
        return headers
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}


class CarrierError(Exception):
    """No whole answer came. `str()` says why; it holds no secret.

    CarrierError
    ├── Unreached     no connection: nothing of the request was sent
    ├── Unanswered    the request was sent, perhaps in part, and the connection was of no more use
    │   └── TooSlow   the same, because the time was over
    └── Unsendable    no request can be made of this URL
    """


class Unreached(CarrierError):
    """No connection: nothing of the request was sent."""


class Unanswered(CarrierError):
    """The request was sent, at least in part, and no whole answer came."""


class TooSlow(Unanswered):
    """The time for the whole request was over."""


class Unsendable(CarrierError):
    """No request can be made of what was given."""


class Carrier(Protocol):
    """Sends each request once, over connections that it keeps.

    It follows no redirect, keeps no cookie and repeats nothing. It adds `host` to the headers that
    it is given, for a POST `content-length`, and towards a proxy what the proxy asks for.
    """

    @property
    def host(self) -> str:
        """The `host` header."""
        ...

    async def request(
        self, method: Method, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> CarrierAnswer:
        """Send one request and return its answer. Raise CarrierError if there is no whole answer.

        `path` is appended to the carrier's URL. It is percent-encoded and may end in a query.
        A POST has a `body`. A GET has none, and is sent without `content-type`, so that callers
        may pass the same headers with both methods. The same mapping may be passed many times,
        but must not be changed: carriers prepare the bytes of a request once per mapping.
        """
        ...

    async def aclose(self) -> None:
        """Closes the connections."""
        ...
