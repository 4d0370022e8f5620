"""A client of an emulator in this process, through httpx like any HTTP client."""

import asyncio
from collections.abc import Callable
from json import dumps
from pathlib import Path
from typing import Any

import httpx

from kvsctl.emulator import Emulator, EmulatorOptions, embedded
from kvsctl.emulator.clock import Clock

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


class FakeTime:
    """A time source that stands still until a test moves it."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)


class EmulatorClient:
    """A synchronous client of one emulator."""

    def __init__(self, emulator: Emulator, time: FakeTime) -> None:
        self.emulator = emulator
        self.time = time

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        address: tuple[str, int] = ("127.0.0.1", 123),
    ) -> httpx.Response:
        if content is None and json is not None:
            content = dumps(json).encode()

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.emulator, client=address)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                return await http.request(method, path, content=content, headers=headers)

        return asyncio.run(send())

    def post(self, path: str, json: Any = None, **kwargs: Any) -> httpx.Response:
        return self.request("POST", path, json=json, **kwargs)

    def ok(self, path: str, json: Any, **kwargs: Any) -> Any:
        """Send a POST that must succeed, and return the JSON of its response."""
        response = self.post(path, json, **kwargs)
        assert 200 <= response.status_code < 300, response.text
        return response.json() if response.content else None

    def refused(self, path: str, json: Any, **kwargs: Any) -> tuple[int, str]:
        """Send a POST that must be refused, and return the status and the error code."""
        response = self.post(path, json, **kwargs)
        body = response.json()
        assert set(body) == {"code", "message"}, body
        return response.status_code, body["code"]


OpenClient = Callable[..., EmulatorClient]


def emulator_client(path: Path | str = ":memory:", **options: Any) -> EmulatorClient:
    time = FakeTime()
    return EmulatorClient(embedded(path, EmulatorOptions(**options), Clock(time)), time)
