"""Walk through both sides at once, and find the differences."""

from collections.abc import AsyncIterator, Callable
from enum import Enum
from operator import add
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import astuple

from kvsctl import jsontext
from kvsctl.comparison.entries import Block, Entry
from kvsctl.jsonequal import are_equal


class Change(Enum):
    """How a record differs."""

    ADDED = "added"
    """Only the right has it."""
    CHANGED = "changed"
    """Both have it, with different values."""
    MISSING = "missing"
    """Only the left has it."""


class Difference(msgspec.Struct, frozen=True, gc=False):
    """A record that differs. At least one side has it."""

    change: Change
    left: Entry | None
    right: Entry | None

    @property
    def entry(self) -> Entry:
        """The record as the left has it, or else as the right does."""
        entry = self.left or self.right
        assert entry is not None  # noqa: S101
        return entry


Equality: TypeAlias = Callable[[bytes, bytes], bool]
"""Returns whether two values, as JSON texts, count as equal."""


def same_text(one: bytes, other: bytes) -> bool:
    """Return whether two values are equal byte by byte."""
    return one == other


def value_of(body: bytes) -> bytes:
    """Return the value of a record, with its exact bytes."""
    return jsontext.members(body)["value"]


class Counts(msgspec.Struct):
    """How many identities were compared, and how they differ."""

    equal: int = 0
    added: int = 0
    changed: int = 0
    missing: int = 0

    def plus(self, other: "Counts | None") -> "Counts":
        """Return the sum of both. None counts as zero."""
        if other is None:
            return self
        return Counts(*map(add, astuple(self), astuple(other)))

    @property
    def compared(self) -> int:
        """How many identities were compared."""
        return self.equal + self.differences

    @property
    def differences(self) -> int:
        """How many of them differ."""
        return self.added + self.changed + self.missing


class Comparer:
    """Compares entries, counts, and passes on each difference.

    Values are equal if they are the same JSON, unless `are_equal` says otherwise.
    """

    def __init__(self, take: Callable[[Difference], None], are_equal: Equality = are_equal) -> None:
        self._take = take
        self._are_equal = are_equal
        self.counts: Final = Counts()

    def compare(self, left: Entry | None, right: Entry | None) -> None:
        """Compare the entries of one identity. At least one side has it."""
        counts = self.counts
        if left is None:
            counts.added += 1
            self._take(Difference(Change.ADDED, None, right))
        elif right is None:
            counts.missing += 1
            self._take(Difference(Change.MISSING, left, None))
        elif left.body == right.body or self._are_equal(value_of(left.body), value_of(right.body)):
            counts.equal += 1
        else:
            counts.changed += 1
            self._take(Difference(Change.CHANGED, left, right))


async def join(
    left: AsyncIterator[Block], right: AsyncIterator[Block], compare: Callable[..., None]
) -> None:
    """Call `compare` for each identity, in order, with its entry of each side or None.

    Both sides yield each identity at most once, in the order of entities and keys.
    """
    lefts, rights = _Side(left), _Side(right)
    one, other = await lefts.next(), await rights.next()
    while one is not None or other is not None:
        if other is None or (one is not None and one[:2] < other[:2]):
            compare(one, None)
            one = lefts.ready() or await lefts.next()
        elif one is None or other[:2] < one[:2]:
            compare(None, other)
            other = rights.ready() or await rights.next()
        else:
            compare(one, other)
            one = lefts.ready() or await lefts.next()
            other = rights.ready() or await rights.next()


class _Side:
    """The entries of a side, one at a time."""

    def __init__(self, blocks: AsyncIterator[Block]) -> None:
        self._blocks = blocks
        self._block: Block = ()
        self._place = 0

    def ready(self) -> Entry | None:
        """Return the next entry of the current block; None at its end."""
        if self._place >= len(self._block):
            return None
        self._place += 1
        return self._block[self._place - 1]

    async def next(self) -> Entry | None:
        """Return the next entry; None at the end of the side."""
        while (entry := self.ready()) is None:
            block = await anext(self._blocks, None)
            if block is None:
                return None
            self._block, self._place = block, 0
        return entry
