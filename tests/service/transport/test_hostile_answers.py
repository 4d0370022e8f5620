"""Answers without end, in pieces or in another protocol: the same for every carrier."""

import asyncio
import gzip
import time
from typing import Any

import pytest

from kvsctl.service.transport.carrier import CarrierAnswer, Unanswered, joined_headers
from tests.service.networks import Network
from tests.service.serving import Reply, Served, answering, read_request, serving
from tests.service.wires import response

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
_PATIENCE_SECONDS = 20.0


def ask(network: Network, talk: Reply) -> CarrierAnswer:
    """Make one request. Fail if it takes long, or lets nothing else run for long."""

    async def work() -> CarrierAnswer:
        loop = asyncio.get_running_loop()
        turns = [loop.time()]

        async def tick() -> None:
            while True:
                await asyncio.sleep(0.01)
                turns.append(loop.time())

        ticking = asyncio.create_task(tick())
        try:
            async with serving(talk) as served, asyncio.timeout(_PATIENCE_SECONDS):
                carrier = network.carrier(served.url())
                try:
                    return await carrier.request("POST", "/", {}, b"[]")
                finally:
                    await carrier.aclose()
        finally:
            ticking.cancel()
            longest = max(b - a for a, b in zip(turns, [*turns[1:], loop.time()], strict=True))
            assert longest < 5.0, "the loop was not left alone"

    return network.run(work())


def endless(begin: bytes, again: bytes) -> Reply:
    """Answer with `begin`, then `again` and again."""

    async def talk(served: Served, reader: Any, writer: Any) -> None:
        await read_request(served, reader)
        writer.write(begin)
        while True:
            writer.write(again)
            await writer.drain()

    return talk


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"a: b\r\n" * 10_000),
        (CHUNKED + b"2\r\n{}\r\n0\r\na: ", b"b" * 60_000),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"b" * 60_000),
        (CHUNKED + b"2;", b"b" * 60_000),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 10_000),
        (b"HTTP/1.1 200 OK\r\na: ", b"b" * 60_000),
        (b"HTTP/1.1 200 ", b"b" * 60_000),
    ],
    ids=["trailers", "trailer-value", "trailer-name", "extension", "headers", "value", "phrase"],
)
def test_an_answer_without_end_is_given_up(network: Network, begin: bytes, again: bytes) -> None:
    with pytest.raises(Unanswered):
        ask(network, endless(begin, again))


def test_announcements_without_end_are_given_up(network: Network) -> None:
    async def work() -> None:
        async with serving(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)) as served:
            carrier = network.carrier(served.url(), 1.0)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                with pytest.raises(Unanswered):
                    await carrier.request("POST", "/", {}, b"[]")
            await carrier.aclose()

    network.run(work())


def test_trailers_do_not_become_headers(network: Network) -> None:
    trailers = b"Retry-After: 9\r\nx-trace-id: evil\r\ncontent-encoding: gzip\r\n\r\n"
    answer = ask(network, answering(CHUNKED + b"2\r\n{}\r\n0\r\n" + trailers))
    assert (answer.status, answer.body) == (200, b"{}")
    assert {name.lower() for name in answer.headers} == {"transfer-encoding"}


def test_a_connection_is_reused_after_trailers(network: Network) -> None:
    first = CHUNKED + b"2\r\n{}\r\n0\r\na: b\r\n\r\n"

    async def work() -> tuple[CarrierAnswer, int]:
        async with serving(answering(first, response("200 OK", b"[]", "a: c"))) as served:
            carrier = network.carrier(served.url())
            for _ in range(2):
                answer = await carrier.request("POST", "/", {}, b"[]")
            await carrier.aclose()
            return answer, served.connections

    answer, connections = network.run(work())
    assert (answer.headers["a"], answer.body, connections) == ("c", b"[]", 1)


def test_many_tiny_chunks_make_one_body(network: Network) -> None:
    size = 140_000  # just past where an answer is counted
    answer = ask(network, answering(CHUNKED + b"2\r\nab\r\n" * (size // 2) + b"0\r\n\r\n"))
    assert answer.body == b"ab" * (size // 2)


def test_headers_are_joined_in_linear_time() -> None:
    lines = [(b"A", b"b"), (b"c", b"d")] * 200_000
    started = time.process_time()
    headers = joined_headers(lines)
    assert time.process_time() - started < 5.0
    assert headers == {"a": ", ".join(["b"] * 200_000), "c": ", ".join(["d"] * 200_000)}


def test_headers_keep_their_order_and_case_of_values() -> None:
    headers = joined_headers([(b"X-One", b"A"), (b"x-two", b""), (b"x-ONE", b"\xe9")])
    assert list(headers.items()) == [("x-one", "A, \xe9"), ("x-two", "")]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n\0\1PRI",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + response("200 OK", b"{}"),
    ],
    ids=["upgrade", "with-data", "bare", "with-answer"],
)
def test_another_protocol_is_an_answer_of_its_own(network: Network, answer: bytes) -> None:
    """curl takes it so as well: the answer has status 101 and nothing after it is HTTP."""
    switched = ask(network, answering(answer))
    assert (switched.status, switched.body) == (101, b"")


def test_a_compressed_body_arrives_as_it_was_sent(network: Network) -> None:
    body = gzip.compress(b"{}")
    answer = ask(network, answering(response("200 OK", body, "content-encoding: gzip")))
    assert answer.body == body
