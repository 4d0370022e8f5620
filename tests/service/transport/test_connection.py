"""One connection on its own: when requests are written, and when they time out."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from kvsctl.service.transport.answer_memory import AnswerMemory
from kvsctl.service.transport.carrier import CarrierAnswer, TooSlow, Unanswered
from kvsctl.service.transport.connection import HttpConnection, Outbox

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class _Transport:
    """A transport that accepts all data at once."""

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
    connection = HttpConnection(outbox, AnswerMemory())
    connection.connection_made(cast(Any, _Transport(written)))
    return connection


def test_the_writes_of_one_turn_are_done_together_at_its_end() -> None:
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


def test_a_large_body_is_written_apart_from_its_head() -> None:
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


def test_data_before_the_request_is_written_is_not_its_answer() -> None:
    async def work() -> None:
        written: list[bytes] = []
        connection = _connection(Outbox(), written)
        sending = asyncio.create_task(connection.exchange(b"head", b"body", 1e9))
        await asyncio.sleep(0)
        connection.data_received(_ANSWER)
        with pytest.raises(Unanswered, match="sent data before the request"):
            await sending
        await asyncio.sleep(0)
        assert written == [], "nothing is written to an unusable connection"
        assert not connection.is_reusable

    asyncio.run(work())


class _Clock:
    """A clock that the test advances, with the timers of the loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.timers: list[_Timer] = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: self.seconds)
        monkeypatch.setattr(loop, "call_at", self._call_at)

    def _call_at(self, when: float, call: Callable[[], None]) -> "_Timer":
        self.timers.append(_Timer(when, call))
        return self.timers[-1]

    @property
    def pending(self) -> list["_Timer"]:
        return [timer for timer in self.timers if not timer.is_done]

    def advance_to(self, seconds: float) -> None:
        self.seconds = seconds
        for timer in self.pending:
            if timer.when <= seconds:
                timer.is_done = True
                timer.call()


class _Timer:
    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when = when
        self.call = call
        self.is_done = False

    def cancel(self) -> None:
        self.is_done = True


async def _begin(connection: HttpConnection, deadline: float) -> "asyncio.Task[CarrierAnswer]":
    begun = asyncio.create_task(connection.exchange(b"head", b"body", deadline))
    for _ in range(3):
        await asyncio.sleep(0)
    return begun


async def _answered_once(deadline: float) -> HttpConnection:
    connection = _connection(Outbox(), [])
    first = await _begin(connection, deadline)
    connection.data_received(_ANSWER)
    await first
    return connection


def test_each_exchange_ends_at_its_own_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        clock = _Clock(monkeypatch)
        connection = await _answered_once(30.0)
        clock.advance_to(20.0)
        second = await _begin(connection, 50.0)
        clock.advance_to(30.0)
        assert not second.done()
        assert len(clock.pending) == 1
        clock.advance_to(50.0)
        with pytest.raises(TooSlow):
            await second
        assert not connection.is_reusable

    asyncio.run(work())


def test_a_connection_that_idles_past_a_deadline_stays_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        clock = _Clock(monkeypatch)
        connection = await _answered_once(30.0)
        clock.advance_to(40.0)
        assert connection.is_reusable
        assert clock.pending == []
        second = await _begin(connection, 70.0)
        clock.advance_to(70.0)
        with pytest.raises(TooSlow):
            await second

    asyncio.run(work())


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_closed_connection_leaves_no_timer(
    monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    async def work() -> None:
        clock = _Clock(monkeypatch)
        connection = _connection(Outbox(), [])
        sending = await _begin(connection, 30.0)
        assert len(clock.pending) == 1
        if is_lost:
            connection.connection_lost(None)
        else:
            connection.give_up(Unanswered("enough"))
        assert clock.pending == []
        with pytest.raises(Unanswered):
            await sending

    asyncio.run(work())
