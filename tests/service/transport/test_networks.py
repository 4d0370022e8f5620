"""Connections and answers, over each carrier: a server on loopback that may misbehave."""

import asyncio
import socket
from typing import Any

import pytest

from kvsctl.service.transport import connection, httpx_carrier
from kvsctl.service.transport.carrier import (
    Carrier,
    CarrierAnswer,
    Unanswered,
    Unreached,
)
from tests.service.networks import DIRECT_NETWORKS, Network
from tests.service.serving import (
    Served,
    answering,
    read_head,
    read_request,
    serving,
)
from tests.service.transport.posting import OK, post, using
from tests.service.wires import response

pytestmark = pytest.mark.usefixtures("own_authority")


class TestConnections:
    def ask(self, network: Network, talk: Any, times: int) -> tuple[list[Any], Served]:
        """Send requests one after another; return their answers or errors."""

        async def work() -> tuple[list[Any], Served]:
            async with serving(talk) as served:

                async def all_of_them(carrier: Carrier) -> list[Any]:
                    ends: list[Any] = []
                    for _ in range(times):
                        ends += await asyncio.gather(post(carrier), return_exceptions=True)
                        for _ in range(20):  # time for the client to see what the server does next
                            await asyncio.sleep(0.001)
                    return ends

                return await using(network.carrier(served.url()), all_of_them), served

        return network.run(work())

    def test_a_connection_is_kept_for_the_next_request(self, network: Network) -> None:
        ends, served = self.ask(network, answering(OK, OK, OK), 3)
        assert [end.body for end in ends] == [b"{}"] * 3
        assert served.connections == 1

    def test_a_connection_closed_while_idle_is_not_reused(self, network: Network) -> None:
        ends, served = self.ask(network, answering(OK), 3)
        assert [end.status for end in ends] == [200] * 3
        assert (served.connections, len(served.heads)) == (3, 3)

    def test_a_connection_closed_by_its_answer_is_not_reused(self, network: Network) -> None:
        async def talk(served: Served, reader: Any, writer: Any) -> None:
            await read_request(served, reader)
            writer.write(response("200 OK", b"{}", "connection: close"))
            await asyncio.Event().wait()

        ends, served = self.ask(network, talk, 2)
        assert [end.status for end in ends] == [200] * 2
        assert served.connections == 2

    def test_a_request_that_met_a_closing_connection_is_never_repeated(
        self, network: Network
    ) -> None:
        async def talk(served: Served, reader: Any, writer: Any) -> None:
            await read_request(served, reader)
            writer.write(OK)
            await read_request(served, reader)  # and hangs up

        ends, served = self.ask(network, talk, 2)
        assert ends[0].status == 200
        assert isinstance(ends[1], Unanswered)
        assert (served.connections, len(served.heads)) == (1, 2)

    def test_unrequested_data_is_not_taken_for_an_answer(self, network: Network) -> None:
        async def talk(served: Served, reader: Any, writer: Any) -> None:
            await read_request(served, reader)
            writer.write(OK)
            await asyncio.sleep(0.005)
            writer.write(response("408 Request Timeout"))
            await asyncio.Event().wait()

        ends, served = self.ask(network, talk, 2)
        assert [end.status for end in ends] == [200, 200]
        assert served.connections == 2

    def test_concurrent_requests_have_a_connection_each(self, network: Network) -> None:
        async def work() -> int:
            async with serving(answering(OK, OK)) as served:

                async def at_once(carrier: Carrier) -> None:
                    for _ in range(2):
                        await asyncio.gather(*(post(carrier) for _ in range(20)))

                await using(network.carrier(served.url()), at_once)
                return served.connections

        assert network.run(work()) == 20

    def test_cancelling_a_request_closes_its_connection(self, network: Network) -> None:
        async def work() -> int:
            hung_up, arrived = asyncio.Event(), asyncio.Event()

            async def talk(served: Served, reader: Any, writer: Any) -> None:
                if served.connections > 1:
                    await answering(OK)(served, reader, writer)
                    return
                await read_request(served, reader)
                arrived.set()
                assert await reader.read() == b""
                hung_up.set()

            async with serving(talk) as served, asyncio.timeout(10):

                async def cancel_one(carrier: Carrier) -> None:
                    task = asyncio.create_task(post(carrier))
                    await arrived.wait()
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    await hung_up.wait()
                    assert (await post(carrier)).status == 200

                await using(network.carrier(served.url()), cancel_one)
                return served.connections

        assert network.run(work()) == 2


