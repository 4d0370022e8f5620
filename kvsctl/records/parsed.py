"""What parsing a piece of input gives: a record, or what is wrong with it."""

from collections.abc import Callable
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
