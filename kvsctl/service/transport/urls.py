"""Which URLs kvsctl sends to, and whether they name this machine.

Parsed without httpx, whose import takes longer than all that most commands do.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from kvsctl.errors import UsageError

_HOST: Final = re.compile(r"[a-z0-9._~!$&'()*+,;=-]+")
_MOST_CHARACTERS: Final = 65_536
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~-._"


class InvalidUrlError(ValueError):
    """What is no URL. `str()` says why; it repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Url:
    """A URL, taken apart. `host` is ASCII, in lower case, without the brackets of IPv6.

    `port` is None where the URL names none, or its scheme's own. `path` is percent-encoded.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def authority(self) -> str:
        """Host and port as a `host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def any_port(self) -> int:
        """The port to connect to."""
        return self.port or _DEFAULT_PORTS[self.scheme]


def parsed_url(text: str) -> Url:
    """Raises InvalidUrlError. What is missing is empty."""
    if len(text) > _MOST_CHARACTERS:
        raise InvalidUrlError("it is too long")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise InvalidUrlError("it has white space or a character that cannot be printed")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise InvalidUrlError("its host is none") from None
    try:
        port = parts.port
    except ValueError:
        raise InvalidUrlError("no such port") from None
    scheme = parts.scheme
    return Url(
        scheme,
        _ascii_host(parts.netloc.rpartition("@")[2]),
        None if port == _DEFAULT_PORTS.get(scheme) else port,
        quote(parts.path, safe=_PATH_SAFE),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def _ascii_host(place: str) -> str:
    if place.startswith("["):
        literal, bracket, rest = place[1:].partition("]")
        try:
            if not bracket or "%" in literal or (rest and not rest.startswith(":")):
                raise ValueError
            ipaddress.IPv6Address(literal)
        except ValueError:
            raise InvalidUrlError("its host is no IPv6 address") from None
        return literal.lower()
    host = place.partition(":")[0].lower()
    if not host.isascii():
        import idna

        try:
            host = idna.encode(host).decode("ascii")
        except idna.IDNAError:
            raise InvalidUrlError("its host is no name") from None
    if host and not _HOST.fullmatch(host):
        raise InvalidUrlError("its host is no name")
    return host


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine and no other."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Whether a URL that can be used names this machine."""
    return is_loopback(parsed_url(url).host)


def require_safe(url: str, *, allow_http: bool) -> None:
    """Raises UsageError for a URL not to send to: plain http goes to loopback only."""
    try:
        parsed = parsed_url(url)
    except InvalidUrlError as error:
        raise UsageError(f"the URL cannot be used: {error}") from None
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.host:
        raise UsageError("the URL must begin with https:// (or http:// for this machine)")
    if "@" in urlsplit(url).netloc:
        raise UsageError(
            "the URL holds a user name or password",
            "Give the token by KVSCTL_TOKEN, --token-file or --token-command.",
        )
    if "?" in url or "#" in url:
        raise UsageError("the URL ends in a query or a fragment", "Give it up to its path.")
    if parsed.port == 0:
        raise UsageError("the URL cannot be used: no such port")
    if parsed.scheme == "http" and not (allow_http or is_loopback(parsed.host)):
        raise UsageError(
            f"{parsed.host} is not this machine and http:// is not encrypted",
            "Use https://, or --allow-http if the network in between is yours.",
        )