class TestAnswers:
    def ask(self, network: Network, talk: Any, body: bytes = b"[]") -> CarrierAnswer:
        async def work() -> CarrierAnswer:
            async with serving(talk) as served:
                carrier = network.carrier(served.url())
                return await using(carrier, lambda carrier: post(carrier, body))

        return network.run(work())

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n{}",
            b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
            b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n" + OK,
        ],
        ids=["chunked", "to-the-end", "http-1.0", "continue", "early-hints"],
    )
    def test_are_read_in_every_framing(self, network: Network, answer: bytes) -> None:
        said = self.ask(network, answering(answer))
        assert (said.status, said.body) == (200, b"{}")

    def test_carry_their_headers(self, network: Network) -> None:
        answer = response("200 OK", b"{}", "X-Trace-Id: t1", "x-more: 1", "X-More: 2")
        headers = self.ask(network, answering(answer)).headers
        assert headers["x-trace-id"] == "t1"
        assert headers["x-more"] == "1, 2"
        assert headers["content-length"] == "2"

    @pytest.mark.parametrize(
        "network", DIRECT_NETWORKS
    )  # httpx reads nothing before it has sent everything
    def test_an_answer_during_the_request_is_accepted(self, network: Network) -> None:
        async def talk(served: Served, reader: Any, writer: Any) -> None:
            await read_head(served, reader)
            writer.write(response("413 Content Too Large", b"", "connection: close"))
            await writer.drain()
            await reader.read(1000)
            await asyncio.Event().wait()

        assert self.ask(network, talk, b"x" * 30_000_000).status == 413

    def test_an_answer_that_is_too_large_is_refused(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (connection, httpx_carrier):
            monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1000)
            monkeypatch.setattr(module, "UNCOUNTED_BYTES", 500)
        fits = self.ask(network, answering(response("200 OK", b"x" * 1000)))
        assert len(fits.body) == 1000
        with pytest.raises(Unanswered, match="larger than 1,000 bytes"):
            self.ask(network, answering(response("200 OK", b"x" * 1001)))

    @pytest.mark.parametrize("hint", [b"100 Continue", b"103 Early Hints"])
    def test_an_answer_of_1xx_alone_is_not_an_answer(self, network: Network, hint: bytes) -> None:
        with pytest.raises(Unanswered):
            self.ask(network, answering(b"HTTP/1.1 %b\r\n\r\n" % hint))

    def test_an_endless_head_is_refused(self, network: Network) -> None:
        async def talk(served: Served, reader: Any, writer: Any) -> None:
            await read_request(served, reader)
            writer.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                writer.write(b"x-header: " + b"x" * 10_000 + b"\r\n")
                await writer.drain()

        with pytest.raises(Unanswered):
            self.ask(network, talk)


class TestReasons:
    """Why no connection was opened, in the words of the system. httpx has its own words."""

    @pytest.mark.parametrize("network", DIRECT_NETWORKS)
    @pytest.mark.parametrize(
        ("url", "proxy", "reason"),
        [
            ("http://127.0.0.1:{port}", "", "127.0.0.1:{port}: Connection refused"),
            ("http://kvs.test", "http://127.0.0.1:{port}", "proxy 127.0.0.1:{port}: Connection"),
            ("http://kvs.test", "", "kvs.test: "),
        ],
    )
    def test_the_host_that_was_not_reached_is_named(
        self, network: Network, monkeypatch: pytest.MonkeyPatch, url: str, proxy: str, reason: str
    ) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        if proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.format(port=port))
        with pytest.raises(Unreached) as caught:
            network.run(using(network.carrier(url.format(port=port)), post))
        assert str(caught.value).startswith(reason.format(port=port))
        assert "Errno" not in str(caught.value)
