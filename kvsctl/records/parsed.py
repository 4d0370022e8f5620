"""The results of parsing a piece of input: a record, or the reason why it is not one."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from kvsctl.model import Identity
from kvsctl.records.checks import Breach


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """A record without its place in the input. `body` is its JSON in a batch request.

    `has_odd_blanks`: its key is plain text with white space that is seldom meant.
    """

    identity: Identity
    body: bytes
    expires_at: float | None = None
    has_odd_blanks: bool = False


class Rejected(NamedTuple):
    """Why a piece of input is not a valid record.

    `readable` is True if the piece has the form of a record. `record` is then the JSON of that
    record, if the piece itself is not: for a plain key, an argument, or a line that gets a
    default added.
    """

    breach: Breach
    identity: Identity | None = None
    readable: bool = True
    record: bytes | None = None


Parser: TypeAlias = Callable[[bytes], Parsed | Rejected]


class CommonRows(NamedTuple):
    """The keys and bodies of rows that are records without an entity.

    The entries at the indexes in `others` are not valid: the caller must read these rows one by
    one.
    """

    keys: Sequence[str]
    bodies: Sequence[bytes]
    others: Sequence[int] = ()


class TableParser(msgspec.Struct, frozen=True):
    """A parser of rows, given as bytes or already split into cells.

    `cells` splits the bytes of a row. `of_cells` parses the result. `common`, if set, parses many
    rows at once; for each row it gives the same result as `of_cells`.
    """

    cells: Callable[[bytes], list[str] | Breach]
    of_cells: Callable[[list[str] | Breach], Parsed | Rejected]
    common: Callable[[list[list[str]]], CommonRows] | None = None

    def __call__(self, piece: bytes) -> Parsed | Rejected:
        """Parse the bytes of a row."""
        return self.of_cells(self.cells(piece))
