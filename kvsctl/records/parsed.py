"""The results of parsing a piece of input: a record, or the reason why it is not one."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

import msgspec

from kvsctl.model import Identity, Origin, Problem
from kvsctl.records.checks import Breach
from kvsctl.records.inferred import InferredTypes


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """A record without its place in the input. `body` is its JSON in a batch request.

    `has_odd_blanks`: its key is plain text with white space that is seldom intended.
    """

    identity: Identity
    body: bytes
    expires_at: datetime | None = None
    has_odd_blanks: bool = False


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """Why a piece of input is not a valid record.

    `readable` is True if the piece has the form of a record. `record` is then the JSON of that
    record, if the piece itself is not: for a plain key, an argument, or a line that gets a
    default added.
    """

    breach: Breach
    identity: Identity | None = None
    readable: bool = True
    record: bytes | None = None

    def problem(self, position: int, origin: Origin, piece: bytes) -> Problem:
        """Return the problem of this piece of input."""
        breach = self.breach
        raw = piece if self.record is None else self.record
        return Problem(
            position,
            origin,
            self.identity,
            breach.code,
            breach.message,
            raw,
            self.readable,
            breach.cause,
        )


Parser: TypeAlias = Callable[[bytes], Parsed | Rejected]
Cells: TypeAlias = list[str]


class Columns(NamedTuple):
    """The records of many pieces, column by column.

    The entries at the indexes in `others` are not valid: the caller must parse these pieces one by
    one. `entities` and `expiries` are None if no record has one. `names` (`name_in_json`) may be
    given if one has an entity.
    """

    keys: Sequence[str]
    bodies: Sequence[bytes]
    others: Sequence[int] = ()
    entities: Sequence[str | None] | None = None
    expiries: Sequence[datetime | None] | None = None
    names: Sequence[bytes] | None = None


ReadMany: TypeAlias = Callable[[Sequence[bytes]], Columns]


class BlockParser(msgspec.Struct, frozen=True):
    """A parser of pieces, given one by one or many at once, with the same results.

    `careful` parses one. `read_many` reads a block, and leaves uncommon pieces to `careful`.
    """

    careful: Parser
    read_many: ReadMany

    def __call__(self, piece: bytes) -> Parsed | Rejected:
        """Parse one piece."""
        return self.careful(piece)


class TableParser(msgspec.Struct, frozen=True):
    """A parser of rows, given as bytes or already split into cells.

    `cells` splits the bytes of a row. `of_cells` parses the result. `read_many` reads many rows at
    once, and leaves uncommon rows to `of_cells`. `types` notes the types of cells that are read;
    the caller must then call `types.locate`. None: cells are strings.
    """

    cells: Callable[[bytes], Cells | Breach]
    of_cells: Callable[[Cells | Breach], Parsed | Rejected]
    read_many: Callable[[Sequence[Cells]], Columns]
    types: InferredTypes | None = None

    def __call__(self, piece: bytes) -> Parsed | Rejected:
        """Parse the bytes of a row."""
        return self.of_cells(self.cells(piece))
