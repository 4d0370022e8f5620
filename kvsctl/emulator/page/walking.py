"""Walk all records of a prefix in pieces of work, short enough to let other requests in between.

SQLite needs about 0.3 s to read the sizes of a million records. As one piece of work, that would
hold up every other request.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Any, NamedTuple, TypeVar

from kvsctl.emulator.storage.rows import LAST
from kvsctl.emulator.storage.store import Store

T = TypeVar("T")

RECORDS = 5_000
"""The records of one piece of work: about 2 ms."""
ALIVE = "(expires IS NULL OR expires > :gone)"


class Range(NamedTuple):
    """The records of a bucket from one key, included, to another, excluded."""

    bucket: int
    start: str
    stop: str


def range_of(bucket: int, prefix: str) -> Range:
    """Return the range of a prefix."""
    return Range(bucket, prefix, prefix + LAST)


def select(
    store: Store, columns: str, within: Range, condition: str, rest: str = "", **values: Any
) -> list[Any]:
    """Return rows of a range. Call it in the store's work.

    `condition` selects records, and `rest` follows it in the statement. `values` are the parameters
    of both.
    """
    return store.connection.execute(
        f"SELECT {columns} FROM record WHERE bucket = :bucket AND key >= :start AND key < :stop"  # noqa: S608
        f" AND {condition} {rest}",
        {**within._asdict(), **values},
    ).fetchall()


async def pieces(store: Store, whole: Range, work: Callable[[Range], T]) -> AsyncGenerator[T, None]:
    """Do `work` on each piece of a range, in the order of keys, and yield its results."""
    left: Range | None = whole

    def do(left: Range) -> tuple[T, Range | None]:
        found = select(
            store, "key", left, "TRUE", "ORDER BY key LIMIT 1 OFFSET :most", most=RECORDS
        )
        if not found:
            return work(left), None
        return work(left._replace(stop=found[0][0])), left._replace(start=found[0][0])

    while left is not None:
        now = left
        result, left = await store.run(lambda now=now: do(now))  # type: ignore[misc]
        yield result
