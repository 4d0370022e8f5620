"""Requests of one turn of the loop are written at its end, and none is answered before."""

import asyncio
from typing import Any, cast

import pytest

from kvsctl.service.carrier import Unanswered
from kvsctl.service.connection import HttpConnection
from kvsctl.service.outbox import Outbox

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class _Transport:
    """A socket that takes everything at once."""

    def __init__(self, written: list[bytes]) -> None:
        self.written = written
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0


def _connection(outbox: Outbox, written: list[bytes]) -> HttpConnection:
    connection = HttpConnection(outbox)
    connection.connection_made(cast(Any, _Transport(written)))
    return connection


def test_what_several_senders_write_in_a_turn_is_written_when_all_have_run() -> None:
    async def work() -> None:
        outbox, written, ran = Outbox(), list[bytes](), list[int]()
        connections = [_connection(outbox, written) for _ in range(3)]
        deadline = asyncio.get_running_loop().time() + 60

        async def send(place: int) -> None:
            exchange = connections[place].exchange(b"head %d " % place, b"body", deadline)
            ran.append(len(written))
            await exchange

        senders = [asyncio.create_task(send(place)) for place in range(3)]
        await asyncio.sleep(0)
        assert ran == [0, 0, 0]
        await asyncio.sleep(0)
        assert written == [b"head 0 body", b"head 1 body", b"head 2 body"]
        for connection in connections:
            connection.data_received(_ANSWER)
        await asyncio.gather(*senders)

    asyncio.run(work())


def test_a_large_body_follows_its_head() -> None:
    async def work() -> None:
        written: list[bytes] = []
        connection = _connection(Outbox(), written)
        body = b"x" * 1_000_000
        sending = asyncio.create_task(connection.exchange(b"head", body, 1e9))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert written == [b"head", body]
        connection.data_received(_ANSWER)
        assert (await sending).body == b"{}"

    asyncio.run(work())


def test_what_comes_before_the_request_was_written_is_not_its_answer() -> None:
    async def work() -> None:
        written: list[bytes] = []
        connection = _connection(Outbox(), written)
        sending = asyncio.create_task(connection.exchange(b"head", b"body", 1e9))
        await asyncio.sleep(0)
        connection.data_received(_ANSWER)
        with pytest.raises(Unanswered, match="before it was asked"):
            await sending
        await asyncio.sleep(0)
        assert written == [], "nothing goes into a connection that is of no more use"
        assert not connection.is_reusable

    asyncio.run(work())
