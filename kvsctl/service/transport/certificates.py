"""The certificates to trust, and the error for a server whose certificate is not trusted."""

import os
import ssl
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.service.transport.carrier import Untrusted

_UNKNOWN_AUTHORITY: Final = frozenset({2, 18, 19, 20, 21, 27})
"""OpenSSL's verify codes for a certificate whose authority is not among the trusted ones."""


def certificates() -> ssl.SSLContext:
    """Return the context that verifies servers. Raise UsageError for unusable certificates."""
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
        source = f" from SSL_CERT_FILE={file}" if file else ""
        raise UsageError(
            f"cannot load certificates{source}: {error.strerror}",
            "Set SSL_CERT_FILE to a PEM file with the certificates of the authorities to trust.",
        ) from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def untrusted(host: str, error: ssl.SSLCertVerificationError) -> Untrusted:
    """Return the error for a server whose certificate was not verified."""
    reason = f"the certificate of {host} is not trusted: {error.verify_message.rstrip('.')}"
    if error.verify_code in _UNKNOWN_AUTHORITY:
        reason += f" ({_authorities()})"
    return Untrusted(reason)


def _authorities() -> str:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if given := os.environ.get(name):
            return f"{name}={given} does not hold its authority"
    return "SSL_CERT_FILE can name the authority to trust"
