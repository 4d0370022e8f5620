"""One of N parts of the keys (`--shard I/N`), so that N processes can share one input.

The part of a key is the CRC-32 of its UTF-8 bytes modulo N, plus 1. For a record of an entity, the
bytes are the entity's name, a NUL and the key. CRC-32 is that of gzip, zlib, PNG and Ethernet:
every language has it, so other programs can divide keys in the same way. It takes a tenth of a
microsecond per key, and divides common keys (numbers, dates, UUIDs) evenly.

The part of an installation is computed in the same way from the last part of its id: its UUID, in
lower case, whether it is given as a UUID or as an ARI.

A piece of input without a key, such as a truncated line, is in the part of its own bytes. So each
piece of input is in one part, and all pieces of one key are in the same part.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Final, NamedTuple
from zlib import crc32

from kvsctl.errors import UsageError
from kvsctl.model import PieceList, Problem, Record
from kvsctl.slabs import Slab

_FORM: Final = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})")
_MOST_PARTS: Final = 999_999


class Shard(NamedTuple):
    """The part `number` of `parts`, counted from 1."""

    number: int
    parts: int

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"

    def divided(self, count: int) -> "list[Shard]":
        """Return `count` parts of this part. Raise UsageError if they are too small to be named."""
        parts = self.parts * count
        if parts > _MOST_PARTS:
            raise UsageError(f"{parts:,} parts are too many", f"At most {_MOST_PARTS:,} work.")
        return [Shard(self.number + place * self.parts, parts) for place in range(count)]

    def has(self, piece: Record | Problem) -> bool:
        """Return whether a record or a problem is in this part."""
        if piece.identity is not None:
            return self.has_key(piece.identity.entity, piece.identity.key)
        return self._has_bytes(piece.raw if isinstance(piece, Problem) else b"")

    def has_key(self, entity: str | None, key: str) -> bool:
        """Return whether a key of an entity is in this part; None: a plain key."""
        return self._has_bytes(_bytes_of(entity, key))

    def has_installation(self, short_id: str) -> bool:
        """Return whether an installation is in this part, by the last part of its id."""
        return self._has_bytes(short_id.lower().encode())

    def _has_bytes(self, data: bytes) -> bool:
        return crc32(data) % self.parts == self.number - 1

    def part_of(self, pieces: PieceList, position: int) -> PieceList:
        """Return the pieces of this part, in order, at `position` and the positions after it.

        The part of a slab is a slab.
        """
        if isinstance(pieces, Slab):
            return self._part_of_slab(pieces, position)
        part = [piece for piece in pieces if self.has(piece)]
        for place, piece in zip(count(position), part, strict=False):
            piece.position = place
        return part

    def _part_of_slab(self, slab: Slab, position: int) -> Slab:
        parts, index = self.parts, self.number - 1
        if slab.entities is None:
            encoded = _encoded(slab.keys)
        else:
            encoded = map(_bytes_of, slab.entities, slab.keys)
        return slab.selected([crc32(each) % parts == index for each in encoded], position)


def parsed_shard(text: str) -> Shard:
    """Return the shard that a text such as `2/8` names. Raise UsageError."""
    numbers = part_numbers(text)
    if numbers is None or numbers[1] > _MOST_PARTS:
        raise UsageError(
            f'--shard "{text}": not one of N parts',
            "Write it as I/N, with I from 1 to N: 1/4, 2/4, 3/4 and 4/4 are the whole. In an array "
            "job, write auto.",
        )
    return Shard(*numbers)


def part_numbers(text: str) -> tuple[int, int] | None:
    """Return I and N of a text `I/N`, with I from 1 to N; None if it is not such a text."""
    match = _FORM.fullmatch(text)
    numbers = (int(match[1]), int(match[2])) if match else None
    return None if numbers is None or numbers[0] > numbers[1] else numbers


def _bytes_of(entity: str | None, key: str) -> bytes:
    data = key.encode("utf-8", "surrogatepass")
    return data if entity is None else entity.encode("utf-8", "surrogatepass") + b"\0" + data


def _encoded(keys: Sequence[str]) -> Iterable[bytes]:
    try:
        return [*map(str.encode, keys)]
    except UnicodeEncodeError:  # half of a surrogate pair, which only unchecked keys can hold
        return [key.encode("utf-8", "surrogatepass") for key in keys]
