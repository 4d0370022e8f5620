"""One HTTP/1.1 connection: one request at a time, each written once."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias, cast

import httptools

from kvsctl.service.transport.answer_memory import UNCOUNTED_BYTES, AnswerMemory
from kvsctl.service.transport.carrier import (
    MAX_ANSWER_BYTES,
    CarrierAnswer,
    CarrierError,
    TooSlow,
    Unanswered,
    joined_headers,
)

_MAX_HEAD_BYTES: Final = 256 * 1024
"""The most that may arrive without a byte of a body: headers, trailers, extensions of chunks."""
_MAX_CHUNKS: Final = 1024
"""More chunks of a large answer are joined early: each takes 50 bytes more than its content."""
_JOINED_BYTES: Final = 64 * 1024
"""Up to this size, joining head and body costs less than writing twice."""


_SWITCHING_PROTOCOLS: Final = 101

_Parts: TypeAlias = tuple[int, dict[str, str], list[bytes]]
"""The status, headers and chunks of an answer that has arrived whole."""


class Outbox:
    """Collects the writes of one turn of the loop and does them together at its end.

    Several requests are made per turn. Writing the first one wakes a waiting server on another
    processor, so the writes directly after it find it awake. No write waits longer than the turn.
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

    def __init__(self, outbox: Outbox, memory: AnswerMemory) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._outbox = outbox
        self._memory = memory
        self._is_counted = False
        self._unsent: tuple[bytes, ...] = ()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[_Parts] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._lines: list[tuple[bytes, bytes]] = []
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._joined_chunks = 0
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
        answered: asyncio.Future[_Parts] = self._loop.create_future()
        self._answered, self._deadline = answered, deadline
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._check_deadline)
        self._unsent = (head, body) if len(body) > _JOINED_BYTES else (head + body,)
        self._outbox.add(self._send)
        try:
            status, headers, chunks = await answered
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            if self._is_counted:
                self._is_counted = False
                self._memory.release(self)
        # Joined here, where the caller takes it over, and not before: several answers may have
        # ended in one turn of the loop.
        return CarrierAnswer(status, headers, b"".join(chunks))

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

    def pause_reading(self) -> None:
        """See AnswerReader."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See AnswerReader."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

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
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.abort()  # what follows an answer of 101 is not HTTP/1.1
        except httptools.HttpParserError as error:
            self.give_up(Unanswered(f"the answer is not valid HTTP/1.1: {error}"))
        if self._head_bytes > _MAX_HEAD_BYTES:
            self.give_up(
                Unanswered(
                    f"the answer has more than {_MAX_HEAD_BYTES:,} bytes of headers or trailers"
                )
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
        """See httptools. An answer without a request makes the connection unusable."""
        if self._answered is None:
            self.is_reusable = False
        self._lines, self._headers, self._chunks = [], {}, []
        self._body_bytes, self._is_in_body = 0, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. It is called for trailers, too, which are dropped."""
        self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._is_in_body = True
        self._headers, self._lines = joined_headers(self._lines), []

    def on_body(self, chunk: bytes) -> None:
        """See httptools."""
        self._head_bytes = 0
        self._body_bytes += len(chunk)
        self._chunks.append(chunk)
        if self._body_bytes > UNCOUNTED_BYTES:
            self._bound_body()

    def _bound_body(self) -> None:
        """Give up if the body has become too large. Otherwise count its bytes."""
        if self._body_bytes > MAX_ANSWER_BYTES:
            self._chunks = []
            self.give_up(Unanswered(f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes"))
            return
        joined = self._joined_chunks
        if len(self._chunks) - joined > _MAX_CHUNKS:
            self._chunks[joined:] = [b"".join(self._chunks[joined:])]
            self._joined_chunks += 1
        if self._answered is not None:
            self._is_counted = True
            self._memory.hold(self, self._body_bytes)

    def on_message_complete(self) -> None:
        """See httptools. An answer of 1xx only announces the real one, except for 101.

        101 is an answer of its own, although no request asks for another protocol.
        """
        status = self._parser.get_status_code()
        if status >= 200 or status == _SWITCHING_PROTOCOLS:
            self._complete()
        else:
            self._is_in_body = False  # what follows is the head of the real answer

    def _complete(self) -> None:
        answered, self._answered = self._answered, None
        headers, chunks = self._headers, self._chunks
        self._lines, self._headers, self._chunks = [], {}, []
        self._head_bytes, self._joined_chunks, self._is_in_body = 0, 0, False
        if self._transport is None or self._transport.get_write_buffer_size():
            self.is_reusable = False  # answered before the whole request was sent
        status = self._parser.get_status_code()
        if not self._parser.should_keep_alive() or status == _SWITCHING_PROTOCOLS:
            self.is_reusable = False
        if answered is not None and not answered.done():
            answered.set_result((status, headers, chunks))
