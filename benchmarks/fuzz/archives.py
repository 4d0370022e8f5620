"""Archives of texts: whole, in several members, cut short, or changed."""

import gzip
from enum import Enum
from typing import Final

from backports import zstd

from benchmarks.fuzz.grammar import Grammar

_CUT_ONE_IN: Final = 6
_MAGIC_BYTES: Final = 4


class Archive(Enum):
    """How a text is packed."""

    GZIP = "gzip"
    ZSTD = "zstd"


class Damage(Enum):
    """What was done to an archive."""

    NONE = "none"
    CUT = "cut"
    CHANGED = "changed"


def archived(archive: Archive, text: bytes, grammar: Grammar) -> tuple[bytes, Damage]:
    """The text packed, in one member or more, and what was done to the archive."""
    members = [text]
    if grammar.once_in(3):
        middle = int(grammar.chance.random() * (len(text) + 1))
        members = [text[:middle], b"", text[middle:]]
    packed = [_packed(archive, member) for member in members]
    if grammar.once_in(_CUT_ONE_IN):
        last = packed[-1]
        packed[-1] = last[: 1 + int(grammar.chance.random() * (len(last) - 1))]
        if packed[-1] != last:
            short = b"".join(packed)
            # Of fewer bytes nobody can say that they began an archive.
            return short, Damage.CUT if len(short) >= _MAGIC_BYTES else Damage.CHANGED
    whole = b"".join(packed)
    if grammar.once_in(_CUT_ONE_IN):
        return grammar.mutated(whole), Damage.CHANGED
    return whole, Damage.NONE


def _packed(archive: Archive, text: bytes) -> bytes:
    if archive is Archive.GZIP:
        return gzip.compress(text, compresslevel=1, mtime=0)
    return zstd.compress(text)
