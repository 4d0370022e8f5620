"""Guards around uvicorn's HTTP protocols, where uvicorn answers with text, drops or waits.

- Malformed HTTP is answered with `{code, message}`, like every other refusal.
- A caller that closes its sending side still gets the answer to its complete requests.
- A request that is not complete in time is refused and its connection closed. So is one whose
  header never ends.
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from kvsctl.emulator.refusals import Refusal, malformed
from kvsctl.emulator.web.app import Emulator
from kvsctl.emulator.web.routes import IMPORT_PATH

HEAD_BYTES_MAX = 64 * 1024
MALFORMED = malformed("The request is not valid HTTP")
INCOMPLETE = malformed("The request ended before it was complete")
TOO_SLOW = Refusal(408, "REQUEST_TIMEOUT", "The request was not complete in time")
HEAD_TOO_LARGE = Refusal(
    431, "REQUEST_HEADER_FIELDS_TOO_LARGE", f"The header is larger than {HEAD_BYTES_MAX} bytes"
)


class ConnectionGuard(asyncio.Protocol):
    """A mixin for uvicorn's protocols, which own the attributes below: one per connection."""

    emulator: Emulator
    request_seconds: float
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    flow: Any
    cycle: Any

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_half_closed = False
    _refusal: Refusal | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the timer of the first request."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._unwatch()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        """Suppress uvicorn's advice in the log to install WebSocket support.

        The request is answered like any other.
        """

    def data_received(self, data: bytes) -> None:
        """Parse the data. Stop the timer if a request is complete; otherwise start it."""
        if self._refusal is not None:
            return
        before = self.cycle
        try:
            super().data_received(data)
        except Exception:
            # uvicorn's protocols fail on some requests that their parsers accept.
            self._refuse(MALFORMED)
            return
        if self._is_in_flight and not self.cycle.more_body:
            self._unwatch()
        elif self._is_in_flight and self.cycle.scope["path"] == IMPORT_PATH:
            # A whole store can take longer: the timer limits the time between two parts.
            self._unwatch()
            self._watch()
        elif self._timer is None and not self.transport.is_closing():
            self._watch()
        is_head = self.cycle is before and (before is None or not before.more_body)
        self._head_bytes = self._head_bytes + len(data) if is_head else 0
        if self._head_bytes > HEAD_BYTES_MAX and not self._is_in_flight:
            self._refuse(HEAD_TOO_LARGE)

    def eof_received(self) -> bool:
        """Return whether to keep the connection open, for the answers to complete requests."""
        self._is_half_closed = True
        if self._is_in_flight and not self.cycle.more_body:
            return True
        if self._head_bytes or self._is_in_flight:
            self._refuse(INCOMPLETE)
        return self._has_complete

    def on_response_complete(self) -> None:
        """Close the connection if no other request can arrive on it."""
        cast(Any, super()).on_response_complete()
        self._head_bytes = 0
        self._unwatch()
        if self.transport.is_closing() or self._has_complete:
            return
        if self._refusal is not None:
            self._send_last(self._refusal)
        elif self._is_half_closed and self._is_in_flight:
            self._send_last(INCOMPLETE)
        elif self._is_half_closed:
            self.transport.close()
        elif self._is_in_flight:
            self._watch()

    def send_400_response(self, _message: str) -> None:
        """Refuse malformed HTTP. uvicorn's protocols call this method."""
        self._refuse(MALFORMED)

    @property
    def _is_in_flight(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _has_complete(self) -> bool:
        """Whether a complete request is unanswered: the last one, or one that is queued."""
        is_last = self._is_in_flight and not self.cycle.more_body
        return is_last or bool(getattr(self, "pipeline", ()))  # only httptools' protocol queues

    def _watch(self) -> None:
        self._timer = self.loop.call_later(self.request_seconds, self._time_out)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        if self.flow.read_paused:
            # The emulator is not reading: the caller cannot complete its request.
            self._watch()
        elif self._head_bytes or self._is_in_flight:
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        self._refusal = refusal
        if self._has_complete:
            # Answers are sent in the order of the requests: the complete one is answered first.
            self.flow.pause_reading()
        elif self._is_in_flight and self.cycle.response_started:
            self.transport.close()
        else:
            self._send_last(refusal)

    def _send_last(self, refusal: Refusal) -> None:
        self._unwatch()
        self.transport.write(self._encoded(refusal))
        self.transport.close()

    def _encoded(self, refusal: Refusal) -> bytes:
        headers, body = self.emulator.refusal_message(refusal)
        lines = [
            b"HTTP/1.1 %d %b" % (refusal.status, HTTPStatus(refusal.status).phrase.encode()),
            *(b"%b: %b" % header for header in headers),
            b"connection: close",
        ]
        return b"\r\n".join([*lines, b"", body])


def guarded(
    protocol: type[asyncio.Protocol], emulator: Emulator, request_seconds: float
) -> type[asyncio.Protocol]:
    """Return one of uvicorn's HTTP protocols with the guards of this module.

    A request must be complete `request_seconds` after its first byte.
    """
    members = {"emulator": emulator, "request_seconds": request_seconds}
    return type("GuardedConnection", (ConnectionGuard, protocol), members)
