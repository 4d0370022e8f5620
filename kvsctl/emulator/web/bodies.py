"""Read request bodies: whole and bounded in size, or in parts."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.refusals import ConnectionLost, Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

DRAINED_BYTES = 64_000_000


async def read_body(receive: Receive, limit: int, options: EmulatorOptions) -> bytes:
    """Return the whole request body.

    Raise Refusal if it is larger than `limit` bytes, after reading and dropping the rest, up to
    64 MB in all. Raise ConnectionLost if the caller leaves before the end of the body.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    size = len(body)
    parts = [body]
    while message.get("more_body"):
        message = await _received(receive)
        body = message.get("body", b"")
        size += len(body)
        if size <= limit:
            parts.append(body)
        elif size > DRAINED_BYTES:
            break
    if size > limit:
        raise Refusal(
            options.payload_status, "PAYLOAD_TOO_LARGE", f"The request is larger than {limit} bytes"
        )
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _received(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ConnectionLost("by the caller, before the request was complete")
    return message


async def parts_of(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the parts of a request body as they arrive.

    Raise ConnectionLost if the caller leaves before the end of the body.
    """
    more = True
    while more:
        message = await _received(receive)
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def drain(parts: AsyncIterator[bytes]) -> None:
    """Read and drop the rest of a body, up to 64 MB, so that the caller can read the refusal."""
    size = 0
    async for part in parts:
        size += len(part)
        if size > DRAINED_BYTES:
            break
