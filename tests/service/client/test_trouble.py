"""Proxies that refuse, and requests that get no answer."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from kvsctl.service import interpret
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.transport.carrier import CarrierError, ProxyRefused, Untrusted
from kvsctl.service.transport.httpx_carrier import HttpxCarrier
from tests.service.client.asking import (
    DONE,
    TOKEN,
    URL,
    ask,
    ask_wire,
    call,
)
from tests.service.networks import Network
from tests.service.wires import App, Behaviour, listening, response, sending, silent


class TestProxies:
    """A proxy for http answers in place of the target."""

    def ask(
        self, network: Network, monkeypatch: pytest.MonkeyPatch, answering: bytes
    ) -> tuple[Fault, str]:
        async def work() -> tuple[Fault, str]:
            async with listening(sending(answering)) as wire:
                monkeypatch.setenv("http_proxy", wire.url)
                for name in ("no_proxy", "NO_PROXY"):
                    monkeypatch.delenv(name, raising=False)
                fault = (await call(network.carrier("http://kvs.test/"))).fault
                assert fault is not None
                return fault, f"127.0.0.1:{wire.port}"

        return network.run(work())

    @pytest.mark.parametrize(
        "status", ["407 Proxy Authentication Required", "403 Forbidden"], ids=["407", "403"]
    )
    def test_a_refusal_by_the_proxy_names_it(
        self, network: Network, monkeypatch: pytest.MonkeyPatch, status: str
    ) -> None:
        answering = response(status, b"<html>no</html>")
        fault, proxy = self.ask(network, monkeypatch, answering)
        assert fault.kind is FaultKind.PROXY_REFUSED
        assert fault.message == f"the proxy {proxy} refused the request: HTTP {status}"

    def test_a_refusal_by_the_service_passes_through_it(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answering = response("403 Forbidden", b'{"code":"FORBIDDEN","message":"no"}')
        fault, _ = self.ask(network, monkeypatch, answering)
        assert (fault.kind, fault.message) == (FaultKind.FORBIDDEN, "no")

    def test_without_a_proxy_a_403_is_the_targets_and_a_407_is_not(self) -> None:
        faults = [ask(App([(status, {}, b"<html>")])).fault for status in (403, 407)]
        assert [fault and (fault.kind, fault.message) for fault in faults] == [
            (FaultKind.FORBIDDEN, "HTTP 403 Forbidden"),
            (
                FaultKind.PROXY_REFUSED,
                "the proxy before the target refused the request: "
                "HTTP 407 Proxy Authentication Required",
            ),
        ]

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (Untrusted("x" * 9_000), FaultKind.UNTRUSTED),
            (ProxyRefused("x" * 9_000), FaultKind.PROXY_REFUSED),
        ],
    )
    def test_an_error_that_no_retry_cures_has_a_kind_of_its_own(
        self, error: CarrierError, kind: FaultKind
    ) -> None:
        fault = interpret.fault_of(error, 30.0)
        assert (fault.kind, fault.code, len(fault.message)) == (kind, "UNREACHABLE", 500)
        assert not fault.may_be_applied


class TestTrouble:
    @pytest.mark.parametrize(
        "behave",
        [
            sending(b""),
            sending(b"", reset=True),
            sending(b"nonsense\r\n\r\n"),
            sending(b"HTTP/1.1 200 OK\r\ncontent-le"),
            sending(response("200 OK", DONE[:10], length=len(DONE))),
            sending(response("200 OK", DONE[:10], length=len(DONE)), reset=True),
            sending(b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"suc\r\n'),
            sending(response("200 OK", b"\x1f\x8bjunk", "content-encoding: gzip")),
        ],
        ids=["close", "reset", "nonsense", "head", "cut", "cut-reset", "chunk", "gzip"],
    )
    def test_a_connection_that_breaks_leaves_the_request_unanswered(
        self, behave: Behaviour, network: Network
    ) -> None:
        answer, wire = ask_wire(network, behave)
        assert answer.reply is None
        assert answer.fault is not None
        assert (answer.fault.kind, answer.fault.code) == (FaultKind.UNANSWERED, "CONNECTION_LOST")
        assert answer.fault.message
        assert (answer.status, answer.bytes_received) == (None, 0)
        assert answer.bytes_sent == len(b'[{"key":"a","value":1}]')
        assert answer.token == Secret(TOKEN)
        assert wire.connections == 1

    def test_an_html_error_page_counts_as_a_failure_of_the_service(self, network: Network) -> None:
        answer, _ = ask_wire(network, sending(response("502 Bad Gateway", b"<html>" * 100)))
        assert answer.fault is not None
        assert (answer.fault.kind, answer.fault.code) == (FaultKind.TROUBLED, "HTTP_502")

    @pytest.mark.parametrize(
        "behave",
        [silent, None],
        ids=["no-answer", "half-an-answer"],
    )
    def test_an_answer_that_takes_too_long_is_a_timeout(
        self, behave: Behaviour | None, network: Network
    ) -> None:
        async def half(writer: asyncio.StreamWriter) -> None:
            writer.write(response("200 OK", DONE[:10], length=len(DONE)))
            await silent(writer)

        answer, _ = ask_wire(network, behave or half, timeout_seconds=0.3)
        assert answer.fault is not None
        assert (answer.fault.kind, answer.fault.code) == (FaultKind.UNANSWERED, "TIMEOUT")
        assert answer.fault.message == "no answer within 0.3 s"

    def test_the_timeout_bounds_the_whole_request(self) -> None:
        """An answer that trickles never lets a single read time out."""

        class Trickle(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                return httpx.Response(200, content=self._slowly())

            async def _slowly(self) -> AsyncIterator[bytes]:
                for _ in range(200_000):  # the timeout of 0.1 s passes long before the end
                    yield b" "
                    await asyncio.sleep(0)

        answer = asyncio.run(call(HttpxCarrier(URL, Trickle(), 0.1), timeout_seconds=0.1))
        assert answer.fault is not None
        assert answer.fault.code == "TIMEOUT"

    def test_a_refused_connection_is_unreached(self, network: Network) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound but not listening, so connections are refused
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            answer = network.run(call(network.carrier(url)))
        assert answer.fault is not None
        assert (answer.fault.kind, answer.fault.code) == (FaultKind.UNREACHED, "UNREACHABLE")
        assert answer.fault.message
        assert answer.status is None

    def test_a_host_that_never_accepts_the_connection_is_unreached(self, network: Network) -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            address = full.getsockname()
            waiting = [socket.socket() for _ in range(3)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            url = f"http://127.0.0.1:{address[1]}"
            try:
                answer = network.run(call(network.carrier(url, 0.5)))
            finally:
                for one in waiting:
                    one.close()
        assert answer.fault is not None
        assert (answer.fault.kind, answer.fault.code) == (FaultKind.UNREACHED, "UNREACHABLE")

    @pytest.mark.parametrize(
        ("error", "kind", "code"),
        [
            (httpx.ConnectTimeout(""), "UNREACHED", "UNREACHABLE"),
            (httpx.ConnectError("no route"), "UNREACHED", "UNREACHABLE"),
            (httpx.ProxyError("407"), "UNREACHED", "UNREACHABLE"),
            (httpx.ReadTimeout(""), "UNANSWERED", "TIMEOUT"),
            (httpx.WriteTimeout(""), "UNANSWERED", "TIMEOUT"),
            (httpx.ReadError(""), "UNANSWERED", "CONNECTION_LOST"),
            (httpx.WriteError(""), "UNANSWERED", "CONNECTION_LOST"),
            (httpx.RemoteProtocolError("x" * 9_000), "UNANSWERED", "CONNECTION_LOST"),
            (httpx.UnsupportedProtocol("no"), "MISDIRECTED", "UNREACHABLE"),
            (ConnectionResetError("reset"), "UNANSWERED", "CONNECTION_LOST"),
            (TimeoutError(), "UNANSWERED", "TIMEOUT"),
        ],
        ids=lambda given: given if isinstance(given, str) else type(given).__name__,
    )
    def test_each_error_is_a_fault(self, error: Exception, kind: str, code: str) -> None:
        class Failing(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                raise error

        fault = asyncio.run(call(HttpxCarrier(URL, Failing(), 30.0))).fault
        assert fault is not None
        assert (fault.kind.name, fault.code) == (kind, code)
        assert 0 < len(fault.message) <= 500
