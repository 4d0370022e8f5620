"""The files of the page, and the headers that confine it to its own origin."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from kvsctl.emulator.wire import Response

INDEX = "index.html"
CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "html": "text/html; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "svg": "image/svg+xml",
    }
)
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # Turning text into HTML or a script is an error in every module.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    # A later version of kvsctl may serve other files at the same address.
    ("cache-control", "no-store"),
)


def file_response(name: str) -> Response | None:
    """Return a file of the page, or None if there is no such file."""
    body = _contents().get(name)
    if body is None:
        return None
    return Response(200, body, CONTENT_TYPES[name.rpartition(".")[2]], HEADERS)


@cache
def _contents() -> Mapping[str, bytes]:
    """Return every file of the page by its name, read once."""
    folder = files("kvsctl.emulator.page").joinpath("static")
    return {
        entry.name: entry.read_bytes()
        for entry in folder.iterdir()
        if entry.name.rpartition(".")[2] in CONTENT_TYPES
    }
