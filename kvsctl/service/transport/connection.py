"""One HTTP/1.1 connection: a request at a time, each written once."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

import httptools

from kvsctl.service.transport.carrier import (
    MOST_ANSWER_BYTES,
    CarrierAnswer,
    CarrierError,
    TooSlow,
    Unanswered,
    add_header,
)

_MOST_HEAD_BYTES: Final = 256 * 1024
_JOINED_BYTES: Final = 64 * 1024
"""Up to here copying a body behind its head costs less than writing twice."""


class Outbox:
    """Holds writes back until all that could run in a turn of the loop has.

    Several requests are made in a turn, and each that is written wakes a server that waits, on
    another processor: written one after the other, they find it awake. None waits for more than
    the turn.
    """

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def add(self, write: Callable[[], None]) -> None:
        """Calls `write` in a moment."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write_all)
        self._waiting.append(write)

    def _write_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for write in waiting:
            write()


class HttpConnection(asyncio.Protocol):
    """A connection that is made. What arrives is parsed as it arrives.

    After any error, and after an answer that ends it, the connection is closed: `is_reusable`
    says whether it can take another request.
    """

    def __init__(self, outbox: Outbox) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._outbox = outbox
        self._unsent: tuple[bytes, ...] = ()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[CarrierAnswer] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._head_bytes = 0
        self._body_bytes = 0
        self._is_in_body = False
        self.is_reusable = True
        self.lost: asyncio.Future[None] = loop.create_future()

    async def exchange(self, head: bytes, body: bytes, deadline: float) -> CarrierAnswer:
        """Sends a request and waits for its answer until `deadline`. Raises Unanswered.

        `deadline` is of the loop's clock, and no sooner than that of an earlier exchange. A
        connection whose exchange is cancelled is closed.
        """
        transport = self._transport
        if transport is None or not self.is_reusable:
            raise Unanswered("the connection is closed")
        answered: asyncio.Future[CarrierAnswer] = self._loop.create_future()
        self._answered, self._deadline = answered, deadline
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._look_at_the_time)
        self._unsent = (head, body) if len(body) > _JOINED_BYTES else (head + body,)
        self._outbox.add(self._send)
        try:
            return await answered
        except asyncio.CancelledError:
            self.abort()
            raise

    def give_up(self, error: CarrierError) -> None:
        """Ends the exchange, if there is one, with an error; closes the connection."""
        answered, self._answered = self._answered, None
        if answered is not None and not answered.done():
            answered.set_exception(error)
        self.abort()

    def abort(self) -> None:
        """Closes the connection at once."""
        self.is_reusable = False
        self._end_timer()
        if self._transport is not None:
            self._transport.abort()

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, ()
        if self._transport is not None and not self._transport.is_closing():
            for part in unsent:
                self._transport.write(part)

    def _look_at_the_time(self) -> None:
        """One timer serves many exchanges: to make one for each costs more than the answer.

        It was set for an earlier exchange, so it goes off no later than it should.
        """
        self._timer = None
        if self._answered is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look_at_the_time)
        else:
            self.give_up(TooSlow())

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._answered is None or self._unsent:
            # Nothing was asked: whatever this is, it answers no request.
            self.give_up(Unanswered("the server spoke before it was asked"))
            return
        if not self._is_in_body:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.give_up(Unanswered(f"the answer is no HTTP/1.1: {error}"))
            return
        if not self._is_in_body and self._head_bytes > _MOST_HEAD_BYTES:
            self.give_up(Unanswered("the head of the answer is too large"))

    def eof_received(self) -> bool:
        """See asyncio.Protocol. A connection that is half closed is of no use."""
        self.is_reusable = False
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.is_reusable = False
        self._end_timer()
        if not self.lost.done():
            self.lost.set_result(None)
        if self._answered is None:
            return
        if error is None and self._is_in_body and self._ends_with_connection():
            self._complete()
            return
        reason = f": {error}" if error is not None and str(error) else ""
        self.give_up(Unanswered(f"the connection broke{reason}"))

    def _ends_with_connection(self) -> bool:
        return "content-length" not in self._headers and "transfer-encoding" not in self._headers

    # What the parser calls.

    def on_message_begin(self) -> None:
        """An answer begins: the one that is waited for, or one too many."""
        if self._answered is None:
            self.is_reusable = False
        self._headers, self._chunks = {}, []
        self._body_bytes, self._is_in_body = 0, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is whole."""
        add_header(self._headers, name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._is_in_body = True

    def on_body(self, chunk: bytes) -> None:
        """A piece of the body came."""
        self._body_bytes += len(chunk)
        if self._body_bytes > MOST_ANSWER_BYTES:
            self._chunks = []
            self.give_up(Unanswered(f"the answer is larger than {MOST_ANSWER_BYTES:,} bytes"))
            return
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """An answer is whole; one of 1xx only says that another will come."""
        if self._parser.get_status_code() >= 200:
            self._complete()
        else:
            self._is_in_body = False  # the head of the one to come has begun

    def _complete(self) -> None:
        answered, self._answered = self._answered, None
        headers, chunks = self._headers, self._chunks
        self._headers, self._chunks = {}, []
        self._head_bytes, self._is_in_body = 0, False
        if self._transport is None or self._transport.get_write_buffer_size():
            self.is_reusable = False  # the answer came before the request was sent whole
        if not self._parser.should_keep_alive():
            self.is_reusable = False
        if answered is None or answered.done():
            return
        if headers.get("content-encoding", "identity") != "identity":
            answered.set_exception(Unanswered("the answer came encoded, which nobody asked for"))
            return
        status = self._parser.get_status_code()
        answered.set_result(CarrierAnswer(status, headers, b"".join(chunks)))
