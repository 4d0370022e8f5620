"""The layer between uvicorn and the emulator: header checks, access log, lost connections.

To prevent DNS rebinding, the `Host` header must name this machine, an IP address, or a host name
that the options allow. To prevent requests from foreign web pages, an `Origin` header must be the
origin of this server: `http://` and the value of `Host`.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from kvsctl.emulator.refusals import ConnectionLost, DatabaseFailed, Refusal
from kvsctl.emulator.web.app import Emulator, shown_path
from kvsctl.emulator.web.bodies import Message, Receive, Scope, Send

access = logging.getLogger("kvsctl.emulator.access")
log = logging.getLogger(__name__)
DATABASE_FAILED = Refusal(
    500, "INTERNAL_SERVER_ERROR", "The database of the emulator cannot be used; see its log"
)
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
        except DatabaseFailed as failed:
            log.error("%s", failed)
            await self._emulator.refuse(DATABASE_FAILED, send)
        except RuntimeError as error:
            # uvloop raises it if a connection closed before its answer was written.
            if "handler is closed" not in str(error):
                raise
            await _disconnected(server_send, receive)

    async def _logged(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        status: Any = "no response"

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._answered(scope, receive, sending, send)
        elapsed_ms = (time.perf_counter() - start) * 1000
        access.info("%s %s %s %.1f ms", scope["method"], shown_path(scope), status, elapsed_ms)

    def _is_allowed(self, scope: Scope) -> bool:
        hosts: list[bytes] = []
        origins: list[bytes] = []
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
        return all(map(self._is_known, hosts)) and (not origins or is_same_origin(origins, hosts))

    def _is_known(self, host: bytes) -> bool:
        known = self._known.get(host)
        if known is None:
            known = is_allowed_host(host.decode("latin-1"), self._names)
            if len(self._known) < 1000:
                self._known[host] = known
        return known


def is_same_origin(origins: Sequence[bytes], hosts: Sequence[bytes]) -> bool:
    """Return whether all these `Origin` headers are the origin of the server that `hosts` name."""
    places = {_place(value.decode("latin-1")) for value in origins}
    places |= {_place(f"http://{value.decode('latin-1')}") for value in hosts}
    return len(hosts) == 1 and len(places) == 1 and None not in places


def _place(origin: str) -> tuple[str, int] | None:
    """Return the host and port of an `http` origin, or None for any other text."""
    try:
        parts = urlsplit(origin)
        port = parts.port or 80
    except ValueError:
        return None
    is_origin = parts.scheme == "http" and not (parts.path or parts.query or parts.fragment)
    return (parts.hostname, port) if is_origin and parts.hostname else None


def is_allowed_host(host: str, names: frozenset[str]) -> bool:
    """Return whether a `Host` header names this machine, an IP address or one of `names`."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
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
    elif not transport.is_closing():
        # A connection that is closing is left alone: its last answer may not be sent yet.
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        transport.abort()
    await _disconnected(send, receive)


async def _disconnected(send: Send, receive: Receive) -> None:
    """Wait until uvicorn has noticed the lost connection, or it logs a missing response.

    uvicorn tells only the last request of a connection. An earlier one, followed by a pipelined
    request, would wait forever: so mark it here.
    """
    cycle: Any = getattr(send, "__self__", None)
    if cycle is not None:
        cycle.disconnected = True
    while (await receive())["type"] != "http.disconnect":
        pass
