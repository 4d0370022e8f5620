"""entity/query: list an entity by one of its indexes, filtered, page by page."""

from collections.abc import Iterator
from typing import Any

import msgspec

from kvsctl.emulator import json_slices
from kvsctl.emulator.operations.conditions import RANGE_CONDITIONS, checked_condition, predicate
from kvsctl.emulator.operations.cursors import cursor_of, position_of
from kvsctl.emulator.operations.queries import is_page, listed
from kvsctl.emulator.operations.service import Call, Service, requested_fields
from kvsctl.emulator.refusals import Refusal, malformed
from kvsctl.emulator.storage.entities import BY_KEY, Index
from kvsctl.emulator.storage.indexing import partition_text, positions, sortable
from kvsctl.emulator.storage.rows import FIELDS, LAST, Row, as_row
from kvsctl.emulator.wire import Response, encoded, read_object

Position = list[str | int | float | None]
NO_LIMIT = 2**62


class Plan(msgspec.Struct, frozen=True):
    """What to list: an index (None: the keys), its partition, the order and the start."""

    index: Index | None
    part: str
    descending: bool
    after: Position | None
    range_clause: dict[str, Any] | None


def query_entity(service: Service, call: Call) -> Response:
    """Return one page of an entity's records, with a cursor if there are more."""
    request = read_object(call.body)
    space = service.space(request.get("entityName") or _nameless())
    call.check_cursor_fault(request.get("cursor"))
    plan = _plan(service, space, request)
    in_range = _range_test(plan)
    meets = predicate(request.get("filters"))
    limit = _limit(service, request.get("limit"))
    fields = requested_fields(request.get("options"))
    page: list[tuple[Position, Row]] = []
    more = False
    for row in _walk(service, call, space, plan):
        value = json_slices.parsed(row.value)
        attributes = value if isinstance(value, dict) else {}
        at = row.key if plan.index is None else attributes.get(plan.index.range)
        if not in_range(at) or (meets is not None and not meets(attributes)):
            continue
        if len(page) == limit:
            more = True
            break
        page.append(([sortable(at), row.key], row))
    answer: dict[str, Any] = {"data": [listed(service, row, fields) for _, row in page]}
    if more:
        answer["cursor"] = cursor_of(*page[-1][0])
    return Response(body=encoded(answer))


def _nameless() -> str:
    raise malformed("entityName is missing")


def _limit(service: Service, limit: Any) -> int:
    limit = service.limits.query_page_default if limit is None else limit
    if not is_page(limit, service.limits.query_page):
        raise Refusal(
            400,
            "COMPLEX_QUERY_PAGE_LIMIT_NOT_IN_RANGE",
            f"The page limit must be set between 1 and {service.limits.query_page}.",
        )
    return int(limit)


def _plan(service: Service, space: str, request: dict[str, Any]) -> Plan:
    name = request.get("indexName")
    index = None
    if name != BY_KEY:
        declared = service.options.entities
        index = declared[space].indexes.get(str(name)) if declared is not None else None
        if index is None:
            raise Refusal(
                400,
                "INVALID_ENTITY_INDEX",
                "The custom entity index provided is invalid: the manifest declares no such index",
            )
    partition = request.get("partition")
    partition = [] if partition is None else partition
    expected = len(index.partition) if index is not None else 0
    if not isinstance(partition, list) or len(partition) != expected:
        raise malformed(f"This index needs a partition of {expected} values")
    part = partition_text(partition)
    if part is None:
        raise malformed("The values of a partition must be strings, numbers or booleans")
    sort = request.get("sort")
    if sort not in (None, "ASC", "DESC"):
        raise malformed("sort must be ASC or DESC")
    clause = request.get("range")
    if clause is not None and not isinstance(clause, dict):
        raise malformed("range must be an object")
    after = position_of(request.get("cursor"), 2)
    if after is not None and not _is_position(after):
        raise Refusal(400, "INVALID_CURSOR", "The cursor is not of this listing")
    return Plan(index, part, sort == "DESC", after, clause)


