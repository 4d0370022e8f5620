"""Clients that share connections."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kvsctl.service.transport.shared import SharedCarriers
from tests.support.commands.server import served

_HEADER = b"forge-proxy-authorization"


class _Server:
    """Answers with the installation of the request. Notes connections and requests in flight."""

    def __init__(self) -> None:
        self.connections: set[Any] = set()
        self.in_flight = self.most_in_flight = 0

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        self.connections.add(scope["client"])
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await receive()
        await asyncio.sleep(0.001)
        self.in_flight -= 1
        body = dict(scope["headers"])[_HEADER]
        head = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})


def _asked(url: str, clients: int, times: int, most_in_flight: int) -> list[bytes]:
    """Return what each of so many clients was answered, each asking so many times in turn."""

    async def ask(carriers: SharedCarriers, name: str) -> list[bytes]:
        carrier = carriers.carrier(url, 30.0)
        headers = {_HEADER.decode(): name}
        answers = [await carrier.request("POST", "/x", headers, b"{}") for _ in range(times)]
        await carrier.aclose()
        return [answer.body for answer in answers]

    async def work() -> list[bytes]:
        carriers = SharedCarriers(most_in_flight)
        try:
            names = [f"i{number}" for number in range(clients)]
            answered = await asyncio.gather(*(ask(carriers, name) for name in names))
            return [body for bodies in answered for body in bodies]
        finally:
            await carriers.aclose()

    return asyncio.run(work())


def test_each_client_sends_its_own_headers_over_connections_of_all() -> None:
    server = _Server()
    with served(server) as url:
        answers = _asked(url, clients=20, times=10, most_in_flight=4)
    assert answers == [f"i{number}".encode() for number in range(20) for _ in range(10)]
    assert len(server.connections) <= 4
    assert server.most_in_flight <= 4


def test_a_client_that_leaves_closes_no_connection_of_another() -> None:
    server = _Server()

    async def work(url: str) -> None:
        carriers = SharedCarriers()
        first, second = carriers.carrier(url, 30.0), carriers.carrier(url, 30.0)
        assert first.host == second.host
        await first.request("POST", "/x", {_HEADER.decode(): "a"}, b"{}")
        await first.aclose()
        await second.request("POST", "/x", {_HEADER.decode(): "b"}, b"{}")
        await carriers.aclose()

    with served(server) as url:
        asyncio.run(work(url))
    assert len(server.connections) == 1
