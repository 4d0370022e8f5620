"""Bound the memory of unfinished answers over all connections of a carrier."""

from typing import Final, Protocol

from kvsctl.service.transport.carrier import MAX_ANSWER_BYTES

MAX_HELD_BYTES: Final = MAX_ANSWER_BYTES
"""If unfinished answers hold more bytes than this, only the oldest one is read further.

Together they take at most this and one more answer of the largest size. It is far more than a
network holds, so pausing costs no throughput.
"""

UNCOUNTED_BYTES: Final = 128 * 1024
"""Up to this size, an answer is not counted: nearly all are smaller."""


class AnswerReader(Protocol):
    """Reads one answer, and can stop reading for a while. It is compared by identity."""

    def pause_reading(self) -> None:
        """Read no more of the answer until `resume_reading`."""
        ...

    def resume_reading(self) -> None:
        """Read the rest of the answer."""
        ...


class AnswerMemory:
    """The bytes that all unfinished answers hold. When there are too many, readers are paused.

    The oldest answer is always read further, so there is always one that can end. A paused answer
    has the same timeout as any other.
    """

    def __init__(self, max_bytes: int = MAX_HELD_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held: dict[AnswerReader, int] = {}  # the oldest first
        self._paused: dict[AnswerReader, None] = {}
        self._total_bytes = 0

    @property
    def held_bytes(self) -> int:
        """How many bytes all unfinished answers hold."""
        return self._total_bytes

    def hold(self, reader: AnswerReader, held_bytes: int) -> None:
        """Note that the answer of `reader` holds `held_bytes` now. Pause it if that is too much."""
        self._total_bytes += held_bytes - self._held.get(reader, 0)
        self._held[reader] = held_bytes
        if self._total_bytes <= self._max_bytes or reader in self._paused:
            return
        if reader is not next(iter(self._held)):
            self._paused[reader] = None
            reader.pause_reading()

    def release(self, reader: AnswerReader) -> None:
        """Note that the answer of `reader` has ended. Resume paused readers if there is room."""
        self._total_bytes -= self._held.pop(reader, 0)
        self._paused.pop(reader, None)
        for paused in list(self._paused):
            if self._total_bytes <= self._max_bytes or paused is next(iter(self._held)):
                del self._paused[paused]
                paused.resume_reading()
