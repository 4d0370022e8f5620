"""Answers, odd ones too, become replies and faults."""

import gzip
from codecs import BOM_UTF8

import pytest

from kvsctl.model import Failure, Identity
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.faults import FaultKind
from kvsctl.service.reply import AllDone, Reply
from tests.service.client.asking import DONE, OK, TOKEN, ask, ask_wire
from tests.service.networks import Network
from tests.service.wires import App, response, sending


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