def _is_position(after: Position) -> bool:
    at, key = after
    # Our cursors hold sortable values only: an integer past 64 bits is a float there.
    return at is not None and type(sortable(at)) is type(at) and isinstance(key, str)


def _range_test(plan: Plan) -> Any:
    if plan.range_clause is None:
        return lambda _at: True
    test, wanted = checked_condition(plan.range_clause, RANGE_CONDITIONS)
    return lambda at: test(at, wanted)


def _walk(service: Service, call: Call, space: str, plan: Plan) -> Iterator[Row]:
    bucket = service.rows.bucket(call.installation, space)
    if bucket is None:
        return iter(())
    if service.lags:
        rows = service.list(call.installation, space, "", None, NO_LIMIT, call.now_ms)
        return _walk_past(rows, plan)
    return _indexed(service, bucket, plan, service.gone_ms(call.now_ms))


def _walk_past(rows: list[Row], plan: Plan) -> Iterator[Row]:
    """Sort lagging records here, because the index holds current records only."""
    placed: list[tuple[tuple[bool, Any, str], Row]] = []
    for row in rows:
        if plan.index is None:
            at: Any = row.key
        else:
            value = json_slices.parsed(row.value)
            position = positions(plan.index, value) if isinstance(value, dict) else None
            if position is None or position[0] != plan.part:
                continue
            at = position[1]
        # Numbers sort before strings, as in the index.
        placed.append(((isinstance(at, str), at, row.key), row))
    placed.sort(key=lambda pair: pair[0], reverse=plan.descending)
    if plan.after is not None:
        at, key = plan.after
        after = (isinstance(at, str), at, str(key))
        placed = [
            pair for pair in placed if (pair[0] < after if plan.descending else pair[0] > after)
        ]
    return (row for _, row in placed)


def _indexed(service: Service, bucket: int, plan: Plan, gone_ms: int) -> Iterator[Row]:
    bounds, parameters = _bounds(plan)
    way, beyond = ("DESC", "<") if plan.descending else ("ASC", ">")
    if plan.index is None:
        source = "(SELECT *, key AS range FROM record) WHERE bucket = ?"
        first: list[Any] = [bucket]
        order, position = f"key {way}", ["key"]
    else:
        source = (
            f"(SELECT i.range, i.name, i.part, i.bucket, {_record_columns()} FROM indexed i"  # noqa: S608
            " JOIN record r ON r.bucket = i.bucket AND r.key = i.key)"
            " WHERE bucket = ? AND name = ? AND part = ?"
        )
        first = [bucket, plan.index.name, plan.part]
        order, position = f"range {way}, key {way}", ["range", "key"]
    if plan.after is not None:
        bounds += f" AND ({', '.join(position)}) {beyond} ({', '.join('?' * len(position))})"
        parameters += plan.after[-len(position) :]
    sql = (
        f"SELECT {FIELDS} FROM {source}{bounds}"  # noqa: S608
        f" AND (expires IS NULL OR expires > ?) ORDER BY {order}"
    )
    found = service.store.connection.execute(sql, [*first, *parameters, gone_ms])
    return map(as_row, found)


def _record_columns() -> str:
    return ", ".join(f"r.{name} AS {name}" for name in FIELDS.split(", "))


def _bounds(plan: Plan) -> tuple[str, list[Any]]:
    """Return SQL bounds for a range condition. They may match too much: rows are tested again."""
    if plan.range_clause is None:
        return "", []
    values = [sortable(value) for value in plan.range_clause.get("values") or []]
    column = "key" if plan.index is None else "range"
    condition = plan.range_clause["condition"]
    if condition == "BEGINS_WITH":
        if not isinstance(values[0], str):
            return "", []
        return f" AND {column} >= ? AND {column} < ?", [values[0], values[0] + LAST]
    if condition == "BETWEEN":
        return f" AND {column} BETWEEN ? AND ?", values
    operator = {
        "EQUAL_TO": "=",
        "GREATER_THAN": ">",
        "GREATER_THAN_EQUAL_TO": ">=",
        "LESS_THAN": "<",
        "LESS_THAN_EQUAL_TO": "<=",
    }[condition]
    return f" AND {column} {operator} ?", values
