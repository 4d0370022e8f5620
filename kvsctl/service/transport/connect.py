"""Open a connection: to the first address that accepts it, through a proxy, with TLS."""

import asyncio
import os
import re
import socket
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from ssl import SSLCertVerificationError, SSLContext, SSLError
from typing import Any, Final

from kvsctl.service.transport.carrier import Unreached, refusal_of_proxy
from kvsctl.service.transport.certificates import untrusted
from kvsctl.service.transport.connection import HttpConnection
from kvsctl.service.transport.urls import bracketed

_STAGGER_SECONDS: Final = 0.25
"""How long to wait for one address before trying the next one as well (RFC 8305)."""
_MAX_HEAD_BYTES: Final = 64 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. `authorization` is the value of its header, b"" for none."""

    host: str
    port: int
    authorization: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, host: str, port: int, user: str, password: str) -> "Proxy":
        """Return a proxy with basic authorization, if `user` or `password` is not empty."""
        if not (user or password):
            return cls(host, port)
        return cls(host, port, b"Basic " + b64encode(f"{user}:{password}".encode()))

    @property
    def name(self) -> str:
        """Host and port, for messages."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def header(self) -> bytes:
        """The `proxy-authorization` line; b"" for none."""
        line = b"proxy-authorization: %b\r\n" % self.authorization
        return line if self.authorization else b""


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach a server: resolved once, the same for every connection.

    `authority` is the value of the `host` header. `tls` is None for http.
    """

    host: str
    port: int
    authority: bytes
    tls: SSLContext | None
    proxy: Proxy | None


async def open_connection(
    route: Route, timeout_seconds: float, make: Callable[[], HttpConnection]
) -> HttpConnection:
    """Open the connection that `make` returns. Send no request. Raise Unreached if that fails."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _open(route, make)
    except SSLCertVerificationError as error:
        raise untrusted(route.host, error) from error
    except TimeoutError as error:
        reason = str(error) or f"no connection within {timeout_seconds:g} s"
        raise Unreached(reason) from error
    except (OSError, UnicodeError) as error:
        raise Unreached(_reason(error, route)) from error


def _reason(error: Exception, route: Route) -> str:
    """Return why no connection was opened, in the words of the system."""
    if not isinstance(error, OSError) or isinstance(error, SSLError) or error.errno is None:
        return str(error) or type(error).__name__
    if isinstance(error, socket.gaierror):
        proxy = route.proxy
        return f"{proxy.host if proxy else route.host}: {error.strerror}"
    name = f"proxy {route.proxy.name}" if route.proxy else f"{bracketed(route.host)}:{route.port}"
    return f"{name}: {os.strerror(error.errno)}"  # not strerror, which asyncio words


async def _open(route: Route, make: Callable[[], HttpConnection]) -> HttpConnection:
    proxy = route.proxy
    reached = await _connect(proxy.host, proxy.port) if proxy else None
    reached = reached or await _connect(route.host, route.port)
    try:
        if proxy is not None and route.tls is not None:
            await _tunnel(reached, route, proxy)
        _, connection = await asyncio.get_running_loop().create_connection(
            make,
            sock=reached,
            ssl=route.tls,
            server_hostname=route.host if route.tls is not None else None,
        )
    except BaseException:
        reached.close()
        raise
    return connection


async def _tunnel(reached: socket.socket, route: Route, proxy: Proxy) -> None:
    loop = asyncio.get_running_loop()
    to = f"{bracketed(route.host)}:{route.port}".encode()
    await loop.sock_sendall(
        reached, b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (to, to, proxy.header)
    )
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = await loop.sock_recv(reached, _MAX_HEAD_BYTES)
        head += chunk
        if not chunk or len(head) > _MAX_HEAD_BYTES:
            raise Unreached("no answer from the proxy")
    status = _STATUS.match(head)
    if status is None:
        raise Unreached("the answer of the proxy is not valid HTTP")
    if not status[1].startswith(b"2"):
        raise refusal_of_proxy(proxy.name, int(status[1]))


async def _connect(host: str, port: int) -> socket.socket:
    """Return a connected socket. Both address families are tried alternately, staggered in time."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    first = found[0][0]
    same = [one for one in found if one[0] == first]
    other = [one for one in found if one[0] != first]
    waiting = [one for one in chain(*zip_longest(same, other)) if one is not None]
    trying: set[asyncio.Task[socket.socket]] = set()
    reached: socket.socket | None = None
    failure: OSError | None = None
    try:
        while reached is None and (waiting or trying):
            if waiting:
                trying.add(asyncio.create_task(_connect_to(*waiting.pop(0))))
            pause = _STAGGER_SECONDS if waiting else None
            done, _ = await asyncio.wait(trying, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            trying -= done
            for one in done:
                error = one.exception()
                if error is None and reached is None:
                    reached = one.result()
                elif error is None:
                    one.result().close()
                elif isinstance(error, OSError):
                    failure = failure or error
    finally:
        await _cancel(trying)
    if reached is None:
        raise failure or Unreached(f"no address of {host} could be reached")
    return reached


async def _cancel(trying: set[asyncio.Task[socket.socket]]) -> None:
    for one in trying:
        one.cancel()
    for ended in await asyncio.gather(*trying, return_exceptions=True):
        if isinstance(ended, socket.socket):
            ended.close()


async def _connect_to(
    family: int, kind: int, protocol: int, _name: str, address: tuple[Any, ...]
) -> socket.socket:
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made
