"""A server that keeps connections open, with or without TLS, and a proxy: both on loopback."""

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
    """What a server has received. `heads` are the heads of its requests in order of arrival."""

    port: int = 0
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        """Return the URL of the server under this host name."""
        return f"{scheme}://{host}:{self.port}"


@asynccontextmanager
async def serving(talk: Reply, *, tls: bool = False) -> AsyncIterator[Served]:
    """Call `talk` for each connection until the block ends."""
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
    """Read and note the head of a request; return the length of its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    served.heads.append(head)
    lines = head.lower().splitlines()
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)


async def read_request(served: Served, reader: asyncio.StreamReader) -> None:
    """Read a whole request."""
    await reader.readexactly(await read_head(served, reader))


def answering(*answers: bytes) -> Reply:
    """On each connection give these answers, one per request, then hang up."""

    async def talk(
        served: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for answer in answers:
            await read_request(served, reader)
            writer.write(answer)
            await writer.drain()

    return talk


def proxying(target: Callable[[], Served], *, refusal: bytes = b"") -> Reply:
    """Be a proxy that connects every CONNECT, whatever its host, to one server."""

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
