"""Sort entries in bounded memory: sorted parts in temporary files, merged as they are read."""

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from struct import Struct
from typing import IO, Final, Generic, TypeAlias, TypeVar

from kvsctl.errors import StreamError

_Plain: TypeAlias = tuple[str, str, bytes]
_E = TypeVar("_E", bound=_Plain)

_MOST_BYTES: Final = 48 << 20
"""How much is held in memory before it is written to a file."""
_ENTRY_BYTES: Final = 300
"""The approximate cost of holding an entry besides its body."""
_MOST_FILES: Final = 64
"""How many files are merged at a time. A process may open about a thousand."""
_LENGTHS: Final = Struct("<III")
_order = itemgetter(0, 1)


class Sorter(Generic[_E]):
    """Takes entries in any order, and yields them in the order of their first two parts.

    Equal ones keep their order. What is more than `most_bytes` goes to temporary files, which end
    with the process. `make` makes an entry of what was read back. Raise StreamError if a file
    cannot be written or read: its message names what is sorted (`what`), and `hint` is its hint.
    """

    def __init__(
        self,
        make: Callable[[str, str, bytes], _E],
        *,
        most_bytes: int = _MOST_BYTES,
        most_files: int = _MOST_FILES,
        what: str = "the input",
        hint: str = "Set TMPDIR to a folder with more space, or sort the input before.",
    ) -> None:
        self._make = make
        self._most_bytes = most_bytes
        self._most_files = most_files
        self._what = what
        self._hint = hint
        self._files: list[IO[bytes]] = []
        self._held: list[_E] = []
        self._held_bytes = 0

    def add(self, entry: _E) -> None:
        """Take an entry."""
        self._held.append(entry)
        self._held_bytes += len(entry[2]) + _ENTRY_BYTES
        if self._held_bytes >= self._most_bytes:
            with self._raising_stream_error():
                self._move_to_disk()

    def sorted(self) -> Iterator[_E]:
        """Yield all entries in order, once."""
        self._held.sort(key=_order)
        if not self._files:
            yield from self._held
            return
        parts: list[Iterable[_Plain]] = [*map(_read, self._files), self._held]
        try:
            with self._raising_stream_error():
                for entity, key, body in heapq.merge(*parts, key=_order):
                    yield self._make(entity, key, body)
        finally:
            self.close()

    def close(self) -> None:
        """Remove the temporary files."""
        _close(self._files)
        self._files.clear()

    def _move_to_disk(self) -> None:
        self._files.append(_written(sorted(self._held, key=_order)))
        self._held, self._held_bytes = [], 0
        if len(self._files) >= self._most_files:
            merged = _written(_merged(self._files))
            _close(self._files)
            self._files = [merged]

    @contextmanager
    def _raising_stream_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StreamError(
                f"cannot sort {self._what} in {tempfile.gettempdir()}: {error.strerror}",
                self._hint,
            ) from error


def _merged(files: list[IO[bytes]]) -> Iterator[_Plain]:
    return heapq.merge(*map(_read, files), key=_order)


def _written(entries: Iterable[_Plain]) -> IO[bytes]:
    """Write entries to a temporary file that no other process can open, and rewind it."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller
    try:
        for entity, key, body in entries:
            names = entity.encode("utf-8", "surrogatepass"), key.encode("utf-8", "surrogatepass")
            file.write(_LENGTHS.pack(len(names[0]), len(names[1]), len(body)))
            file.write(b"%b%b%b" % (*names, body))
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _read(file: IO[bytes]) -> Iterator[_Plain]:
    while head := file.read(_LENGTHS.size):
        entity_bytes, key_bytes, body_bytes = _LENGTHS.unpack(head)
        entity = file.read(entity_bytes).decode("utf-8", "surrogatepass")
        key = file.read(key_bytes).decode("utf-8", "surrogatepass")
        yield entity, key, file.read(body_bytes)


def _close(files: Iterable[IO[bytes]]) -> None:
    for file in files:
        file.close()
