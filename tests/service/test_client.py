import asyncio
import gzip
import socket
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kvsctl.errors import CredentialsError
from kvsctl.model import Failure, Found, Identity, Record, Verb
from kvsctl.service import interpret
from kvsctl.service.auth.credentials import Credentials, Secret, TokenFile, bearer
from kvsctl.service.client import Answer, StoreClient
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.reply import AllDone, Reply
from kvsctl.service.transport.carrier import Carrier, CarrierError, ProxyRefused, Untrusted
from kvsctl.service.transport.httpx_carrier import HttpxCarrier
from kvsctl.service.transport.in_process import in_process
from kvsctl.service.wire import MetadataRequest
from tests.service.networks import Network
from tests.service.wires import App, Behaviour, Wire, listening, response, sending, silent

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
TOKEN = "s3cret-token"
DONE = b'{"successfulKeys":[{"key":"a"}],"failedKeys":[]}'
OK = (200, {"content-type": "application/json"}, DONE)
URL = "http://kvsctl.localhost/base/"


class Given:
    """A source that gives tokens in turn."""

    name = "test source"

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    def read(self) -> Secret:
        return Secret(self.tokens.pop(0))


def record(body: bytes = b'{"key":"a","value":1}', expires_at: float | None = None) -> Record:
    return Record(0, "f", 1, Identity(None, "a"), body, expires_at)


def service(carrier: Carrier, **given: Any) -> StoreClient:
    options: dict[str, Any] = {
        "credentials": Credentials(Given(TOKEN), bearer),
        "fixed_headers": {},
        "timeout_seconds": 30.0,
        "metadata": MetadataRequest(),
        "epoch": lambda: NOW,
    }
    return StoreClient(carrier, **(options | given))


def ask(app: App, *, verb: Verb = Verb.SET, **given: Any) -> Answer:
    """Make one call to an application in this process."""

    async def work() -> Answer:
        one = service(in_process(URL, app, 30.0), **given)
        try:
            return await one.call(verb, [record()])
        finally:
            await one.aclose()

    return asyncio.run(work())


def ask_wire(
    network: Network, behave: Behaviour, timeout_seconds: float = 30.0
) -> tuple[Answer, Wire]:
    """Make one call to a server that misbehaves."""

    async def work() -> tuple[Answer, Wire]:
        async with listening(behave) as wire:
            carrier = network.carrier(wire.url, timeout_seconds)
            one = service(carrier, timeout_seconds=timeout_seconds)
            try:
                return await one.call(Verb.SET, [record()]), wire
            finally:
                await one.aclose()

    return network.run(work())


