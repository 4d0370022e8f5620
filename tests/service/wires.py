"""A server that misbehaves as a test wants, and an application that gives fixed answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.service.loopback import listening_on_loopback

Behaviour: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Wire:
    """A listening server. `requests` holds the received requests, heads and bodies."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def listening(behave: Behaviour) -> AsyncIterator[Wire]:
    """Serve one request per connection: read it whole, then call `behave`."""
    wire = Wire()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.connections += 1
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().splitlines()
            if line.startswith(b"content-length:")
        )
        wire.requests.append(head + await reader.readexactly(length))
        await behave(writer)

    async with listening_on_loopback(serve) as wire.port:
        yield wire


def sending(text: bytes, *, reset: bool = False) -> Behaviour:
    """Send `text` unchanged, then hang up: orderly, or with a reset."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        if reset:
            writer.transport.abort()

    return behave


async def silent(writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


def response(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """Return an HTTP response; `length` is the length that it claims for its body."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


@dataclass
class App:
    """An ASGI application that gives its answers in turn and notes its requests."""

    answers: list[tuple[int, dict[str, str], bytes]]
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> Awaitable[None]:
        return self._answer(scope, receive, send)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.paths.append(f"{scope['method']} {scope['path']}")
        self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        self.bodies.append(body)
        status, headers, content = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": content})
