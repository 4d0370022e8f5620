"""Archives of texts: whole, in several members, truncated, or changed."""

import gzip
from enum import Enum
from typing import Final

from backports import zstd

from benchmarks.fuzz.grammar import Grammar

_CUT_ONE_IN: Final = 6
_MAGIC_BYTES: Final = 4


class Archive(Enum):
    """A kind of archive."""

    GZIP = "gzip"
    ZSTD = "zstd"


class Damage(Enum):
    """The damage done to an archive."""

    NONE = "none"
    CUT = "cut"
    CHANGED = "changed"


def archived(archive: Archive, text: bytes, grammar: Grammar) -> tuple[bytes, Damage]:
    """Pack the text in one or more members; return the archive and the damage done to it."""
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
            # Fewer bytes cannot be recognised as the beginning of an archive.
            return short, Damage.CUT if len(short) >= _MAGIC_BYTES else Damage.CHANGED
    whole = b"".join(packed)
    if grammar.once_in(_CUT_ONE_IN):
        return grammar.mutated(whole), Damage.CHANGED
    return whole, Damage.NONE


def _packed(archive: Archive, text: bytes) -> bytes:
    if archive is Archive.GZIP:
        return gzip.compress(text, compresslevel=1, mtime=0)
    return zstd.compress(text)
