"""Hold output back until it is complete, where a stream could not be marked as partial."""

import tempfile
import threading
from collections.abc import Callable
from typing import Final

from kvsctl.files.sinks import ByteSink

_MEMORY_BYTES: Final = 1 << 20
_CHUNK_BYTES: Final = 1 << 18


class HeldSink:
    """A ByteSink that passes on nothing before it is complete, and nothing if it is abandoned.

    `open_sink` returns the sink of the stream, which calls the function that it is given whenever
    bytes have been written or writing has failed. What is more than a megabyte waits in a temporary
    file that no other process can open, and that ends with this one.
    """

    def __init__(self, open_sink: Callable[[Callable[[], None]], ByteSink]) -> None:
        self._moved = threading.Condition()
        self._sink = open_sink(self._note_moved)
        # It is closed in every end of a sink, not in a block.
        self._held = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115
        self._taken_bytes = 0
        self._failed: OSError | None = None

    @property
    def broken(self) -> OSError | None:
        """See ByteSink."""
        return self._failed or self._sink.broken

    @property
    def pending_bytes(self) -> int:
        """See ByteSink. What is held does not count: it is on disk."""
        return 0

    @property
    def lost_bytes(self) -> int:
        """See ByteSink."""
        return self._sink.lost_bytes if self._failed is None else self._taken_bytes

    def write(self, chunk: bytes) -> None:
        """See ByteSink."""
        self._taken_bytes += len(chunk)
        if self._failed is None:
            try:
                self._held.write(chunk)
            except OSError as error:
                self._fail(error)

    def complete(self) -> None:
        """See ByteSink. Pass on everything that is held."""
        if self._failed is None:
            try:
                self._pass_on()
            except OSError as error:
                self._fail(error)
        self._held.close()
        self._sink.complete()

    def abandon(self) -> None:
        """See ByteSink. Drop everything that is held."""
        self._held.close()
        self._sink.abandon()

    def _pass_on(self) -> None:
        self._held.seek(0)
        while (chunk := self._held.read(_CHUNK_BYTES)) and self._sink.broken is None:
            self._sink.write(chunk)
            with self._moved:
                self._moved.wait_for(self._has_room)

    def _has_room(self) -> bool:
        return self._sink.broken is not None or self._sink.pending_bytes <= _CHUNK_BYTES

    def _note_moved(self) -> None:
        """Take note that there may be room. The thread that writes calls it."""
        with self._moved:
            self._moved.notify()

    def _fail(self, error: OSError) -> None:
        where = f"{error.strerror} (what is not complete is held in {tempfile.gettempdir()})"
        self._failed = OSError(error.errno, where)
