"""Parse URLs, refuse unsafe ones and recognise those of this machine.

URLs are parsed without httpx: importing it takes longer than most commands.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from kvsctl.errors import UsageError

_HOST: Final = re.compile(r"[a-z0-9._~!$&'()*+,;=-]+")
_MAX_CHARACTERS: Final = 65_536
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_EXAMPLE: Final = "Give a URL such as https://api.atlassian.com/forge/storage/kvs."
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~-._"


class InvalidUrlError(ValueError):
    """The text is not a valid URL. `str()` says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Url:
    """A parsed URL. `host` is lower-case ASCII without the brackets of IPv6.

    `port` is None if it is missing or the default of the scheme. `path` is percent-encoded.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def authority(self) -> str:
        """Host and port as in a `host` header."""
        host = bracketed(self.host)
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def effective_port(self) -> int:
        """The port to connect to: `port`, or the default of the scheme."""
        return self.port or _DEFAULT_PORTS[self.scheme]


def bracketed(host: str) -> str:
    """Return a host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=64)
def parsed_url(text: str) -> Url:
    """Parse a URL. Missing parts are empty. Raise InvalidUrlError."""
    if len(text) > _MAX_CHARACTERS:
        raise InvalidUrlError(f"longer than {_MAX_CHARACTERS:,} characters")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise InvalidUrlError("it contains white space or an unprintable character")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise InvalidUrlError("the host is not valid") from None
    try:
        port = parts.port
    except ValueError:
        raise InvalidUrlError("the port must be a number from 1 to 65535") from None
    scheme = parts.scheme
    return Url(
        scheme,
        _ascii_host(parts.netloc.rpartition("@")[2]),
        None if port == _DEFAULT_PORTS.get(scheme) else port,
        quote(parts.path, safe=_PATH_SAFE),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def _ascii_host(text: str) -> str:
    if text.startswith("["):
        literal, bracket, rest = text[1:].partition("]")
        try:
            if not bracket or "%" in literal or (rest and not rest.startswith(":")):
                raise ValueError
            ipaddress.IPv6Address(literal)
        except ValueError:
            raise InvalidUrlError("the host is not a valid IPv6 address") from None
        return literal.lower()
    host = text.partition(":")[0].lower()
    if not host.isascii():
        import idna

        try:
            host = idna.encode(host).decode("ascii")
        except idna.IDNAError:
            raise InvalidUrlError("the host is not a valid name") from None
    if host and not _HOST.fullmatch(host):
        raise InvalidUrlError("the host is not a valid name")
    return host


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Return whether a host name or address is loopback: this machine and no other."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Return whether the host of a valid URL is loopback. Raise InvalidUrlError."""
    return is_loopback(parsed_url(url).host)


def require_safe(url: str, *, allow_http: bool, place: Callable[[], str] = lambda: "") -> None:
    """Raise UsageError for a URL that must not be used, such as plain http beyond loopback.

    The message begins with `place()`, where the URL was given, if that is not empty.
    """
    try:
        _require_safe(url, allow_http=allow_http)
    except UsageError as error:
        where = place()
        raise UsageError(
            f"{where}: {error.message}" if where else error.message, error.hint
        ) from None


def _require_safe(url: str, *, allow_http: bool) -> None:
    try:
        parsed = parsed_url(url)
    except InvalidUrlError as error:
        raise UsageError(f"the URL is not valid: {error}", _EXAMPLE) from None
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.host:
        raise UsageError(
            "the URL must begin with https:// (or http:// for this machine) and a host", _EXAMPLE
        )
    if "@" in urlsplit(url).netloc:
        raise UsageError(
            "the URL contains a user name or password",
            "Give the token with KVSCTL_TOKEN, --token-file or --token-command.",
        )
    if "?" in url or "#" in url:
        raise UsageError(
            "the URL contains a query or a fragment", "Remove everything from ? or # on."
        )
    if parsed.port == 0:
        raise UsageError(
            "the URL is not valid: the port must be a number from 1 to 65535", _EXAMPLE
        )
    if parsed.scheme == "http" and not (allow_http or is_loopback(parsed.host)):
        raise UsageError(
            f"http:// to {parsed.host} is refused: {parsed.host} is not this machine",
            "Use https://, as http is not encrypted, or --allow-http if you trust the network.",
        )
