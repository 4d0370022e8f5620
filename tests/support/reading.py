"""Compare reading many pieces at once with reading each alone."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from kvsctl.model import Identity, name_in_json
from kvsctl.records.parsed import Columns, Parsed, Parser

_Piece = TypeVar("_Piece")


def records_in(columns: Columns) -> list[Parsed | None]:
    """Return the records of columns; None for each piece that is left to the careful parser."""
    keys, bodies, others, entities, expiries, names = columns
    count = len(keys)
    assert len(bodies) == count
    assert sorted(set(others)) == list(others)
    found: list[Parsed | None] = []
    for place, (key, body, entity, expiry) in enumerate(
        zip(keys, bodies, entities or [None] * count, expiries or [None] * count, strict=True)
    ):
        is_left = place in others
        identity = Identity(entity, key)
        # Where no record has an entity, its lane is its key.
        assert is_left or names is None or names[place] == name_in_json(identity)
        found.append(None if is_left else Parsed(identity, body, expiry))
    return found


def assert_as_each_alone(columns: Columns, pieces: Sequence[bytes], careful: Parser) -> None:
    """Assert that every record equals what the careful parser makes of its piece alone."""
    found = records_in(columns)
    assert len(found) == len(pieces)
    for record, piece in zip(found, pieces, strict=True):
        assert record is None or record == careful(piece), piece


def problems_among(pieces: Sequence[_Piece], careful: Callable[[_Piece], object]) -> list[int]:
    """Return the indexes of pieces that the careful parser refuses."""
    return [place for place, piece in enumerate(pieces) if not isinstance(careful(piece), Parsed)]
