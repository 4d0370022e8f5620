"""The emulated service as an ASGI 3 application without a framework.

Every response has the headers `x-b3-traceid` and `Date`. Every response that is not a success has
the body `{code, message}` (contract: sections "Endpoints" and "Limits").
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING

from kvsctl.emulator.callers import bearer_of, bound_installation, installation_of, lister_of
from kvsctl.emulator.clock import Clock, date_header
from kvsctl.emulator.operations.service import Call, Service
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.refusals import ConnectionLost, DatabaseFailed, Refusal
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.web.bodies import Receive, Scope, Send, read_body
from kvsctl.emulator.web.routes import (
    ADMIN_PREFIX,
    HEALTH_PATH,
    INSTALLATION_PATHS,
    LISTING,
    ROUTES,
    UNWATCHED_PATHS,
    Route,
)
from kvsctl.emulator.wire import JSON_TYPE, Response, refusal_response

if TYPE_CHECKING:
    # Imported at run time only if needed: every command imports this module.
    from kvsctl.emulator.page.messages import Entry
    from kvsctl.emulator.page.recent import RecentRequests
    from kvsctl.emulator.switches.fault_spec import FaultPlan
    from kvsctl.emulator.switches.faults import Draw, Faults
    from kvsctl.emulator.switches.quota import Cost, Quota

log = logging.getLogger(__name__)

# Read once: the operating system's random source is slow enough to delay every request.
_TRACE_IDS = itertools.count(int.from_bytes(os.urandom(8)))


class Emulator:
    """The service on one store, as an ASGI app for `http` and `lifespan` scopes.

    It closes itself when a server's lifespan ends. A caller in the same process must close it.
    """

    def __init__(self, options: EmulatorOptions, store: Store, clock: Clock | None = None) -> None:
        self.options = options
        self.store = store
        self.clock = clock or Clock()
        self.service = Service(options, store, self.clock)
        self.quota: Quota | None = None
        if options.quota is not None:
            from kvsctl.emulator.switches.quota import Quota
            from kvsctl.emulator.switches.traffic import Traffic

            self.quota, self.traffic = Quota(options.quota), Traffic()
        self.faults: Faults | None = None
        self.statuses: dict[int, int] = {}
        self.recent: RecentRequests | None = None
        """The last requests, if a server keeps them for its page."""
        self.arm(options.faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or a server's lifespan. Raise ValueError for any other scope."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise ValueError(f"unsupported ASGI scope: {scope['type']}")

    def close(self) -> None:
        """Finish the work in flight, then close the store. Closing twice is harmless."""
        self.store.close()

    async def aclose(self) -> None:
        """Like `close`, for coroutines. It blocks until the work in flight is finished."""
        self.close()

    async def refuse(self, refusal: Refusal, send: Send) -> None:
        """Send a refusal without handling the request."""
        await self._send(refusal_response(refusal), _trace_id(), send)

    def refusal_message(self, refusal: Refusal) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Return the headers and the body of a refusal, for a server that sends it itself."""
        answer = refusal_response(refusal)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        return self._headers(answer, _trace_id()), answer.body

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.close()
        await send({"type": "lifespan.shutdown.complete"})

    def arm(self, plan: FaultPlan | None) -> None:
        """Inject these faults from now on, with counts starting at 0; None for no faults."""
        self.faults = None
        if plan is not None:
            from kvsctl.emulator.switches.faults import Faults

            self.faults = Faults(plan)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        trace_id = headers.get(b"x-b3-traceid") or _trace_id()
        path, method = scope["path"], scope["method"]
        entry, draw = self._begin_entry(method, path), None
        try:
            if (route := ROUTES.get(path)) is not None and method == "POST":
                draw = self._draw(route.name)
                answer = await self._operate(route, headers, receive, draw, entry)
            elif path in INSTALLATION_PATHS and method == "GET":
                draw = self._draw(LISTING)
                answer = await self._list(scope, headers, draw, entry)
            else:
                # Not at the top: embedded targets need none of it.
                from kvsctl.emulator.web.beside import answer_beside

                answer = await answer_beside(self, scope, headers, receive)
        except Refusal as refusal:
            answer = refusal_response(refusal)
        except (ConnectionLost, DatabaseFailed, MemoryError):
            self._end_entry(entry, None, draw)
            raise
        except Exception as error:
            wants_trace = log.isEnabledFor(logging.DEBUG)
            name = type(error).__name__
            log.error(
                "the emulator failed on %s: %s", shown_path(scope), name, exc_info=wants_trace
            )
            answer = refusal_response(
                Refusal(
                    500, "INTERNAL_SERVER_ERROR", "Internal error: this is a defect of the emulator"
                )
            )
        if path != HEALTH_PATH:  # regular health checks would distort the counts of a test
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        self._end_entry(entry, answer, draw)
        is_cut = draw is not None and draw.kind == "cut"
        await self._send(answer, trace_id, send, cut=is_cut)

    def _begin_entry(self, method: str, path: str) -> Entry | None:
        if self.recent is None or path in UNWATCHED_PATHS or path.startswith(ADMIN_PREFIX):
            return None
        return self.recent.begin(method, path, self.clock.now_ms())

    def _end_entry(self, entry: Entry | None, answer: Response | None, draw: Draw | None) -> None:
        if self.recent is not None and entry is not None:
            self.recent.end(entry, answer, () if draw is None else draw.names)

    def _draw(self, route: str) -> Draw | None:
        return None if self.faults is None else self.faults.draw(route)

    async def _operate(
        self,
        route: Route,
        headers: dict[bytes, bytes],
        receive: Receive,
        draw: Draw | None,
        entry: Entry | None,
    ) -> Response:
        installation = installation_of(headers, self.options)
        if entry is not None:
            entry.installation = installation
        if self.faults is not None:
            if entry is not None and installation in self.faults.plan.refuse_installation:
                entry.faults.append("refuse-installation")
            self.faults.check_installation(installation)
        limits = self.options.limits
        limit = limits.batch_bytes if route.name != "transaction" else limits.transaction_bytes
        if self.faults is not None and draw is not None:
            self.faults.check_token(bearer_of(headers), self.clock.now_ms())
            if draw.latency_seconds:
                await self.faults.sleep(draw.latency_seconds)
            limit = min(limit, draw.plan.payload_limit or limit)
        body = await read_body(receive, limit, self.options)
        now_ms = self.clock.now_ms()
        if draw is not None:
            draw.before(now_ms)
            if (instead := draw.instead()) is not None:
                return instead
        call = Call(installation, body, now_ms, draw)
        if self.quota is None and entry is None:
            answer = await self._run(route, call)
        else:
            answer = await self._charged(route, call, entry)
        return answer if draw is None else draw.after(answer)

    async def _charged(self, route: Route, call: Call, entry: Entry | None) -> Response:
        """Run an operation within the quota, if there is one, and record its units."""
        cost: Cost = "read" if route.cost == "read" else "write"
        units = 1 if cost == "read" else self._units(len(call.body))
        if route.cost == "delete" and self.options.delete_cost != "size":
            units = 0 if self.options.delete_cost == "free" else _keys_in(call.body)
        if self.quota is not None:
            is_batch = route.name.startswith("batch/")
            self.quota.admit(call.installation, cost, units, call.now_ms, is_batch=is_batch)
        spent = units if self.options.refused_cost == "size" else 0
        try:
            self._count_traffic(route, call)
            answer = await self._run(route, call)
            spent = self._units(len(answer.body)) if cost == "read" else units
            self._count_traffic(route, call, answer.body)
        finally:
            if self.quota is not None:
                self.quota.adjust(call.installation, cost, spent - units, self.clock.now_ms())
            if entry is not None:
                entry.cost, entry.units = cost, spent
        return answer

    def _count_traffic(self, route: Route, call: Call, answer: bytes | None = None) -> None:
        """Count the bytes of a write before it runs, or of a read's answer. Raise Refusal (429)."""
        if self.quota is None or (answer is None) != (route.cost == "write"):
            return
        place = (call.installation, route.name, call.body)
        if answer is None:
            wait_ms = self.traffic.wait_to_write(*place, call.now_ms)
        else:
            wait_ms = self.traffic.wait_to_read(*place, answer, call.now_ms)
        self.quota.check_traffic(call.now_ms, wait_ms)

    def _units(self, size: int) -> int:
        return max(1, -(-size // self.options.limits.unit_bytes))

    async def _list(
        self, scope: Scope, headers: dict[bytes, bytes], draw: Draw | None, entry: Entry | None
    ) -> Response:
        """Answer with a part of the list of installations."""
        from kvsctl.emulator.operations.installations import list_installations

        caller = lister_of(headers, self.options)
        if entry is not None:
            entry.installation = caller
        only, now_ms = bound_installation(headers, self.options), self.clock.now_ms()
        if self.faults is not None and draw is not None:
            if draw.latency_seconds:
                await self.faults.sleep(draw.latency_seconds)
            draw.before(now_ms)
            if (instead := draw.instead()) is not None:
                return instead
        if self.quota is not None:
            self.quota.admit_listing(now_ms)
        query, plain = scope.get("query_string", b""), "/v0/" in scope["path"]
        answer = await self.store.run(
            lambda: list_installations(self.service, query, only, plain=plain)
        )
        return answer if draw is None else draw.after(answer)

    def _run(self, route: Route, call: Call) -> Awaitable[Response]:
        if route.writes:
            return self.store.run(lambda: self._write(route, call), writes=True)
        return self.store.run(partial(route.run, self.service, call))

    def _write(self, route: Route, call: Call) -> Response:
        self.service.purge(call.now_ms)
        return route.run(self.service, call)

    async def _send(
        self, answer: Response, trace_id: bytes, send: Send, *, cut: bool = False
    ) -> None:
        headers = self._headers(answer, trace_id)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.parts is not None:
            async with contextlib.aclosing(answer.parts) as parts:
                async for part in parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        if cut:
            half = answer.body[: len(answer.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            raise ConnectionLost("by a fault, in the middle of the response", gently=True)
        await send({"type": "http.response.body", "body": answer.body})

    def _headers(self, answer: Response, trace_id: bytes) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"date", date_header(self.clock.now_ms())),
            (b"x-b3-traceid", trace_id),
        ]
        if answer.parts is None:
            headers.append((b"content-length", b"%d" % len(answer.body)))
        has_type = answer.body or answer.parts is not None or answer.content_type != JSON_TYPE
        if has_type:
            headers.append((b"content-type", answer.content_type.encode()))
        if answer.headers:
            headers += [(name.encode(), value.encode()) for name, value in answer.headers]
        return headers


def _keys_in(body: bytes) -> int:
    """Return how many keys a request names: the items of a batch, or one."""
    try:
        items = json.loads(body)
    except (ValueError, RecursionError):
        return 1
    return max(1, len(items)) if isinstance(items, list) else 1


def shown_path(scope: Scope) -> str:
    """Return the path of a request for a log line.

    It is as the caller sent it, percent-encoded; all but visible ASCII characters are escaped.
    """
    path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "backslashreplace")
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E else f"\\x{byte:02x}" for byte in path)


def _trace_id() -> bytes:
    return b"%016x" % (next(_TRACE_IDS) % 2**64)
