"""What carries requests to a target and brings the answers back: the interface, and its errors."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

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

    It follows no redirect, keeps no cookie and repeats nothing. It adds to the headers that it is
    given `host` and `content-length`, and towards a proxy what the proxy asks for.
    """

    @property
    def host(self) -> str:
        """The `host` header."""
        ...

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> CarrierAnswer:
        """Sends a request to the URL with `path` after it. Raises CarrierError.

        One and the same mapping may be given many times; it must not change meanwhile.
        """
        ...

    async def aclose(self) -> None:
        """Closes the connections."""
        ...
