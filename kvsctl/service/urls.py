"""Which URLs kvsctl sends to, and whether they name this machine."""

import ipaddress

import httpx

from kvsctl.errors import UsageError


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
    return is_loopback(httpx.URL(url).host)


def require_safe(url: str, *, allow_http: bool) -> None:
    """Raises UsageError for a URL not to send to: plain http goes to loopback only."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        # What stands after the colon is a piece of the URL, perhaps of a password.
        reason = str(error).partition(":")[0]
        raise UsageError(f"the URL cannot be used: {reason}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UsageError("the URL must begin with https:// (or http:// for this machine)")
    if parsed.userinfo:
        raise UsageError(
            "the URL holds a user name or password",
            "Give the token by KVSCTL_TOKEN, --token-file or --token-command.",
        )
    if "?" in url or "#" in url:
        raise UsageError("the URL ends in a query or a fragment", "Give it up to its path.")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise UsageError("the URL cannot be used: no such port")
    if parsed.scheme == "http" and not (allow_http or is_loopback(parsed.host)):
        raise UsageError(
            f"{parsed.host} is not this machine and http:// is not encrypted",
            "Use https://, or --allow-http if the network in between is yours.",
        )
