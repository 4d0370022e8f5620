"""A carrier to an application in this process. It avoids httpx, which is slow to import."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from kvsctl.errors import KvsctlError
from kvsctl.service.transport.carrier import (
    Carrier,
    CarrierAnswer,
    CarrierError,
    Method,
    TooSlow,
    Unanswered,
    headers_of,
    joined_headers,
)
from kvsctl.service.transport.deadlines import Deadlines
from kvsctl.unexpected import explained, is_shortage

AsgiApp: TypeAlias = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]

_CLIENT: Final = ("127.0.0.1", 0)


def in_process(url: str, app: AsgiApp, timeout_seconds: float) -> Carrier:
    """Return a carrier to an ASGI application in this process, without any network.

    An exception in the application raises Unanswered, as if a server had hung up. A KvsctlError is
    raised as it is, because no retry helps. If memory or another resource of this process runs out,
    StreamError is raised, because the application has no other.
    """
    return _InProcess(url, app, timeout_seconds)


class _InProcess:
    """A Carrier to an ASGI application."""

    def __init__(self, url: str, app: AsgiApp, timeout_seconds: float) -> None:
        parts = urlsplit(url)
        self._app = app
        self._host = parts.netloc
        self._base_path = parts.path.rstrip("/")
        self._deadlines = Deadlines(timeout_seconds)
        self._sent: Mapping[str, str] = {}
        self._scopes: dict[tuple[Method, str], dict[str, Any]] = {}
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": parts.scheme,
            "root_path": "",
            "server": (parts.hostname, parts.port),
            "client": _CLIENT,
        }

    @property
    def host(self) -> str:
        """See Carrier."""
        return self._host

    @property
    def proxy(self) -> None:
        """See Carrier."""

    async def request(
        self, method: Method, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> CarrierAnswer:
        """See Carrier."""
        exchange = _Exchange(body or b"")
        scope = self._scope_of(method, path, headers, body)
        try:
            with self._deadlines.begin():
                await self._app(scope, exchange.receive, exchange.send)
        except TimeoutError:
            raise TooSlow from None
        except (CarrierError, KvsctlError):
            raise
        except Exception as error:
            if is_shortage(error):
                raise explained(error) from error
            raise Unanswered(f"the application raised {type(error).__name__}") from error
        return exchange.answer()

    async def aclose(self) -> None:
        """See Carrier. The application stays open."""
        self._deadlines.close()

    def _scope_of(
        self, method: Method, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> dict[str, Any]:
        if headers is not self._sent:  # the same mapping has the same content: see Carrier
            self._sent = headers
            self._scopes.clear()
        scope = self._scopes.get((method, path))
        if scope is None:
            scope = self._scopes[method, path] = self._bodiless_scope(method, path, headers)
        lines = list(scope["headers"])
        if body is not None:
            lines.append((b"content-length", b"%d" % len(body)))
        return scope | {"headers": lines}

    def _bodiless_scope(
        self, method: Method, path: str, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        raw_path, _, query = f"{self._base_path}{path}".partition("?")
        sent = headers_of(method, headers)
        lines = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
        return self._scope | {
            "method": method,
            "path": unquote(raw_path),
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "headers": [*lines, (b"host", self._host.encode())],
        }


class _Exchange:
    """One request as the application receives it, and the answer that it has sent."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._head: MutableMapping[str, Any] | None = None
        self._chunks: list[bytes] = []
        self._is_whole = False

    async def receive(self) -> MutableMapping[str, Any]:
        body, self._body = self._body, None
        if body is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._head = message
        elif message["type"] == "http.response.body":
            self._chunks.append(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)

    def answer(self) -> CarrierAnswer:
        """Return the answer. Raise Unanswered unless it is whole."""
        if self._head is None or not self._is_whole:
            raise Unanswered("the application returned without a whole answer")
        headers = joined_headers(list(self._head.get("headers", ())))
        return CarrierAnswer(self._head["status"], headers, b"".join(self._chunks))
