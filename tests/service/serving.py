"""A server that keeps connections, with or without TLS, and a proxy: both on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tests.service.loopback import listening_on_loopback

CERTIFICATES = Path(__file__).parent / "certificates"

Reply: TypeAlias = Callable[["Served", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Served:
    """What a server saw. `heads` are those of the requests, in the order in which they came."""

    port: int = 0
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        """The URL of the server by a name for it."""
        return f"{scheme}://{host}:{self.port}"


@asynccontextmanager
async def serving(talk: Reply, *, tls: bool = False) -> AsyncIterator[Served]:
    """Calls `talk` for each connection, until the block ends."""
    served = Served()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.connections += 1
        await talk(served, reader, writer)

    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / "server.pem")
    async with listening_on_loopback(serve, tls=context) as served.port:
        yield served


async def read_head(served: Served, reader: asyncio.StreamReader) -> int:
    """Reads and notes a head; returns how long the body is."""
    head = await reader.readuntil(b"\r\n\r\n")
    served.heads.append(head)
    lines = head.lower().splitlines()
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)


async def read_request(served: Served, reader: asyncio.StreamReader) -> None:
    """Reads a request whole."""
    await reader.readexactly(await read_head(served, reader))


def answering(*answers: bytes) -> Reply:
    """Gives these answers, one a request, on each connection; then hangs up."""

    async def talk(
        served: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for answer in answers:
            await read_request(served, reader)
            writer.write(answer)
            await writer.drain()

    return talk


def proxying(target: Callable[[], Served], *, refusal: bytes = b"") -> Reply:
    """A proxy that takes every CONNECT, whatever host it names, to one server."""

    async def talk(
        served: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_head(served, reader)
        if refusal:
            writer.write(refusal)
            await writer.drain()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target().port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        finally:
            far_writer.close()

    return talk


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
