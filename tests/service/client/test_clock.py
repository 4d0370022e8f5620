"""The service's clock, as its answers show it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kvsctl.model import Verb
from kvsctl.service.client import StoreClient
from kvsctl.service.transport.in_process import in_process
from tests.service.client.asking import (
    DONE,
    NOW,
    OK,
    URL,
    ask,
    record,
    service,
)
from tests.service.wires import App


class TestClock:
    def run(
        self, app: App, then: Callable[[StoreClient], Awaitable[Any]], *, calls: int = 1
    ) -> Any:
        async def work() -> Any:
            one = service(in_process(URL, app, 30.0))
            for _ in range(calls):
                await one.call(Verb.SET, [record()])
            try:
                return await then(one)
            finally:
                await one.aclose()

        return asyncio.run(work())

    @pytest.mark.parametrize(
        ("date", "offset"),
        [
            ("Thu, 01 Jan 2026 01:00:00 GMT", 3600.0),
            ("Wed, 31 Dec 2025 23:00:00 GMT", -3600.0),
            ("Thu, 01 Jan 2026 00:00:01 GMT", 0.0),
            ("Wed, 31 Dec 2025 23:59:59 GMT", 0.0),
            ("Thu, 01 Jan 2026 01:00:00 -0000", 3600.0),
            ("yesterday", 0.0),
            ("", 0.0),
            ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0.0),
        ],
    )
    def test_is_that_of_the_services_date_headers(self, date: str, offset: float) -> None:
        async def now(one: StoreClient) -> float:
            return one.now()

        assert self.run(App([(200, {"date": date}, DONE)]), now) == NOW + offset

    def test_follows_the_latest_answer_with_a_date(self) -> None:
        async def now(one: StoreClient) -> float:
            return one.now()

        ahead = (200, {"date": "Thu, 01 Jan 2026 01:00:00 GMT"}, DONE)
        level = (500, {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}, b"")
        assert self.run(App([ahead, OK]), now, calls=2) == NOW + 3600
        assert self.run(App([ahead, level]), now, calls=2) == NOW

    def test_counts_for_expiries(self) -> None:
        app = App([(200, {"date": "Thu, 01 Jan 2026 01:00:00 GMT"}, DONE)])

        async def send_expiring(one: StoreClient) -> None:
            await one.call(Verb.SET, [record(expires_at=NOW + 7200)])

        self.run(app, send_expiring)
        assert b'"options":{"ttl":{"value":3600,"unit":"SECONDS"}}' in app.bodies[1]

    def test_counts_for_dates_to_wait_for(self) -> None:
        headers = {
            "date": "Thu, 01 Jan 2026 01:00:00 GMT",
            "retry-after": "Thu, 01 Jan 2026 01:00:30 GMT",
        }
        fault = ask(App([(429, headers, b"")])).fault
        assert fault is not None
        assert fault.retry_after_seconds == 30.0
