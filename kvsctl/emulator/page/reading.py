"""Read what the page shows: installations, keys by prefix, sizes, counts and records.

The work depends on what is shown, not on the size of the store: a level of the tree takes one
search of the index for each of its nodes. Only sizes and counts read all records of a prefix, piece
by piece.
"""

import hashlib
from contextlib import aclosing

from kvsctl.emulator.json_slices import is_unicode
from kvsctl.emulator.operations.cursors import cursor_of, position_of
from kvsctl.emulator.operations.service import Service
from kvsctl.emulator.options import DEFAULT_INSTALLATION
from kvsctl.emulator.page.messages import (
    Children,
    ChildrenRequest,
    Count,
    CountRequest,
    Installation,
    InstallationList,
    Listed,
    ListRequest,
    Node,
    Record,
    RecordList,
    RecordRequest,
    Space,
    StoreRequest,
)
from kvsctl.emulator.page.walking import ALIVE, Range, pieces, range_of, select
from kvsctl.emulator.refusals import key_not_found, malformed
from kvsctl.emulator.storage.rows import LAST, PLAIN, Row

COUNTED = 100
"""The most keys to count for a node: a full count would take time for each node."""
LISTED = "key, length(value), created, updated, expires"


async def list_installations(service: Service) -> InstallationList:
    """Return every installation that the options name or that was ever written to."""

    def read() -> InstallationList:
        found: dict[str, set[str]] = {name: set() for name in service.options.installations}
        for installation, space in service.store.connection.execute(
            "SELECT installation, space FROM bucket"
        ):
            found.setdefault(installation, set()).add(space)
        found = found or {DEFAULT_INSTALLATION: set()}
        return InstallationList(
            service.clock.now_ms(),
            [
                Installation(name, [Space(space) for space in sorted(found[name] | {PLAIN})])
                for name in sorted(found)
            ],
        )

    return await service.store.run(read)


async def list_children(service: Service, request: ChildrenRequest) -> Children:
    """Return the nodes one level below a prefix: records, and prefixes up to the delimiter."""
    now_ms = service.clock.now_ms()
    gone = service.gone_ms(now_ms)
    position = position_of(request.after, 1)

    def read() -> Children:
        whole = whole_range(service, request, request.prefix)
        nodes: list[Node] = []
        if whole is None:
            return Children(now_ms, nodes, None)
        left = whole if position is None else range_from(whole, str(position[0]))
        while found := select(
            service.store, LISTED, left, ALIVE, "ORDER BY key LIMIT 1", gone=gone
        ):
            if len(nodes) == request.limit:
                return Children(now_ms, nodes, cursor_of(left.start))
            key: str = found[0][0]
            end = key.find(request.delimiter, len(request.prefix)) + 1
            if end:
                nodes.append(_prefix_node(service, range_of(whole.bucket, key[:end]), gone))
                left = left._replace(start=key[:end] + LAST)
            else:
                nodes.append(Node(record=Listed(*found[0])))
                left = left._replace(start=key + "\0")
        return Children(now_ms, nodes, None)

    return await service.store.run(read)


def range_from(whole: Range, start: str) -> Range:
    """Return the part of a range from a position on. A caller may have made up the position."""
    return whole._replace(start=max(whole.start, start))


def condition_of(*, never_expires: bool) -> str:
    """Return the SQL condition for existing records, or only those that never expire."""
    return f"{ALIVE} AND expires IS NULL" if never_expires else ALIVE


def _prefix_node(service: Service, within: Range, gone: int) -> Node:
    (count,) = service.store.connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM record WHERE bucket = :bucket AND key >= :start"  # noqa: S608
        f" AND key < :stop AND {ALIVE} LIMIT :most)",
        {**within._asdict(), "gone": gone, "most": COUNTED + 1},
    ).fetchone()
    return Node(prefix=within.start, count=min(count, COUNTED), is_counted=count <= COUNTED)


