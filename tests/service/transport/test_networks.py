"""Connections, answers, TLS and proxies: the same for every carrier over a network."""

import asyncio
import base64
import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import certifi
import pytest

from kvsctl.service.transport import connect, connection, httpx_carrier
from kvsctl.service.transport.carrier import (
    Carrier,
    CarrierAnswer,
    ProxyRefused,
    Unanswered,
    Unreached,
    Untrusted,
)
from tests.service.networks import DIRECT_NETWORKS, Network
from tests.service.serving import (
    CERTIFICATES,
    Served,
    answering,
    proxying,
    read_head,
    read_request,
    serving,
)
from tests.service.wires import response

_T = TypeVar("_T")
HEADERS = {"authorization": "Bearer s3cret", "content-type": "application/json"}
OK = response("200 OK", b"{}")


async def post(carrier: Carrier, body: bytes = b"[]") -> CarrierAnswer:
    return await carrier.request("POST", "/v1/batch/set", HEADERS, body)


async def using(carrier: Carrier, work: Callable[[Carrier], Awaitable[_T]]) -> _T:
    try:
        return await work(carrier)
    finally:
        await carrier.aclose()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "ca.pem"))


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


class TestTls:
    def ask(self, network: Network, host: str = "localhost") -> tuple[CarrierAnswer, Served]:
        async def work() -> tuple[CarrierAnswer, Served]:
            async with serving(answering(OK), tls=True) as served:
                answer = await using(network.carrier(served.url("https", host)), post)
                return answer, served

        return network.run(work())

    def test_a_private_authority_is_trusted_by_its_file(self, network: Network) -> None:
        answer, served = self.ask(network)
        assert answer.body == b"{}"
        assert b"authorization: bearer s3cret\r\n" in served.heads[0].lower()

    def test_an_unknown_authority_is_not_trusted(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        reason = r"^the certificate of localhost is not trusted: .* \(SSL_CERT_FILE can name the"
        with pytest.raises(Untrusted, match=reason):
            self.ask(network)

    def test_a_file_that_lacks_the_authority_is_named(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = certifi.where()
        monkeypatch.setenv("SSL_CERT_FILE", file)
        with pytest.raises(Untrusted, match=rf"\(SSL_CERT_FILE={file} does not hold its authority"):
            self.ask(network)

    def test_a_certificate_of_another_host_is_not_trusted(self, network: Network) -> None:
        with pytest.raises(Untrusted, match=r"of 127\.0\.0\.1 is not trusted: IP addr") as caught:
            self.ask(network, "127.0.0.1")
        assert "SSL_CERT_FILE" not in str(caught.value)

    def test_a_server_without_tls_is_unreached(self, network: Network) -> None:
        async def work() -> None:
            async with serving(answering(OK)) as served:
                await using(network.carrier(served.url("https", "localhost"), 0.4), post)

        with pytest.raises(Unreached):
            network.run(work())


class TestProxies:
    """The host is unknown to any resolver: if it is reached, then through the proxy."""

    URL = "https://kvs.test:8443/base"

    def ask(
        self,
        network: Network,
        monkeypatch: pytest.MonkeyPatch,
        *,
        refusal: bytes = b"",
        user: str = "",
    ) -> tuple[CarrierAnswer, Served, Served]:
        async def work() -> tuple[CarrierAnswer, Served, Served]:
            async with (
                serving(answering(OK), tls=True) as served,
                serving(proxying(lambda: served, refusal=refusal)) as proxy,
            ):
                monkeypatch.setenv("HTTPS_PROXY", proxy.url(host=f"{user}127.0.0.1"))
                answer = await using(network.carrier(self.URL), post)
                return answer, served, proxy

        return network.run(work())

    def test_https_goes_through_in_a_tunnel(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer, served, proxy = self.ask(network, monkeypatch)
        assert answer.body == b"{}"
        (head,) = proxy.heads
        assert head.startswith(b"CONNECT kvs.test:8443 HTTP/1.1\r\n")
        assert b"s3cret" not in head
        assert served.heads[0].startswith(b"POST /base/v1/batch/set HTTP/1.1\r\n")
        assert b"host: kvs.test:8443\r\n" in served.heads[0].lower()

    def test_a_proxy_receives_its_authorization(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, served, proxy = self.ask(network, monkeypatch, user="ann:p%40ss@")
        credentials = base64.b64encode(b"ann:p@ss")
        assert b"basic " + credentials.lower() in proxy.heads[0].lower()
        assert b"proxy-authorization" not in served.heads[0].lower()

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            ("407 Proxy Authentication Required", ProxyRefused),
            ("403 Forbidden", ProxyRefused),
            ("302 Found", ProxyRefused),
            ("429 Too Many Requests", Unreached),
            ("503 Service Unavailable", Unreached),
        ],
    )
    def test_a_proxy_that_refuses_leaves_the_target_unreached(
        self,
        network: Network,
        monkeypatch: pytest.MonkeyPatch,
        status: str,
        error: type[Unreached],
    ) -> None:
        named = rf"^the proxy 127\.0\.0\.1:\d+ refused to connect: HTTP {status}$"
        with pytest.raises(Unreached, match=named) as caught:
            self.ask(network, monkeypatch, refusal=response(status), user="ann:p4ss@")
        assert type(caught.value) is error
        assert "p4ss" not in str(caught.value)

    def test_a_proxy_that_does_not_answer_in_http_is_an_error(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # httpx does not say whose answer it was, so it may have been the target's.
        with pytest.raises(Unreached if network.is_direct else Unanswered):
            self.ask(network, monkeypatch, refusal=b"SSH-2.0-x\r\n\r\n")

    def test_http_is_requested_from_the_proxy_itself(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def work() -> bytes:
            async with serving(answering(OK)) as proxy:
                monkeypatch.setenv("HTTP_PROXY", proxy.url(host="ann:p@127.0.0.1"))
                await using(network.carrier("http://kvs.test/base"), post)
                return proxy.heads[0].lower()

        head = network.run(work())
        assert head.startswith(b"post http://kvs.test/base/v1/batch/set http/1.1\r\n")
        assert b"host: kvs.test\r\n" in head
        assert b"proxy-authorization: basic " in head

    def test_hosts_in_no_proxy_bypass_the_proxy(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NO_PROXY", "kvs.test")
        with pytest.raises(Unreached):
            self.ask(network, monkeypatch)


class TestAddresses:
    """A host with several addresses, the first of which does not work."""

    @pytest.fixture(autouse=True)
    def quick_stagger(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connect, "_STAGGER_SECONDS", 0.01)

    def reach(self, monkeypatch: pytest.MonkeyPatch, first: Any) -> str:
        connected = connect._connect_to

        async def connected_family(
            family: int, kind: int, protocol: int, name: str, address: Any
        ) -> Any:
            if family == socket.AF_INET6:
                await first()
            return await connected(socket.AF_INET, kind, protocol, name, address[:2])

        async def work() -> str:
            async with serving(answering(OK)) as served:

                async def resolve(*_: Any, **__: Any) -> Any:
                    place = ("127.0.0.1", served.port)
                    six = (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", served.port, 0, 0))
                    return [six, six, (socket.AF_INET, socket.SOCK_STREAM, 0, "", place)]

                monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
                with await connect._connect("kvs.test", served.port) as reached:
                    return str(reached.getpeername()[0])

        monkeypatch.setattr(connect, "_connect_to", connected_family)
        return asyncio.run(work())

    def test_an_address_that_refuses_is_skipped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def refused() -> None:
            raise ConnectionRefusedError

        assert self.reach(monkeypatch, refused) == "127.0.0.1"

    def test_an_address_that_never_answers_is_not_waited_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def silent() -> None:
            await asyncio.Event().wait()

        assert self.reach(monkeypatch, silent) == "127.0.0.1"

    def test_if_no_address_accepts_the_first_error_is_raised(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def work() -> None:
            async def resolve(*_: Any, **__: Any) -> Any:
                return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))] * 2

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
            await connect._connect("kvs.test", 1)

        with pytest.raises(ConnectionRefusedError):
            asyncio.run(work())
