"""Hold output to a stream back until it is complete: a stream cannot be marked as partial."""

import tempfile
import threading
from collections.abc import Callable
from typing import Final

from kvsctl.files.sinks import ByteSink

_MEMORY_BYTES: Final = 1 << 20
_CHUNK_BYTES: Final = 1 << 18


class HeldSink:
    """A ByteSink that passes its bytes on once it is complete, and drops them if it is abandoned.

    `open_sink` gets a function and returns the sink of the stream, which calls the function
    whenever bytes have been written or writing has failed. More than a megabyte is held in a
    temporary file that no other process can open, and that vanishes when this process ends.
    """

    def __init__(self, open_sink: Callable[[Callable[[], None]], ByteSink]) -> None:
        self._moved = threading.Condition()
        self._sink = open_sink(self._note_moved)
        # Closed by `complete` and `abandon`, not by a block.
        self._held = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115
        self._taken_bytes = 0
        self._failed: OSError | None = None

    @property
    def broken(self) -> OSError | None:
        """See ByteSink."""
        return self._failed or self._sink.broken

    @property
    def pending_bytes(self) -> int:
        """See ByteSink. Held bytes do not count: they are on disk."""
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
        """Wake `_pass_on`: there may be room. The writer's thread calls this."""
        with self._moved:
            self._moved.notify()

    def _fail(self, error: OSError) -> None:
        where = f"{error.strerror} (incomplete output is held in {tempfile.gettempdir()})"
        self._failed = OSError(error.errno, where)
