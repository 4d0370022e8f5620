"""The soak's input: each line depends only on the seed and its position, so nothing is stored.

Keys sort in the order of their first positions, and records of the same key lie at most `SPAN`
positions apart. A whole store can therefore be compared in one pass and in bounded memory.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Final, NamedTuple

SPAN: Final = 3000
POISON_PREFIX: Final = "bad"
POISON_CODE: Final = "INVALID_KEY"

_OF: Final = 10_000
_REPEATS: Final = 200
_POISON: Final = range(_REPEATS, _REPEATS + 2)
_UNREADABLE: Final = _POISON.stop
_BAD_TTL: Final = _UNREADABLE + 1
_NULL: Final = _BAD_TTL + 1
_WITH_TTL: Final = range(_NULL + 1, _NULL + 101)
_LARGE: Final = range(_WITH_TTL.stop, _WITH_TTL.stop + 10)
_PROBLEM_OF_REPEATS: Final = 16


class Fate(Enum):
    """The required end of a piece of input."""

    STORED = "stored"
    """The record is written, unless a later record of its key is."""
    REFUSED = "refused"
    """The record passes the checks, and the service refuses it."""
    PROBLEM = "problem"
    """The record fails the checks."""


class Piece(NamedTuple):
    """One line of input and its required end. `key` is None if the line has no readable key."""

    position: int
    line: bytes
    fate: Fate
    key: str | None
    value: bytes = b""
    has_ttl: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A piece with all pieces of its key, itself included, in input order."""

    piece: Piece
    of_its_key: list[Piece]

    @property
    def is_first(self) -> bool:
        """Whether the piece is the first of its key."""
        return self.of_its_key[0].position == self.piece.position

    @property
    def is_replaced(self) -> bool:
        """Whether a later record of its key passed the checks."""
        return any(
            other.position > self.piece.position and other.fate is not Fate.PROBLEM
            for other in self.of_its_key
        )


def piece(seed: int, position: int) -> Piece:
    """Return the piece at a position, always the same."""
    chance = blake2b(b"%d %d" % (seed, position), digest_size=20).digest()
    draw = int.from_bytes(chance[:4]) % _OF
    key = f"k{position:010}"
    if draw < _REPEATS:
        first = position - 1 - int.from_bytes(chance[4:6]) % (SPAN - 1)
        if first >= 0 and _begins_a_key(seed, first):
            key = f"k{first:010}"
            if chance[6] < _PROBLEM_OF_REPEATS:
                return _bad_ttl(position, key, chance)
        draw = _OF
    if draw in _POISON:
        key = f"{POISON_PREFIX}{position // SPAN:010}"
        value = _value(position, chance)
        line = b'{"key":"%b","value":%b}' % (key.encode(), value)
        return Piece(position, line, Fate.REFUSED, key, value, code=POISON_CODE)
    if draw == _UNREADABLE:
        line = b'{"key":"k%010d","value":%b' % (position, _value(position, chance))
        return Piece(position, line, Fate.PROBLEM, None, code="INVALID_JSON")
    if draw == _BAD_TTL:
        return _bad_ttl(position, key, chance)
    if draw == _NULL:
        line = b'{"key":"%b","value":null}' % key.encode()
        return Piece(position, line, Fate.PROBLEM, key, code="INVALID_VALUE")
    return _stored(position, key, draw, chance)


def placed(seed: int, records: int) -> Iterator[Placed]:
    """Yield all pieces in input order, each once all pieces of its key are known."""
    window: deque[Placed] = deque()
    by_key: dict[str, list[Piece]] = {}
    for position in range(records):
        made = piece(seed, position)
        of_its_key = [] if made.key is None else by_key.setdefault(made.key, [])
        of_its_key.append(made)
        window.append(Placed(made, of_its_key))
        if len(window) == SPAN:
            yield _leaving(window, by_key)
    while window:
        yield _leaving(window, by_key)


def _leaving(window: deque[Placed], by_key: dict[str, list[Piece]]) -> Placed:
    left = window.popleft()
    if left.is_first and left.piece.key is not None:
        del by_key[left.piece.key]
    return left


def _begins_a_key(seed: int, position: int) -> bool:
    chance = blake2b(b"%d %d" % (seed, position), digest_size=20).digest()
    draw = int.from_bytes(chance[:4]) % _OF
    return draw >= _REPEATS and draw not in _POISON and draw != _UNREADABLE


def _bad_ttl(position: int, key: str, chance: bytes) -> Piece:
    value = _value(position, chance)
    line = b'{"key":"%b","value":%b,"ttl":"soon"}' % (key.encode(), value)
    return Piece(position, line, Fate.PROBLEM, key, value, code="INVALID_TTL")


def _stored(position: int, key: str, draw: int, chance: bytes) -> Piece:
    value = _value(position, chance, large=draw in _LARGE)
    has_ttl = draw in _WITH_TTL
    ttl = b',"ttl":"300d"' if has_ttl else b""
    if chance[7] & 1:
        line = b'{"key":"%b","value":%b%b}' % (key.encode(), value, ttl)
    else:
        line = b'{ "value": %b, "key": "%b"%b }' % (value, key.encode(), ttl)
    return Piece(position, line, Fate.STORED, key, value, has_ttl)


def _value(position: int, chance: bytes, *, large: bool = False) -> bytes:
    """Return a unique value that a parser with float numbers would change."""
    number = int.from_bytes(chance[8:20])
    pad = b"x" * (chance[7] * 40 if large else chance[7] & 31)
    return b'{"at":%d,"n":%d,"f":1.%d0,"s":"%b"}' % (position, number, chance[7], pad)
