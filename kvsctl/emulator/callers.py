"""Find the installation whose store a request may use, from its authorization headers.

Source: contract, section "Where and who".

- A `forge-proxy-authorization` header with `installationId` opens the store of that installation.
- The same header with `id` (an invocation) opens the store of the default installation.
- A configured bearer token opens the store of the installation it was configured for.
- With no tokens configured, each bearer token opens a store of its own.
- Without any header the request uses the store of the default installation.

With tokens configured, every request without one of them is refused, and a token opens the store of
its own installation only: a proxy header that names another one is refused. If the options accept
the proxy header, a request needs that header or one of the tokens. The list of installations then
needs neither: it covers the whole app, and containers ask for it without a header.
"""

from collections.abc import Mapping

from kvsctl.emulator.options import DEFAULT_INSTALLATION, EmulatorOptions, installation_of_token
from kvsctl.emulator.refusals import Refusal, unauthorized

PROXY_HEADER = b"forge-proxy-authorization"
NOT_OF_OTHER_PAGES = (None, b"same-origin", b"none")
"""The values of `Sec-Fetch-Site` in requests that do not come from a page of another server."""


def installation_of(headers: Mapping[bytes, bytes], options: EmulatorOptions) -> str:
    """Return the installation that this caller may use.

    Raise Refusal if the caller may use none (401), or asks for the store of another one (403).
    """
    bearer = bearer_of(headers)
    by_token = _configured_installation(bearer, options)
    proxied = headers.get(PROXY_HEADER)
    is_let_in = proxied is not None if options.accepts_proxy_header else not options.tokens
    if by_token is None and not is_let_in:
        raise unauthorized()
    named = None if proxied is None else _proxied_installation(proxied.decode("latin-1"))
    if by_token is not None:
        if named not in (None, by_token):
            raise Refusal(403, "FORBIDDEN", "The token belongs to another installation")
        return by_token
    if proxied is not None:
        return named or DEFAULT_INSTALLATION
    if bearer is None:
        return DEFAULT_INSTALLATION
    return installation_of_token(bearer)


def lister_of(headers: Mapping[bytes, bytes], options: EmulatorOptions) -> str | None:
    """Return the installation of a caller that lists installations; None for the app itself.

    Raise Refusal if the caller's header opens no store, or if a header is required and missing.
    """
    is_bare = PROXY_HEADER not in headers and b"authorization" not in headers
    if options.accepts_proxy_header and is_bare:
        return None
    return installation_of(headers, options)


def bound_installation(headers: Mapping[bytes, bytes], options: EmulatorOptions) -> str | None:
    """Return the installation that the caller's token is bound to; None without such a token."""
    return _configured_installation(bearer_of(headers), options)


def bearer_of(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the bearer token of a request, or None."""
    return _bearer(headers.get(b"authorization", b"").decode("latin-1"))


def _bearer(header: str) -> str | None:
    scheme, _, secret = header.partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None


def _configured_installation(bearer: str | None, options: EmulatorOptions) -> str | None:
    if bearer is None or not options.tokens:
        return None
    import hmac  # not at the top: the embedded target has no tokens

    found = None
    for token in options.tokens:
        if hmac.compare_digest(token.secret.encode(), bearer.encode()):
            found = token.installation
    return found


def is_of_other_page(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether a page of another server sent the request, according to the browser.

    Browsers report that without an `Origin`, too, as for an image or a script.
    """
    return headers.get(b"sec-fetch-site") not in NOT_OF_OTHER_PAGES


def check_token(headers: Mapping[bytes, bytes], options: EmulatorOptions) -> None:
    """Raise Refusal (401) if tokens are configured and the request has none of them."""
    if options.tokens and bound_installation(headers, options) is None:
        raise unauthorized()


def check_admin_token(headers: Mapping[bytes, bytes], expected: str) -> None:
    """Raise Refusal (401) unless the request has the token for control requests."""
    import hmac  # not at the top: the embedded target has no tokens

    bearer = bearer_of(headers)
    if bearer is None or not hmac.compare_digest(expected.encode(), bearer.encode()):
        raise unauthorized()


def is_local(client: object) -> bool:
    """Return whether the `client` of an ASGI scope is on this machine."""
    import ipaddress  # not at the top: the embedded target has no clients

    host = client[0] if isinstance(client, tuple | list) and client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _proxied_installation(header: str) -> str | None:
    """Return the installation that a proxy header names; None for that of its invocation."""
    scheme, _, rest = header.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if scheme.lower() != "forge" or fields.get("as") != "app":
        raise unauthorized()
    installation = fields.get("installationId")
    if installation:
        # An ARI names the installation in its last part.
        return installation.rsplit("/", 1)[-1]
    if fields.get("id"):
        return None
    raise unauthorized()
