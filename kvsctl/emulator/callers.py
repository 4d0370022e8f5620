"""Who calls: the authorization headers, and the installation whose store they open.

The contract's section "Where and who". A `forge-proxy-authorization` header with an
`installationId` opens that installation's store, one with an invocation `id` the default one. A
bearer token opens the store of the installation it was given for, or one of its own. Without
any header it is the default store. With tokens configured, only those are let in.
"""

from collections.abc import Mapping

from kvsctl.emulator.options import DEFAULT_INSTALLATION, EmulatorOptions, installation_of_token
from kvsctl.emulator.refusals import unauthorized


def installation_of(headers: Mapping[bytes, bytes], options: EmulatorOptions) -> str:
    """The installation that this caller may use; a caller who may use none is refused, 401."""
    bearer = _bearer(headers.get(b"authorization", b"").decode("latin-1"))
    by_token = _known(bearer, options)
    if options.tokens and by_token is None:
        raise unauthorized()
    proxied = headers.get(b"forge-proxy-authorization")
    if proxied is not None:
        return _proxied(proxied.decode("latin-1"))
    if by_token is not None:
        return by_token
    if bearer is None:
        return DEFAULT_INSTALLATION
    return installation_of_token(bearer)


def bearer_of(headers: Mapping[bytes, bytes]) -> str | None:
    """The bearer token that came, if any."""
    return _bearer(headers.get(b"authorization", b"").decode("latin-1"))


def _bearer(header: str) -> str | None:
    scheme, _, secret = header.partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None


def _known(bearer: str | None, options: EmulatorOptions) -> str | None:
    if bearer is None or not options.tokens:
        return None
    import hmac  # only here: the embedded target has no tokens

    found = None
    for token in options.tokens:
        if hmac.compare_digest(token.secret.encode(), bearer.encode()):
            found = token.installation
    return found


def _proxied(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if scheme.lower() != "forge" or fields.get("as") != "app":
        raise unauthorized()
    installation = fields.get("installationId")
    if installation:
        # An ARI names the installation in its last part.
        return installation.rsplit("/", 1)[-1]
    if fields.get("id"):
        return DEFAULT_INSTALLATION
    raise unauthorized()
