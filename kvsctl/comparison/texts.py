"""Entries as bytes, in temporary files."""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import BinaryIO, Final, TypeAlias

Plain: TypeAlias = tuple[str, str, bytes]
"""An entry by its parts: entity, key and body."""

_LENGTHS: Final = Struct("<III")


def texts_of(entries: Iterable[Plain]) -> Iterator[bytes]:
    """Yield entries as they are written."""
    for entity, key, body in entries:
        names = entity.encode("utf-8", "surrogatepass"), key.encode("utf-8", "surrogatepass")
        lengths = _LENGTHS.pack(len(names[0]), len(names[1]), len(body))
        yield b"%b%b%b%b" % (lengths, *names, body)


def entries_in(file: BinaryIO) -> Iterator[Plain]:
    """Yield the entries that a file holds from its position on."""
    while head := file.read(_LENGTHS.size):
        entity_bytes, key_bytes, body_bytes = _LENGTHS.unpack(head)
        entity = file.read(entity_bytes).decode("utf-8", "surrogatepass")
        key = file.read(key_bytes).decode("utf-8", "surrogatepass")
        yield entity, key, file.read(body_bytes)
