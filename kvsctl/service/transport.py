"""What carries the bytes of a target; proxy, certificates and timeouts are resolved once, here."""

import ssl
import urllib.request

import httpx

from kvsctl.errors import UsageError
from kvsctl.service.carrier import Carrier
from kvsctl.service.httpxcarrier import HttpxCarrier
from kvsctl.service.urls import is_loopback


def over_network(url: str, timeout_seconds: float) -> Carrier:
    """Carries requests to `url`, through the environment's proxy for it, if there is one.

    Loopback is never proxied: a token meant for this machine stays on it. Certificates are
    checked against `SSL_CERT_FILE`, `SSL_CERT_DIR` or the bundled authorities. What carries is
    `DirectCarrier`; httpx does where its parser has no wheel, and to proxies of other kinds
    than HTTP.
    """
    proxy = proxy_for(url)
    is_tls = any(one is not None and one.startswith("https:") for one in (url, proxy))
    context = certificates() if is_tls else None
    try:
        proxy_url = httpx.URL(proxy) if proxy is not None else None
        if proxy_url is not None and not proxy_url.host:
            raise ValueError
        if proxy_url is None or proxy_url.scheme == "http":
            direct = directly(url, proxy_url, context, timeout_seconds)
            if direct is not None:
                return direct
        return by_httpx(url, proxy_url, context, timeout_seconds)
    except (httpx.InvalidURL, ValueError, ImportError):
        raise UsageError(
            "the proxy that the environment names cannot be used",
            "Set HTTPS_PROXY to http://HOST:PORT, or name the target's host in NO_PROXY.",
        ) from None


def directly(
    url: str, proxy_url: httpx.URL | None, context: ssl.SSLContext | None, timeout_seconds: float
) -> Carrier | None:
    """The carrier of kvsctl's own, None where its parser is not installed."""
    try:
        from kvsctl.service.direct import DirectCarrier
    except ImportError:
        return None
    from kvsctl.service.opening import Proxy, Route

    proxy = None
    if proxy_url is not None:
        host, port = proxy_url.raw_host.decode("ascii"), proxy_url.port or 80
        proxy = Proxy.of(host, port, proxy_url.username, proxy_url.password)
    target = httpx.URL(url)
    is_tls = target.scheme == "https"
    route = Route(
        host=target.raw_host.decode("ascii"),
        port=target.port or (443 if is_tls else 80),
        authority=target.netloc,
        tls=context if is_tls else None,
        proxy=proxy,
    )
    return DirectCarrier(route, target.raw_path.decode("ascii").rstrip("/"), timeout_seconds)


def by_httpx(
    url: str, proxy_url: httpx.URL | None, context: ssl.SSLContext | None, timeout_seconds: float
) -> Carrier:
    """The carrier on httpx's own transport. Raises ValueError or ImportError for some proxies."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    proxy = None
    if proxy_url is not None:
        is_tls = proxy_url.scheme == "https"
        proxy = httpx.Proxy(proxy_url, ssl_context=context if is_tls else None)
    transport = httpx.AsyncHTTPTransport(verify=context or False, limits=limits, proxy=proxy)
    return HttpxCarrier(url, transport, timeout_seconds)


def certificates() -> ssl.SSLContext:
    """What servers are checked against. Raises UsageError for files that hold none."""
    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        raise UsageError(f"the certificates that SSL_CERT_FILE names: {error.strerror}") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def proxy_for(url: str) -> str | None:
    """The proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name for `url`."""
    parsed = httpx.URL(url)
    if is_loopback(parsed.host) or urllib.request.proxy_bypass(parsed.host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parsed.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