class TestRequests:
    @pytest.mark.parametrize("verb", Verb)
    def test_one_call_is_one_post_to_the_verbs_endpoint(self, verb: Verb) -> None:
        app = App([(200, {}, b'{"successfulKeys":[],"failedKeys":[]}')])
        ask(app, verb=verb, fixed_headers={"forge-proxy-authorization": "Forge as=app"})
        assert app.paths == [f"POST /base/v1/batch/{verb.value}"]
        assert app.bodies == [b'[{"key":"a","value":1}]']
        (headers,) = app.headers
        assert headers["authorization"] == f"Bearer {TOKEN}"
        assert headers["content-type"] == headers["accept"] == "application/json"
        assert headers["forge-proxy-authorization"] == "Forge as=app"

    def test_requests_the_configured_metadata(self) -> None:
        body = b'{"successfulKeys":[{"key":"a","value":1.0,"createdAt":5}],"failedKeys":[]}'
        app = App([(200, {}, body)])
        answer = ask(app, verb=Verb.GET, metadata=MetadataRequest(created=True))
        assert b'"metadataFields":["CREATED_AT"]' in app.bodies[0]
        assert answer.reply == AllDone([Found(b"1.0", 5)])

    def test_carries_no_authorization_without_a_source(self) -> None:
        app = App([OK])
        answer = ask(app, credentials=Credentials(None, bearer))
        assert "authorization" not in app.headers[0]
        assert answer.token is None

    def test_a_request_to_this_machine_bypasses_the_proxy(
        self, monkeypatch: pytest.MonkeyPatch, network: Network
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        answer, _ = ask_wire(network, sending(response("200 OK", DONE)))
        assert answer.reply is not None

    def test_nothing_is_sent_if_the_source_gives_no_token(self, tmp_path: Path) -> None:
        app = App([OK])
        with pytest.raises(CredentialsError):
            ask(app, credentials=Credentials(TokenFile(tmp_path / "none"), bearer))
        assert app.paths == []

    def test_the_next_call_carries_the_renewed_token(self) -> None:
        app = App([(401, {}, b'{"code":"UNAUTHORIZED","message":"expired"}'), OK])

        async def work() -> tuple[Answer, bool, Answer]:
            one = service(
                in_process(URL, app, 30.0), credentials=Credentials(Given("x1", "x2"), bearer)
            )
            first = await one.call(Verb.SET, [record()])
            renewed = await one.renew(first.token)
            second = await one.call(Verb.SET, [record()])
            await one.aclose()
            return first, renewed, second

        first, renewed, second = asyncio.run(work())
        assert first.fault is not None
        assert first.fault.kind is FaultKind.UNAUTHORISED
        assert renewed
        assert second.reply is not None
        assert [headers["authorization"] for headers in app.headers] == ["Bearer x1", "Bearer x2"]


class TestAnswers:
    def test_a_reply_has_its_measurements(self) -> None:
        ticks = iter([10.0, 12.5])
        app = App([(200, {"X-B3-TraceId": "t1"}, DONE)])
        answer = ask(app, monotonic=lambda: next(ticks))
        assert answer.reply == AllDone()
        assert answer.fault is None
        assert (answer.status, answer.trace_id, answer.elapsed_seconds) == (200, "t1", 2.5)
        assert (answer.bytes_sent, answer.bytes_received) == (len(app.bodies[0]), len(DONE))
        assert answer.token == Secret(TOKEN)
        assert answer.headers == ()

    @pytest.mark.parametrize("name", ["x-b3-traceid", "x-trace-id", "atl-traceid"])
    def test_a_failed_key_carries_the_trace_id(self, name: str) -> None:
        body = (
            b'{"successfulKeys":[],"failedKeys":[{"key":"a","error":{"code":"X","message":"m"}}]}'
        )
        answer = ask(App([(200, {name: "t1"}, body)]))
        assert isinstance(answer.reply, Reply)
        assert answer.reply.failed == {Identity(None, "a"): Failure("X", "m", "t1")}

    @pytest.mark.parametrize(
        ("status", "body", "kind", "code", "message"),
        [
            (
                429,
                b'{"code":"RATE_LIMIT_EXCEEDED","message":"slow"}',
                "THROTTLED",
                "RATE_LIMIT_EXCEEDED",
                "slow",
            ),
            (429, b"", "THROTTLED", "HTTP_429", "HTTP 429 Too Many Requests"),
            (
                400,
                b'{"code":"KEY_DUPLICATION_ERROR","message":"k"}',
                "REFUSED",
                "KEY_DUPLICATION_ERROR",
                "k",
            ),
            (403, b"<html>", "FORBIDDEN", "HTTP_403", "HTTP 403 Forbidden"),
            (401, b"", "UNAUTHORISED", "HTTP_401", "HTTP 401 Unauthorized"),
            (
                502,
                b"<html><h1>Bad Gateway</h1></html>",
                "TROUBLED",
                "HTTP_502",
                "HTTP 502 Bad Gateway",
            ),
            (
                500,
                b'{"code":"INTERNAL_SERVER_ERROR","message":"x"}',
                "TROUBLED",
                "INTERNAL_SERVER_ERROR",
                "x",
            ),
            (204, b"", "MISDIRECTED", "HTTP_204", "HTTP 204 No Content"),
            (599, b"", "TROUBLED", "HTTP_599", "HTTP 599"),
        ],
        ids=range(9),
    )
    def test_a_refusal_is_a_fault(
        self, status: int, body: bytes, kind: str, code: str, message: str
    ) -> None:
        answer = ask(App([(status, {"x-trace-id": "t1", "retry-after": "7"}, body)]))
        assert answer.reply is None
        fault = answer.fault
        assert fault is not None
        assert (fault.kind.name, fault.code, fault.message) == (kind, code, message)
        assert (fault.status, fault.trace_id, fault.retry_after_seconds) == (status, "t1", 7.0)
        assert answer.status == status

    @pytest.mark.parametrize("body", [b"", b"<html>ok</html>", b"{}", b"[" * 100_000, DONE[:-1]])
    def test_a_200_with_an_unreadable_body_is_unanswered(self, body: bytes) -> None:
        answer = ask(App([(200, {"x-trace-id": "t1"}, body)]))
        assert answer.reply is None
        assert answer.fault is not None
        assert (answer.fault.kind, answer.fault.code) == (FaultKind.UNANSWERED, "UNREADABLE_ANSWER")
        assert answer.fault.message.startswith("cannot read the answer: ")
        assert answer.fault.trace_id == "t1"

    def test_headers_are_shown_on_request_with_secrets_hidden(self) -> None:
        app = App([(200, {"set-cookie": "s3cret", "x-more": "1"}, DONE)])
        fixed = {"forge-proxy-authorization": "Forge s3cret"}
        lines = ask(app, wants_headers=True, fixed_headers=fixed).headers
        assert lines[0] == "> host: kvsctl.localhost"
        assert "> authorization: …" in lines
        assert "> content-length: 23" in lines
        assert "> forge-proxy-authorization: …" in lines
        assert "< set-cookie: …" in lines
        assert "< x-more: 1" in lines
        assert "s3cret" not in "\n".join(lines)

    def test_no_repr_shows_the_token(self) -> None:
        assert "s3cret" not in repr(ask(App([OK])))


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed_and_gets_no_token(
        self, status: int, network: Network
    ) -> None:
        async def work() -> tuple[Answer, Wire, Wire]:
            async with listening(sending(response("200 OK", DONE))) as other:
                location = f"location: {other.url}/x?y"
                answering = sending(response(f"{status} Moved", b"", location))
                async with listening(answering) as wire:
                    one = service(network.carrier(wire.url))
                    answer = await one.call(Verb.SET, [record()])
                    await one.aclose()
                    return answer, wire, other

        answer, wire, other = network.run(work())
        assert (wire.connections, other.connections) == (1, 0)
        assert TOKEN.encode() in wire.requests[0]
        assert answer.fault is not None
        assert answer.fault.kind is FaultKind.MISDIRECTED
        assert answer.fault.message.endswith(
            ", a redirect to 127.0.0.1: redirects are not followed"
        )

    @pytest.mark.parametrize(
        ("status", "headers", "message"),
        [
            (302, {"location": "/login"}, "a redirect to another path"),
            (302, {}, "HTTP 302 Found"),
            (304, {}, "HTTP 304 Not Modified"),
            (300, {"location": "http://[::1/"}, "HTTP 300 Multiple Choices"),
            (302, {"location": "http://[::1/"}, "a redirect to an invalid URL"),
            (302, {"location": "http://user:s3cret@other.test/"}, "a redirect to other.test"),
        ],
    )
    def test_any_redirect_is_reported(
        self, status: int, headers: dict[str, str], message: str
    ) -> None:
        fault = ask(App([(status, headers, b"")])).fault
        assert fault is not None
        assert fault.kind is FaultKind.MISDIRECTED
        assert message in fault.message
        assert "s3cret" not in fault.message


class TestOddAnswers:
    """What edges and proxies do to an answer, over every carrier."""

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (gzip.compress(DONE, mtime=0), ["Content-Encoding: gzip"]),
            (gzip.compress(DONE, mtime=0), ["Content-Encoding: GZIP"]),
            (DONE, ["Content-Encoding: Identity"]),
            (DONE, ["Content-Encoding: "]),
            (BOM_UTF8 + DONE, []),
            (gzip.compress(BOM_UTF8 + DONE, mtime=0), ["Content-Encoding: gzip"]),
        ],
        ids=["gzip", "GZIP", "Identity", "empty", "bom", "gzip-bom"],
    )
    def test_are_read(self, network: Network, body: bytes, headers: list[str]) -> None:
        answer, _ = ask_wire(network, sending(response("200 OK", body, *headers)))
        assert (answer.reply, answer.fault) == (AllDone(), None)

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (gzip.compress(DONE, mtime=0), {"content-encoding": "gzip"}),
            (DONE, {"content-encoding": "Identity"}),
            (BOM_UTF8 + DONE, {}),
        ],
    )
    def test_are_read_in_this_process(self, body: bytes, headers: dict[str, str]) -> None:
        assert ask(App([(200, headers, body)])).reply == AllDone()

    def test_count_by_their_plain_size(self) -> None:
        app = App([(200, {"content-encoding": "gzip"}, gzip.compress(DONE, mtime=0))])
        assert ask(app).bytes_received == len(DONE)

    def test_a_compressed_refusal_is_read(self, network: Network) -> None:
        error = BOM_UTF8 + b'{"code":"INVALID_KEY","message":"no"}'
        answering = response("400 Bad Request", gzip.compress(error), "content-encoding: gzip")
        fault = ask_wire(network, sending(answering))[0].fault
        assert fault is not None
        assert (fault.kind, fault.code, fault.message) == (FaultKind.REFUSED, "INVALID_KEY", "no")

    def test_an_unknown_encoding_is_not_retried(self, network: Network) -> None:
        answering = sending(response("200 OK", b"junk", "content-encoding: br"))
        fault = ask_wire(network, answering)[0].fault
        assert fault is not None
        assert (fault.kind, fault.code) == (FaultKind.MISDIRECTED, "UNREADABLE_ANSWER")
        assert '"br"' in fault.message
        assert fault.may_be_applied

    def test_a_status_counts_whatever_the_encoding_of_its_body(self, network: Network) -> None:
        answering = sending(response("503 Busy", b"junk", "content-encoding: br"))
        fault = ask_wire(network, answering)[0].fault
        assert fault is not None
        assert (fault.kind, fault.code) == (FaultKind.TROUBLED, "HTTP_503")

    def test_another_protocol_is_not_retried(self, network: Network) -> None:
        answering = sending(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n")
        fault = ask_wire(network, answering)[0].fault
        assert fault is not None
        assert (fault.kind, fault.code) == (FaultKind.MISDIRECTED, "HTTP_101")
        assert fault.may_be_applied


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


async def call(carrier: Carrier, **given: Any) -> Answer:
    one = service(carrier, **given)
    try:
        return await one.call(Verb.SET, [record()])
    finally:
        await one.aclose()


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
