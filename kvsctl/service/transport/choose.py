"""What carries the bytes of a target; proxy, certificates and timeouts are resolved once, here."""

import os
import ssl

from kvsctl.errors import UsageError
from kvsctl.service.transport.carrier import Carrier
from kvsctl.service.transport.urls import Url, is_loopback, parsed_url


def over_network(url: str, timeout_seconds: float) -> Carrier:
    """Carries requests to `url`, through the environment's proxy for it, if there is one.

    Loopback is never proxied: a token meant for this machine stays on it. Certificates are
    checked against `SSL_CERT_FILE`, `SSL_CERT_DIR` or the bundled authorities. What carries is
    `DirectCarrier`; httpx does where its parser has no wheel, and to proxies of other kinds
    than HTTP.
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
            "the proxy that the environment names cannot be used",
            "Set HTTPS_PROXY to http://HOST:PORT, or name the target's host in NO_PROXY.",
        ) from None


def directly(
    target: Url, proxy_url: Url | None, context: ssl.SSLContext | None, timeout_seconds: float
) -> Carrier | None:
    """The carrier of kvsctl's own, None where its parser is not installed."""
    try:
        from kvsctl.service.transport.direct import DirectCarrier
    except ImportError:
        return None
    from kvsctl.service.transport.connect import Proxy, Route

    proxy = None
    if proxy_url is not None:
        user, password = proxy_url.user, proxy_url.password
        proxy = Proxy.of(proxy_url.host, proxy_url.any_port, user, password)
    tls = context if target.scheme == "https" else None
    route = Route(target.host, target.any_port, target.authority.encode("ascii"), tls, proxy)
    return DirectCarrier(route, target.path.rstrip("/"), timeout_seconds)


def by_httpx(
    url: str, proxy_url: str | None, context: ssl.SSLContext | None, timeout_seconds: float
) -> Carrier:
    """The carrier on httpx's own transport. Raises ValueError or ImportError for some proxies."""
    import httpx

    from kvsctl.service.transport.httpx_carrier import HttpxCarrier

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    proxy = None
    if proxy_url is not None:
        is_tls = parsed_url(proxy_url).scheme == "https"
        try:
            proxy = httpx.Proxy(proxy_url, ssl_context=context if is_tls else None)
        except httpx.InvalidURL as error:
            raise ValueError from error
    transport = httpx.AsyncHTTPTransport(verify=context or False, limits=limits, proxy=proxy)
    return HttpxCarrier(url, transport, timeout_seconds)


def certificates() -> ssl.SSLContext:
    """What servers are checked against. Raises UsageError for files that hold none."""
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    try:
        if file:
            context = ssl.create_default_context(cafile=file)
        elif folder:
            context = ssl.create_default_context(capath=folder)
        else:
            import certifi

            context = ssl.create_default_context(cafile=certifi.where())
    except OSError as error:
        raise UsageError(f"the certificates that SSL_CERT_FILE names: {error.strerror}") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def proxy_for(url: str) -> str | None:
    """The proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name for `url`."""
    parsed = parsed_url(url)
    if is_loopback(parsed.host):
        return None
    from urllib.request import getproxies, proxy_bypass

    if proxy_bypass(parsed.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parsed.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
