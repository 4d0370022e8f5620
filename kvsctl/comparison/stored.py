"""Sorted entries in a temporary file, which many can read at the same time."""

import io
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Final

from kvsctl.comparison.entries import Block, Entry
from kvsctl.comparison.texts import entries_in, texts_of
from kvsctl.errors import StreamError

_BLOCK_ENTRIES: Final = 200
_BLOCK_BYTES: Final = 64 << 10
"""How much a block holds, unless its last entry is larger. Each reader has one in memory."""


class StoredEntries:
    """Entries in a temporary file that only this process can open and that ends with it.

    Add them in order. One thread can then read them any number of times, also at the same time. The
    file is in the folder that TMPDIR names, and only its user can read it. Raise StreamError if it
    cannot be written or read: the message names what is kept (`what`). Close it at the end.
    """

    def __init__(self, what: str, hint: str) -> None:
        self._what = what
        self._hint = hint
        self._file: IO[bytes] | None = None
        self._ends: list[int] = []
        """Where each block ends in the file."""
        self._firsts: list[tuple[str, str]] = []
        """The identity of the first entry of each block."""

    def add(self, entries: Iterable[Entry]) -> None:
        """Add entries that follow the earlier ones."""
        block: list[Entry] = []
        size = 0
        for entry in entries:
            block.append(entry)
            size += len(entry.body)
            if size >= _BLOCK_BYTES or len(block) >= _BLOCK_ENTRIES:
                self._write(block)
                block, size = [], 0
        if block:
            self._write(block)

    def blocks(self, start: tuple[str, str] = ("", "")) -> Iterator[Block]:
        """Yield the entries in blocks, beginning with the block that `start` would be in.

        `start` is an entity and a key.
        """
        number = max(0, bisect_right(self._firsts, start) - 1)
        while number < len(self._ends):
            yield self._read(number)
            number += 1

    def close(self) -> None:
        """Remove the file. Nothing can be read any more."""
        self._ends.clear()
        self._firsts.clear()
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _write(self, block: Block) -> None:
        text = b"".join(texts_of(block))
        start = self._ends[-1] if self._ends else 0
        with self._raising_stream_error():
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - see `close`
            self._file.seek(start)
            left = memoryview(text)
            while left:
                left = left[self._file.write(left) :]
        self._firsts.append(block[0][:2])
        self._ends.append(start + len(text))

    def _read(self, number: int) -> Block:
        start = self._ends[number - 1] if number else 0
        left = self._ends[number] - start
        pieces: list[bytes] = []
        assert self._file is not None  # noqa: S101 - it has this block
        with self._raising_stream_error():
            self._file.seek(start)
            while left:
                pieces.append(self._file.read(left))
                left -= len(pieces[-1])
                if not pieces[-1]:
                    raise OSError(0, "it is shorter than it was written")
        return [Entry(*one) for one in entries_in(io.BytesIO(b"".join(pieces)))]

    @contextmanager
    def _raising_stream_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StreamError(
                f"cannot keep {self._what} in {tempfile.gettempdir()}: {error.strerror}",
                self._hint,
            ) from error
