"""The layer between uvicorn and the emulator: header checks, access log, lost connections.

To prevent DNS rebinding and requests of foreign web pages, the `Host` and `Origin` headers must
name this machine, an IP address, or a host name that the options allow.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import struct
import time
from typing import Any
from urllib.parse import urlsplit

from kvsctl.emulator.refusals import ConnectionLost, Refusal
from kvsctl.emulator.web.app import Emulator, Message, Receive, Scope, Send

access = logging.getLogger("kvsctl.emulator.access")
FOREIGN_HOST = Refusal(403, "FORBIDDEN", "The Host or Origin header does not name this emulator")
NO_LINGER = struct.pack("ii", 1, 0)


class Guard:
    """An ASGI app around the emulator, for uvicorn. `names` are the allowed host names."""

    def __init__(
        self, emulator: Emulator, names: frozenset[str] = frozenset(), *, verbose: bool = False
    ) -> None:
        self._emulator = emulator
        self._names = names
        self._verbose = verbose
        self._known: dict[bytes, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the emulator, or refuse it (403)."""
        if scope["type"] != "http":
            await self._emulator(scope, receive, send)
        elif not self._is_allowed(scope):
            await self._emulator.refuse(FOREIGN_HOST, send)
        elif self._verbose:
            await self._logged(scope, receive, send)
        else:
            await self._answered(scope, receive, send, send)

    async def _answered(
        self, scope: Scope, receive: Receive, send: Send, server_send: Send
    ) -> None:
        try:
            await self._emulator(scope, receive, send)
        except ConnectionLost as lost:
            await _close_connection(server_send, receive, gently=lost.gently)

    async def _logged(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        status: Any = "no response"

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._answered(scope, receive, sending, send)
        elapsed_ms = (time.perf_counter() - start) * 1000
        access.info("%s %s %s %.1f ms", scope["method"], scope["path"], status, elapsed_ms)

    def _is_allowed(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name in (b"host", b"origin"):
                known = self._known.get(value)
                if known is None:
                    known = is_allowed_host(value.decode("latin-1"), self._names)
                    if len(self._known) < 1000:
                        self._known[value] = known
                if not known:
                    return False
        return True


def is_allowed_host(host: str, names: frozenset[str]) -> bool:
    """Return whether a header value names this machine, an IP address or one of `names`."""
    try:
        name = urlsplit(host if "://" in host else f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost") or name in names:
        return True
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return False


async def _close_connection(send: Send, receive: Receive, *, gently: bool) -> None:
    """Close the connection without uvicorn: with a reset, or `gently` after the bytes sent so far.

    `send` must be uvicorn's own: it is a method of its request cycle, which has the transport.
    """
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    if gently:
        transport.close()
    else:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        transport.abort()
    # Wait until uvicorn has noticed: before that, it would log the missing response as an error.
    while (await receive())["type"] != "http.disconnect":
        pass
