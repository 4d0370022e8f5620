"""A monitoring service: it keeps every signal that it is sent."""

from collections.abc import Sequence
from typing import Any


class Pinged:
    """An ASGI app. `signals` are path with query, and body, of each request, in their order.

    The first requests are answered with `statuses`, all others with 200.
    """

    def __init__(self, *statuses: int) -> None:
        self._statuses: list[int] = [*statuses]
        self.signals: list[tuple[str, str]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, is_whole = b"", False
        while not is_whole:
            message = await receive()
            body += message.get("body", b"")
            is_whole = not message.get("more_body")
        assert scope["method"] == "POST"
        query = scope["query_string"].decode()
        self.signals.append((scope["path"] + (f"?{query}" if query else ""), body.decode()))
        status = self._statuses.pop(0) if self._statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"OK"})

    @property
    def paths(self) -> Sequence[str]:
        return [path for path, _ in self.signals]
