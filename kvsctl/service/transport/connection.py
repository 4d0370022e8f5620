"""One HTTP/1.1 connection: one request at a time, each written once."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

import httptools

from kvsctl.service.transport.carrier import (
    MAX_ANSWER_BYTES,
    CarrierAnswer,
    CarrierError,
    TooSlow,
    Unanswered,
    add_header,
)

_MAX_HEAD_BYTES: Final = 256 * 1024
_JOINED_BYTES: Final = 64 * 1024
"""Up to this size, joining head and body costs less than writing twice."""


class Outbox:
    """Collects the writes of one turn of the loop and does them together at its end.

    Several requests are made per turn, and writing one wakes a waiting server on another processor.
    Written in direct succession, the others find it awake. No write waits longer than the turn.
    """

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def add(self, write: Callable[[], None]) -> None:
        """Call `write` at the end of this turn of the loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write_all)
        self._waiting.append(write)

    def _write_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for write in waiting:
            write()


class HttpConnection(asyncio.Protocol):
    """An open connection, which parses an answer while it arrives.

    It is closed after any error and after an answer that says so. `is_reusable` says whether it can
    take another request.
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
        """Send a request and return its answer. Raise Unanswered if none arrives by `deadline`.

        `deadline` is a time of the loop's clock, not earlier than that of the previous exchange.
        Cancelling an exchange closes the connection.
        """
        transport = self._transport
        if transport is None or not self.is_reusable:
            raise Unanswered("the connection is closed")
        answered: asyncio.Future[CarrierAnswer] = self._loop.create_future()
        self._answered, self._deadline = answered, deadline
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._check_deadline)
        self._unsent = (head, body) if len(body) > _JOINED_BYTES else (head + body,)
        self._outbox.add(self._send)
        try:
            return await answered
        except asyncio.CancelledError:
            self.abort()
            raise

    def give_up(self, error: CarrierError) -> None:
        """End the current exchange, if any, with an error; close the connection."""
        answered, self._answered = self._answered, None
        if answered is not None and not answered.done():
            answered.set_exception(error)
        self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
        self.is_reusable = False
        self._cancel_timer()
        if self._transport is not None:
            self._transport.abort()

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, ()
        if self._transport is not None and not self._transport.is_closing():
            for part in unsent:
                self._transport.write(part)

    def _check_deadline(self) -> None:
        """Give up if the deadline has passed, otherwise set the timer anew.

        One timer serves many exchanges, as setting one for each costs more than the answer. It was
        set for an earlier exchange, so it never fires too late.
        """
        self._timer = None
        if self._answered is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)
        else:
            self.give_up(TooSlow())

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass of it

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._answered is None or self._unsent:
            # No request is waiting, or it is not written yet: these bytes are not its answer.
            self.give_up(Unanswered("the server sent data before the request"))
            return
        if not self._is_in_body:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.give_up(Unanswered(f"the answer is not valid HTTP/1.1: {error}"))
            return
        if not self._is_in_body and self._head_bytes > _MAX_HEAD_BYTES:
            self.give_up(
                Unanswered(f"the answer has more than {_MAX_HEAD_BYTES:,} bytes of headers")
            )

    def eof_received(self) -> bool:
        """See asyncio.Protocol. Close a connection that the server has half closed."""
        self.is_reusable = False
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.is_reusable = False
        self._cancel_timer()
        if not self.lost.done():
            self.lost.set_result(None)
        if self._answered is None:
            return
        if error is None and self._is_in_body and self._ends_with_connection():
            self._complete()
            return
        reason = f": {error}" if error is not None and str(error) else ""
        self.give_up(Unanswered(f"connection lost{reason}"))

    def _ends_with_connection(self) -> bool:
        return "content-length" not in self._headers and "transfer-encoding" not in self._headers

    # What the parser calls.

    def on_message_begin(self) -> None:
        """See httptools. An answer to no request makes the connection unusable."""
        if self._answered is None:
            self.is_reusable = False
        self._headers, self._chunks = {}, []
        self._body_bytes, self._is_in_body = 0, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        add_header(self._headers, name, value)

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._is_in_body = True

    def on_body(self, chunk: bytes) -> None:
        """See httptools. Give up if the body becomes too large."""
        self._body_bytes += len(chunk)
        if self._body_bytes > MAX_ANSWER_BYTES:
            self._chunks = []
            self.give_up(Unanswered(f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes"))
            return
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """See httptools. An answer of 1xx only announces the real one."""
        if self._parser.get_status_code() >= 200:
            self._complete()
        else:
            self._is_in_body = False  # what follows is the head of the real answer

    def _complete(self) -> None:
        answered, self._answered = self._answered, None
        headers, chunks = self._headers, self._chunks
        self._headers, self._chunks = {}, []
        self._head_bytes, self._is_in_body = 0, False
        if self._transport is None or self._transport.get_write_buffer_size():
            self.is_reusable = False  # answered before the whole request was sent
        if not self._parser.should_keep_alive():
            self.is_reusable = False
        if answered is None or answered.done():
            return
        if headers.get("content-encoding", "identity") != "identity":
            answered.set_exception(
                Unanswered("the answer has a content-encoding that was not requested")
            )
            return
        status = self._parser.get_status_code()
        answered.set_result(CarrierAnswer(status, headers, b"".join(chunks)))
