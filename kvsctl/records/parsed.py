"""What parsing a piece of input gives: a record, or what is wrong with it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from kvsctl.model import Identity
from kvsctl.records.checks import Breach


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """A record without its place: `body` is what a batch request carries for it."""

    identity: Identity
    body: bytes
    expires_at: float | None = None


class Rejected(NamedTuple):
    """Why a piece of input is no record. `readable`: it is one by its form.

    `record` is the JSON of the record that it is by its form, where the piece itself is not that:
    a plain key, an argument, or a line that gets a default beside what it says.
    """

    breach: Breach
    identity: Identity | None = None
    readable: bool = True
    record: bytes | None = None


Parser: TypeAlias = Callable[[bytes], Parsed | Rejected]


class CommonRows(NamedTuple):
    """Rows that are records without an entity: their keys and bodies.

    Of the rows at `others` nothing is said: they are to be read one by one.
    """

    keys: Sequence[str]
    bodies: Sequence[bytes]
    others: Sequence[int] = ()


class TableParser(msgspec.Struct, frozen=True):
    """A parser of rows, be they bytes or cells already.

    `cells` reads a row's bytes, `of_cells` what came of it. `common`, where there is one, reads
    many rows and says of none but what `of_cells` says of it.
    """

    cells: Callable[[bytes], list[str] | Breach]
    of_cells: Callable[[list[str] | Breach], Parsed | Rejected]
    common: Callable[[list[list[str]]], CommonRows] | None = None

    def __call__(self, piece: bytes) -> Parsed | Rejected:
        """Reads a row."""
        return self.of_cells(self.cells(piece))
