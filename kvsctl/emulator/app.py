"""The emulated service as a raw ASGI 3 application.

Every answer carries `x-b3-traceid` and `Date`; every answer that is no success has the body
`{code, message}` (the contract's sections "Endpoints" and "Limits").
"""

import logging
import random
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kvsctl.emulator.callers import installation_of
from kvsctl.emulator.clock import Clock, http_date
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.refusals import Refusal
from kvsctl.emulator.routes import ROUTES, Route
from kvsctl.emulator.service import Call, Service
from kvsctl.emulator.store import Store
from kvsctl.emulator.wire import Answer, refusal_answer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

DRAINED_BYTES = 64_000_000
log = logging.getLogger(__name__)


class Emulator:
    """The service around one store. It answers `http` and `lifespan` scopes.

    A server tells it by lifespan when to close; whoever calls it in the process closes it.
    """

    def __init__(self, options: EmulatorOptions, store: Store, clock: Clock | None = None) -> None:
        self.options = options
        self.store = store
        self.clock = clock or Clock()
        self.service = Service(options, store, self.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow a server's start and stop."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise ValueError(f"no {scope['type']} here")

    def close(self) -> None:
        """Finish what was begun and close the store. Closing twice is harmless."""
        self.store.close()

    async def aclose(self) -> None:
        """`close`, for callers in a coroutine; it takes as long as the work in flight."""
        self.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        trace_id = headers.get(b"x-b3-traceid") or f"{random.getrandbits(64):016x}".encode()
        try:
            answer = await self._answer(scope, headers, receive)
        except Refusal as refusal:
            answer = refusal_answer(refusal)
        except Exception:
            log.exception("the emulator failed on %s", scope["path"])
            answer = refusal_answer(
                Refusal(500, "INTERNAL_SERVER_ERROR", "The emulator failed; this is a defect")
            )
        await self._send(answer, trace_id, send)

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        route = self._route(scope)
        installation = installation_of(headers, self.options)
        body = await read_body(receive, self.options.limits.batch_bytes, self.options)
        call = Call(installation, body, self.clock.now_ms())
        return await self.store.run(lambda: self._run(route, call))

    def _route(self, scope: Scope) -> Route:
        route = ROUTES.get(scope["path"])
        if route is None:
            raise Refusal(403, "FORBIDDEN", "There is no such route, or you may not use it")
        if scope["method"] != "POST":
            raise Refusal(405, "METHOD_NOT_ALLOWED", "Use POST", {"allow": "POST"})
        return route

    def _run(self, route: Route, call: Call) -> Answer:
        if route.writes:
            return self.store.writing(lambda: self._write(route, call))
        return route.run(self.service, call)

    def _write(self, route: Route, call: Call) -> Answer:
        self.service.purge(call.now_ms)
        return route.run(self.service, call)

    async def _send(self, answer: Answer, trace_id: bytes, send: Send) -> None:
        headers = [
            (b"date", http_date(self.clock.now_ms()).encode()),
            (b"x-b3-traceid", trace_id),
            (b"content-length", str(len(answer.body)).encode()),
        ]
        if answer.body:
            headers.append((b"content-type", answer.content_type.encode()))
        headers += [(name.encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


async def read_body(receive: Receive, limit: int, options: EmulatorOptions) -> bytes:
    """The whole body; past `limit` bytes it is read to its end, dropped and refused."""
    message = await receive()
    body: bytes = message.get("body", b"")
    size = len(body)
    parts = [body]
    while message.get("more_body", False):
        message = await receive()
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
