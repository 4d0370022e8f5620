"""Which httpx transport carries the bytes; proxy, CA and timeouts are resolved once, here."""

import ipaddress
import urllib.request
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import httpx

from kvsctl.errors import UsageError

AsgiApp: TypeAlias = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]


def in_process(app: AsgiApp) -> httpx.AsyncBaseTransport:
    """Carries requests to an application in this process; no network is touched."""
    return _InProcess(app=app)


class _InProcess(httpx.ASGITransport):
    """An application that raises is to its caller what a server is that hangs up."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except Exception as error:
            raise httpx.ReadError(f"the application raised {type(error).__name__}") from error


def over_network(url: str) -> httpx.AsyncBaseTransport:
    """Carries requests to `url`, through the environment's proxy for it, if there is one.

    Loopback is never proxied: a token meant for this machine stays on it. Certificates are
    checked against `SSL_CERT_FILE`, `SSL_CERT_DIR` or the bundled authorities.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        raise UsageError(f"the certificates that SSL_CERT_FILE names: {error.strerror}") from None
    proxy = proxy_for(url)
    try:
        if proxy is not None and not httpx.URL(proxy).host:
            raise ValueError
        return httpx.AsyncHTTPTransport(verify=context, limits=limits, proxy=proxy)
    except (httpx.InvalidURL, ValueError, ImportError):
        raise UsageError(
            "the proxy that the environment names cannot be used",
            "Set HTTPS_PROXY to http://HOST:PORT, or name the target's host in NO_PROXY.",
        ) from None


def proxy_for(url: str) -> str | None:
    """The proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name for `url`."""
    parsed = httpx.URL(url)
    if is_loopback(parsed.host) or urllib.request.proxy_bypass(parsed.host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parsed.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


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
