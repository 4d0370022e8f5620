"""Refuse a base URL with a path that every request adds itself, and name the right one.

Requests add paths such as `/v1/batch/set`. The API's own path, `/forge/storage/kvs`, is part of a
base URL, but only once. A URL that is not valid at all is refused elsewhere, before it is used.
"""

import re
from typing import Final

from kvsctl.config.file import Place, place_text
from kvsctl.errors import UsageError

API_PATH: Final = "/forge/storage/kvs"
"""The path of the API; the contract's section "Where and who"."""
_API: Final = tuple(API_PATH[1:].split("/"))
_VERSIONS: Final = ("v1", "v0")
_ENDPOINTS: Final = frozenset(
    {"batch", "get", "set", "delete", "entity", "secret", "query", "transaction", "installations"}
)
"""The first part of a path that a request adds after the version."""
_PARTS: Final = re.compile(r"((?:[^/?#@]*://)?)([^/?#]*@)?([^@?#]*)([?#].*)?", re.DOTALL)
_HIDDEN: Final = "***"


def shown_url(url: str) -> str:
    """Return a URL that is safe to print: `***` replaces its user, password and query.

    A fragment is hidden, too. If it is not clear where the host begins, only the scheme is shown.
    """
    found = _PARTS.fullmatch(url)
    if found is None or (found[4] and "@" in found[4]):
        scheme, mark, _ = url.partition("://")
        return f"{scheme}{mark}{_HIDDEN}" if mark and scheme.isalnum() else _HIDDEN
    scheme, user, rest, query = found.groups()
    user = f"{_HIDDEN}@" if user else ""
    query = f"{query[0]}{_HIDDEN}" if query else ""
    return f"{scheme}{user}{rest}{query}"


def shown_host(url: str) -> str:
    """Return a URL whose path is a secret as it may be printed: `***` follows its host.

    Of a text that is not a URL, nothing is left.
    """
    scheme, mark, rest = shown_url(url).partition("://")
    if not mark:
        return _HIDDEN
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    return f"{scheme}{mark}{host}" if host == _HIDDEN else f"{scheme}{mark}{host}/{_HIDDEN}"


def require_base_url(url: str, where: Place) -> str:
    """Return the URL if requests can add their paths to it.

    Raise UsageError, with the right URL, if it ends in a version or an endpoint, or has the API's
    path twice. `where` is the option or setting that gave it.
    """
    right = mended(url)
    if right == url.rstrip("/"):
        return url
    raise UsageError(f"{place_text(where)}: {_reason(url)}", f"Give {right}.")


def container_base_url(proxy: str) -> str:
    """Return the base URL behind `FORGE_EGRESS_PROXY_URL`. Raise UsageError as above."""
    right = mended(proxy).removesuffix(API_PATH)
    if right == proxy.rstrip("/"):
        return right + API_PATH
    reason = _reason(proxy) if mended(proxy) != proxy.rstrip("/") else f"it ends in {API_PATH}"
    raise UsageError(f"FORGE_EGRESS_PROXY_URL: {reason}", f"Set it to {right}.")


def mended(url: str) -> str:
    """Return a base URL without slashes at its end, and without paths that requests add.

    A URL with a query, a fragment or a user name is returned as it is: it may hold a secret.
    """
    if _is_left_alone(url):
        return url.rstrip("/")
    start, slashes, rest = url.partition("://")
    if not slashes or not rest.strip("/"):
        return url.rstrip("/")
    host, *parts = rest.rstrip("/").split("/")
    before = None
    while before != parts:
        before = parts
        parts = _without_second_api_path(_without_endpoint(parts))
    return "/".join([f"{start}://{host}", *parts])


def _is_left_alone(url: str) -> bool:
    return any(mark in url for mark in "?#@")


def _without_endpoint(parts: list[str]) -> list[str]:
    """Return the parts before a version at the end, alone or with an endpoint after it."""
    for place in range(len(parts) - 1, -1, -1):
        following = [part for part in parts[place + 1 :] if part]
        is_version = parts[place].casefold() in _VERSIONS
        if is_version and (not following or following[0].casefold() in _ENDPOINTS):
            return _without_blanks_at_end(parts[:place])
    return parts


def _without_second_api_path(parts: list[str]) -> list[str]:
    """Return the parts up to the end of the API's path, where it occurs more than once."""
    length = len(_API)
    places = [at for at in range(len(parts)) if _is_api(parts[at : at + length])]
    return parts[: places[0] + length] if len(places) > 1 else parts


def _is_api(parts: list[str]) -> bool:
    return tuple(part.casefold() for part in parts) == _API


def _without_blanks_at_end(parts: list[str]) -> list[str]:
    while parts and not parts[-1]:
        parts = parts[:-1]
    return parts


def _reason(url: str) -> str:
    """Return what is wrong with a URL that `mended` changes."""
    parts = [part for part in url.partition("://")[2].split("/")[1:] if part]
    shortened = _without_endpoint(parts)
    if shortened != parts:
        extra = "/".join(parts[len(shortened) :])
        return f"the URL ends in /{extra}, which requests add themselves"
    return f"the URL has {API_PATH} twice"
