"""Malformed, half-closed and unfinished requests, in bytes, with both HTTP parsers."""

import asyncio
import json
import logging
import random
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.emulator.web.bodies import Message
from kvsctl.emulator.web.guard import Guard
from kvsctl.emulator.web.serve import Running, ServeOptions, running
from tests.emulator.serving import exchange

SET = b'{"key":"a","value":1}'
GET = b'{"key":"a"}'


def request(path: str, body: bytes, *, said: int | None = None) -> bytes:
    """Return a POST in bytes. `said` is its Content-Length, by default the true one."""
    length = len(body) if said is None else said
    head = f"POST /v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + body


def answers(received: bytes) -> list[tuple[int, Any]]:
    """Return status and parsed body of each answer in these bytes, which must hold whole ones."""
    found: list[tuple[int, Any]] = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        assert "date" in headers
        assert "x-b3-traceid" in headers
        length = int(headers["content-length"])
        assert len(received) >= length
        body, received = received[:length], received[length:]
        found.append((int(lines[0].split(" ")[1]), json.loads(body) if body else None))
    return found


@pytest.fixture(scope="module", params=["auto", "h11"])
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(ServeOptions(port=0, http=request.param)) as opened:
        yield opened


@pytest.fixture(params=["auto", "h11"])
def hasty(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A server that waits for a request for a moment only."""
    faults = EmulatorOptions(faults=read_faults("latency-ms=600,only=query"))
    options = ServeOptions(port=0, http=request.param, request_seconds=0.3, emulator=faults)
    with running(options) as opened:
        yield opened


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/x\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET /v1/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v1/set HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/set HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    ],
)
def test_malformed_http_is_refused_as_json(
    server: Running, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    ((status, body),) = answers(exchange(server.url, sent))
    assert (status, body["code"]) == (400, "INVALID_REQUEST")
    assert set(body) == {"code", "message"}
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


@pytest.mark.parametrize("half_close", [False, True])
def test_a_request_that_is_refused_on_its_way_is_no_error_of_the_server(
    server: Running, half_close: bool, caplog: pytest.LogCaptureFixture
) -> None:
    chunked = b"POST /v1/set HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(20):
        for sent in (chunked + b"z\r\n", request("set", SET, said=100)):
            if half_close or sent.endswith(b"z\r\n"):
                found = answers(exchange(server.url, sent, half_close=half_close))
                assert [status for status, _ in found] == [400]
    # The end of a request that was refused is handled by the time that the next one is answered.
    assert answers(exchange(server.url, request("set", SET), half_close=True)) == [(204, None)]
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


def test_no_bytes_cause_an_error_of_the_server(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(12)
    whole = request("set", SET) + b"GET * HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    for _ in range(150):
        sent = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            sent[chance.randrange(len(sent))] = chance.choice(b" \r\n:/%*\x00\xff0A")
        for status, body in answers(exchange(server.url, bytes(sent), half_close=True)):
            assert status < 500
            assert body is None or status < 400 or set(body) == {"code", "message"}
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


def test_an_upgrade_is_answered_without_advice_in_the_log(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    sent = b"GET /v1/get HTTP/1.1\r\nHost: localhost\r\n" + upgrade
    ((status, _),) = answers(exchange(server.url, sent, half_close=True))
    assert status == 405
    assert not caplog.records


@pytest.mark.parametrize("method", [b"OPTIONS *", b"CONNECT a:1", b"GET http://localhost/v1/get"])
def test_unusual_targets_are_refused_as_json(server: Running, method: bytes) -> None:
    ((status, body),) = answers(
        exchange(server.url, method + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", half_close=True)
    )
    assert 400 <= status < 500
    assert set(body) == {"code", "message"}


def test_a_caller_that_half_closes_gets_its_answer(server: Running) -> None:
    found = answers(exchange(server.url, request("set", SET), half_close=True))
    assert found == [(204, None)]
    pipelined = request("set", SET) + request("get", GET) + request("delete", GET)
    assert answers(exchange(server.url, pipelined, half_close=True)) == [
        (204, None),
        (200, {"key": "a", "value": 1}),
        (204, None),
    ]


def test_a_half_closed_request_that_is_incomplete_is_refused(server: Running) -> None:
    body = request("set", SET, said=100)
    complete = request("set", SET)
    for sent in (b"POST /v1/set HTT", body, complete + body, complete + complete + body):
        *before, last = answers(exchange(server.url, sent, half_close=True))
        assert before == [(204, None)] * sent.count(complete)
        assert (last[0], last[1]["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("http", ["auto", "h11"])
def test_a_request_that_another_one_follows_ends_with_its_connection(
    http: Any, caplog: pytest.LogCaptureFixture
) -> None:
    faults = EmulatorOptions(faults=read_faults("script=cut"))
    with running(ServeOptions(port=0, http=http, emulator=faults)) as server:
        sent = request("get", GET) + request("set", SET, said=100)
        exchange(server.url, sent)
    # A task that did not end would be cancelled at the stop, which logs an error.
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


def test_malformed_http_after_a_request_is_refused_after_its_answer(server: Running) -> None:
    sent = request("set", SET) + b"nonsense\r\n\r\n"
    found = answers(exchange(server.url, sent, half_close=True))
    assert [status for status, _ in found] == [204, 400]


def test_a_header_without_end_is_refused(server: Running) -> None:
    sent = b"GET / HTTP/1.1\r\nHost: localhost\r\nx: " + b"a" * 300_000
    ((status, body),) = answers(exchange(server.url, sent))
    assert status in (400, 431)
    assert set(body) == {"code", "message"}


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        (b"POST /v1/set HTTP/1.1\r\nHost: loc", True),
        (request("set", SET, said=100), True),
        (b"", False),
    ],
)
def test_a_request_that_never_ends_is_closed(hasty: Running, sent: bytes, refused: bool) -> None:
    place = httpx.URL(hasty.url)
    with socket.create_connection((place.host, place.port or 0), timeout=20) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
    found = [(status, body["code"]) for status, body in answers(received)]
    assert found == ([(408, "REQUEST_TIMEOUT")] if refused else [])


def test_bytes_that_drip_do_not_hold_a_connection(hasty: Running) -> None:
    place = httpx.URL(hasty.url)
    with socket.create_connection((place.host, place.port or 0), timeout=20) as connection:
        connection.sendall(request("set", SET, said=100_000))
        for _ in range(200):
            is_answered, _, _ = select.select([connection], [], [], 0.05)
            if is_answered:
                break
            connection.sendall(b" ")
        else:
            pytest.fail("the server did not close the connection")


def test_a_slow_answer_is_not_a_slow_request(hasty: Running) -> None:
    with httpx.Client(base_url=hasty.url) as client:
        for _ in range(2):
            assert client.post("/v1/query", json={}).status_code == 200
            assert client.post("/v1/set", content=SET).status_code == 204


def test_a_connection_that_closes_before_its_answer_is_no_error_of_the_server(
    tmp_path: Path,
) -> None:
    async def closed(message: Message) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport>; the handler is closed")

    async def defective(message: Message) -> None:
        raise RuntimeError("a defect")

    taken: list[str] = []

    async def receive() -> Message:
        taken.append("http.disconnect" if "http.request" in taken else "http.request")
        return {"type": taken[-1], "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/openapi.json", "query_string": b"",
             "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1)}  # fmt: skip

    async def ask() -> None:
        guard = Guard(embedded(tmp_path / "db"))
        await guard(scope, receive, closed)
        assert taken[-1] == "http.disconnect", "uvicorn has noticed the end"
        with pytest.raises(RuntimeError, match="a defect"):
            await guard(scope, receive, defective)

    asyncio.run(ask())
