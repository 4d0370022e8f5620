"""A temporary file that many share: it has one descriptor, and free space is reused."""

import io
import tempfile
from collections import deque
from collections.abc import Iterable
from typing import IO, Final

PAGE_BYTES: Final = 8 << 10
"""How much of a part is in memory while it is read."""


class Part:
    """What was written to a file of pages in one go. It is read once, or closed."""

    def __init__(self, file: "PageFile") -> None:
        self._file = file
        self._pages: deque[int] = deque()
        self._size = 0

    def write(self, texts: Iterable[bytes]) -> None:
        """Write all texts. Raise OSError if that fails; the part is then closed."""
        buffer = bytearray()
        try:
            for text in texts:
                buffer += text
                while len(buffer) >= PAGE_BYTES:
                    self._write_page(bytes(buffer[:PAGE_BYTES]))
                    del buffer[:PAGE_BYTES]
            if buffer:
                self._write_page(bytes(buffer))
        except BaseException:
            self.close()
            raise

    def opened(self) -> io.BufferedReader:
        """Return a reader of the part. Pages that were read are freed."""
        return io.BufferedReader(_Pages(self), PAGE_BYTES)

    def next_page(self) -> bytes:
        """Return the next page; b"" at the end. Raise OSError."""
        if not self._pages:
            return b""
        size = min(PAGE_BYTES, self._size)
        self._size -= size
        return self._file.take(self._pages.popleft(), size)

    def close(self) -> None:
        """Free the pages that were not read."""
        while self._pages:
            self._file.free(self._pages.popleft())

    def _write_page(self, page: bytes) -> None:
        self._pages.append(self._file.write(page))
        self._size += len(page)


class _Pages(io.RawIOBase):
    """The pages of a part as a file."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._part = part
        self._page = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]
        """Fill a buffer, perhaps in part. Return how many bytes were read."""
        page = self._page or self._part.next_page()
        size = min(len(page), len(buffer))
        buffer[:size] = page[:size]
        self._page = page[size:]
        return size


class PageFile:
    """A temporary file that no other process can open. It is open while it has parts.

    It is not thread-safe.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._free: list[int] = []
        self._count = 0

    @property
    def descriptor(self) -> int | None:
        """The descriptor of the file; None: it is not open."""
        return None if self._file is None else self._file.fileno()

    @property
    def pages(self) -> int:
        """How many pages the file has on disk, including free ones."""
        return self._count

    def written(self, texts: Iterable[bytes]) -> Part:
        """Return a part with all these texts. Raise OSError if it cannot be written."""
        part = Part(self)
        part.write(texts)
        return part

    def write(self, page: bytes) -> int:
        """Write a page, and return its number. Raise OSError."""
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with its last page
        if self._free:
            number = self._free.pop()
        else:
            number, self._count = self._count, self._count + 1
        try:
            self._file.seek(number * PAGE_BYTES)
            self._file.write(page)
            self._file.flush()
        except BaseException:
            self.free(number)
            raise
        return number

    def take(self, number: int, size: int) -> bytes:
        """Return the first bytes of a page, and free it. Raise OSError."""
        assert self._file is not None  # noqa: S101 - it has this page
        try:
            self._file.seek(number * PAGE_BYTES)
            return self._file.read(size)
        finally:
            self.free(number)

    def free(self, number: int) -> None:
        """Let the space of a page be reused."""
        self._free.append(number)
        if len(self._free) == self._count and self._file is not None:
            file, self._file = self._file, None
            self._free.clear()
            self._count = 0
            file.close()