async def list_records(service: Service, request: ListRequest) -> RecordList:
    """Return a page of the records with a prefix, by key or by size."""
    now_ms = service.clock.now_ms()
    gone = service.gone_ms(now_ms)
    by_size = request.sort == "size"
    position = position_of(request.after, 2 if by_size else 1)
    whole = await service.store.run(lambda: whole_range(service, request, request.prefix))
    if whole is None:
        return RecordList(now_ms, [], None)
    condition = condition_of(never_expires=request.never_expires)
    if by_size:
        after = position or [None, None]
        rows = await _largest(service, whole, condition, request.limit + 1, gone, after)
    else:
        left = whole if position is None else range_from(whole, f"{position[0]}\0")
        rows = await first_records(service, left, condition, request.limit + 1, gone)
    cursor = None
    if len(rows) > request.limit:
        rows = rows[: request.limit]
        last = rows[-1]
        cursor = cursor_of(last.size, last.key) if by_size else cursor_of(last.key)
    return RecordList(now_ms, rows, cursor)


async def first_records(
    service: Service, whole: Range, condition: str, limit: int, gone: int
) -> list[Listed]:
    """Return the first records of a range, at most `limit`, in the order of keys."""
    rows: list[Listed] = []

    def work(piece: Range) -> list[Listed]:
        rest = "ORDER BY key LIMIT :limit"
        left = limit - len(rows)
        found = select(service.store, LISTED, piece, condition, rest, gone=gone, limit=left)
        return [Listed(*row) for row in found]

    async with aclosing(pieces(service.store, whole, work)) as found_rows:
        async for found in found_rows:
            rows += found
            if len(rows) == limit:
                break
    return rows


async def _largest(
    service: Service,
    whole: Range,
    condition: str,
    limit: int,
    gone: int,
    after: list[str | int | float | None],
) -> list[Listed]:
    size, key = after
    if size is not None:
        condition += " AND (length(value) < :size OR length(value) = :size AND key > :key)"

    def work(piece: Range) -> list[Listed]:
        rest = "ORDER BY length(value) DESC, key LIMIT :limit"
        values = {"gone": gone, "limit": limit, "size": size, "key": key}
        return [
            Listed(*row) for row in select(service.store, LISTED, piece, condition, rest, **values)
        ]

    rows: list[Listed] = []
    async for found in pieces(service.store, whole, work):
        rows = sorted(rows + found, key=lambda one: (-one.size, one.key))[:limit]
    return rows


async def count_records(service: Service, request: CountRequest) -> Count:
    """Return how many records have a prefix, and the bytes of their values."""
    gone = service.gone_ms(service.clock.now_ms())
    whole = await service.store.run(lambda: whole_range(service, request, request.prefix))
    condition = condition_of(never_expires=request.never_expires)

    def work(piece: Range) -> tuple[int, int]:
        columns = "count(*), coalesce(sum(length(value)), 0)"
        (found,) = select(service.store, columns, piece, condition, gone=gone)
        return found[0], found[1]

    records = size = 0
    if whole is not None:
        async for count, found in pieces(service.store, whole, work):
            records += count
            size += found
    return Count(records, size)


async def read_record(service: Service, request: RecordRequest) -> Record:
    """Return a record. Raise Refusal (404) if there is none."""
    now_ms = service.clock.now_ms()
    return await service.store.run(
        lambda: shown_record(existing(service, request, request.key, now_ms), now_ms)
    )


def existing(service: Service, store: StoreRequest, key: str, now_ms: int) -> Row:
    """Return a record as it is stored. Raise Refusal (404) if there is none."""
    row = service.read(store.installation, store.space, [key], now_ms).get(key)
    if row is None:
        raise key_not_found()
    return row


def shown_record(row: Row, now_ms: int) -> Record:
    """Return a record for the page."""
    return Record(
        now_ms,
        row.key,
        row.value.decode(errors="replace"),
        version_of(row),
        len(row.value),
        row.created,
        row.updated,
        row.expires,
    )


def version_of(row: Row) -> str:
    """Return a text that differs for each value and expiry of a record.

    The time of the last write alone is not enough: a test may have stopped the clock.
    """
    return hashlib.sha256(b"%d %r " % (row.updated, row.expires) + row.value).hexdigest()[:32]


def whole_range(service: Service, store: StoreRequest, prefix: str) -> Range | None:
    """Return the range of a prefix in a store, or None if the store has never been written to.

    Raise Refusal if the prefix is not valid Unicode.
    """
    if not all(map(is_unicode, (prefix, store.installation, store.space))):
        raise malformed("A prefix must be valid Unicode")
    bucket = service.rows.bucket(store.installation, store.space)
    return None if bucket is None else range_of(bucket, prefix)
