"""Choose the carrier for a target. Proxy and certificates are resolved once, here."""

import ssl

from kvsctl.errors import UsageError
from kvsctl.service.transport.carrier import Carrier
from kvsctl.service.transport.certificates import certificates
from kvsctl.service.transport.proxies import proxy_for
from kvsctl.service.transport.urls import Url, parsed_url


def over_network(url: str, timeout_seconds: float) -> Carrier:
    """Return a carrier to `url`, through the proxy that the environment sets for it, if any.

    Loopback is never proxied, so a token for this machine stays on it. Certificates are verified
    against `SSL_CERT_FILE`, `SSL_CERT_DIR` or the bundled authorities. The carrier is a
    DirectCarrier. It is an HttpxCarrier if httptools is not installed or the proxy is not an HTTP
    proxy. Raise UsageError if the proxy or the certificates cannot be used.
    """
    target = parsed_url(url)
    proxy_url = proxy_for(url)
    try:
        proxy = None if proxy_url is None else parsed_url(proxy_url)
        if proxy is not None and not proxy.host:
            raise ValueError
        is_tls = "https" in (target.scheme, proxy.scheme if proxy else "")
        context = certificates() if is_tls else None
        if proxy is None or proxy.scheme == "http":
            direct = directly(target, proxy, context, timeout_seconds)
            if direct is not None:
                return direct
        return by_httpx(url, proxy_url, context, timeout_seconds)
    except (ValueError, ImportError):
        raise UsageError(
            "the proxy set in the environment cannot be used",
            "Set HTTPS_PROXY to http://HOST:PORT, or add the target's host to NO_PROXY.",
        ) from None


def directly(
    target: Url, proxy_url: Url | None, context: ssl.SSLContext | None, timeout_seconds: float
) -> Carrier | None:
    """Return a DirectCarrier; None if httptools, its parser, is not installed."""
    try:
        from kvsctl.service.transport.direct import DirectCarrier
    except ImportError:
        return None
    from kvsctl.service.transport.connect import Proxy, Route

    proxy = None
    if proxy_url is not None:
        user, password = proxy_url.user, proxy_url.password
        proxy = Proxy.of(proxy_url.host, proxy_url.effective_port, user, password)
    tls = context if target.scheme == "https" else None
    route = Route(target.host, target.effective_port, target.authority.encode("ascii"), tls, proxy)
    return DirectCarrier(route, target.path.rstrip("/"), timeout_seconds)


def by_httpx(
    url: str, proxy_url: str | None, context: ssl.SSLContext | None, timeout_seconds: float
) -> Carrier:
    """Return an HttpxCarrier. Raise ValueError or ImportError if httpx cannot use the proxy."""
    import httpx

    from kvsctl.service.transport.httpx_carrier import HttpxCarrier

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    proxy, proxy_name = None, None
    if proxy_url is not None:
        parsed = parsed_url(proxy_url)
        proxy_name = parsed.authority
        is_tls = parsed.scheme == "https"
        try:
            proxy = httpx.Proxy(proxy_url, ssl_context=context if is_tls else None)
        except httpx.InvalidURL as error:
            raise ValueError from error
    transport = httpx.AsyncHTTPTransport(verify=context or False, limits=limits, proxy=proxy)
    return HttpxCarrier(url, transport, timeout_seconds, proxy_name)
