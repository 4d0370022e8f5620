"""Clients that share connections."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

import pytest

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
    """Return what each of so many clients was answered, each asking so many times at once."""

    async def ask(carriers: SharedCarriers, name: str) -> list[bytes]:
        carrier = carriers.carrier(url, 30.0)
        headers = {_HEADER.decode(): name}
        asking = [carrier.request("POST", "/x", headers, b"{}") for _ in range(times)]
        answers = await asyncio.gather(*asking)
        await carrier.aclose()
        return [answer.body for answer in answers]

    async def work() -> list[bytes]:
        carriers = SharedCarriers(clients, most_in_flight)
        try:
            names = [f"i{number}" for number in range(clients)]
            answered = await asyncio.gather(*(ask(carriers, name) for name in names))
            return [body for bodies in answered for body in bodies]
        finally:
            await carriers.aclose()

    return asyncio.run(work())


@pytest.mark.parametrize(("most_in_flight", "total"), [(4, 10), (20, 18), (64, 64)])
def test_each_client_sends_its_own_headers_over_connections_of_all(
    most_in_flight: int, total: int
) -> None:
    server = _Server()
    with served(server) as url:
        answers = _asked(url, clients=8, times=25, most_in_flight=most_in_flight)
    assert answers == [f"i{number}".encode() for number in range(8) for _ in range(25)]
    assert len(server.connections) <= total
    assert server.most_in_flight <= total


def test_a_client_alone_sends_as_many_at_a_time_as_it_may() -> None:
    server = _Server()

    async def work(url: str) -> None:
        carriers = SharedCarriers(1, 4)
        carrier = carriers.carrier(url, 30.0)
        headers = {_HEADER.decode(): "a"}
        await asyncio.gather(*(carrier.request("POST", "/x", headers, b"{}") for _ in range(40)))
        await carrier.aclose()

    with served(server) as url:
        asyncio.run(work(url))
    assert len(server.connections) == server.most_in_flight == 4


def test_a_client_that_leaves_closes_no_connection_of_another() -> None:
    server = _Server()

    async def work(url: str) -> None:
        carriers = SharedCarriers(2)
        first, second = carriers.carrier(url, 30.0), carriers.carrier(url, 30.0)
        assert first.host == second.host
        await first.request("POST", "/x", {_HEADER.decode(): "a"}, b"{}")
        await first.aclose()
        await second.request("POST", "/x", {_HEADER.decode(): "b"}, b"{}")
        await carriers.aclose()

    with served(server) as url:
        asyncio.run(work(url))
    assert len(server.connections) == 1


def test_the_connections_to_a_url_are_closed_with_its_last_client() -> None:
    """And so a client that comes later opens one."""
    server = _Server()

    async def work(url: str) -> None:
        carriers = SharedCarriers(2)
        for name in ("a", "b"):
            one, other = carriers.carrier(url, 30.0), carriers.carrier(url, 30.0)
            await one.request("POST", "/x", {_HEADER.decode(): name}, b"{}")
            for _ in range(2):
                await one.aclose()
            await other.request("POST", "/x", {_HEADER.decode(): name}, b"{}")
            await other.aclose()
        await carriers.aclose()

    with served(server) as url:
        asyncio.run(work(url))
    assert len(server.connections) == 2


def test_idle_connections_make_room_for_those_to_other_urls() -> None:
    open_now = most_open = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most_open
        open_now += 1
        most_open = max(most_open, open_now)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n{}")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        open_now -= 1
        writer.close()

    async def work() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        carriers = SharedCarriers(50, 40, most_connections=40)
        assert carriers.clients == 20
        clients = [carriers.carrier(f"{url}/{number}", 30.0) for number in range(20)]
        for _ in range(3):
            for client in clients:
                asking = (client.request("POST", "/x", {}, b"{}") for _ in range(15))
                await asyncio.gather(*asking)
        await carriers.aclose()
        server.close()

    asyncio.run(work())
    # A closed connection leaves when the loop turns: up to a burst of them is still there.
    assert most_open <= 40 + 15
