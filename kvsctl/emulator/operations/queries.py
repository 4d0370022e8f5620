"""query: list the plain keys of an installation in lexicographic order, page by page.

With a query lag, listings are eventually consistent. Responses always contain values. Of the
metadata only `expireTime` is promised, so the options can omit `createdAt` and `updatedAt` or make
them stale (contract: section "Endpoints").
"""

from typing import Any

from kvsctl.emulator.json_slices import is_unicode
from kvsctl.emulator.operations.cursors import cursor_of, position_of
from kvsctl.emulator.operations.service import Call, Service, requested_fields
from kvsctl.emulator.refusals import Refusal, malformed
from kvsctl.emulator.storage.rows import PLAIN, Row
from kvsctl.emulator.wire import Response, encoded, read_object


def query(service: Service, call: Call) -> Response:
    """Return one page of plain records, with a cursor if there are more."""
    request = read_object(call.body)
    limits = service.limits
    limit = request.get("limit")
    limit = limits.query_page_default if limit is None else limit
    if not is_page(limit, limits.query_page):
        raise Refusal(
            400,
            "LIST_QUERY_LIMIT_EXCEEDED",
            f"Limit for list query should be between 1 and {limits.query_page}.",
        )
    prefix = _prefix(request.get("where"))
    fields = requested_fields(request.get("options"))
    call.check_cursor_fault(request.get("after"))
    position = position_of(request.get("after"), 1)
    after = None if position is None else str(position[0])
    rows = service.list(call.installation, PLAIN, prefix, after, limit + 1, call.now_ms)
    answer: dict[str, Any] = {"data": [listed(service, row, fields) for row in rows[:limit]]}
    if len(rows) > limit:
        answer["cursor"] = cursor_of(rows[limit - 1].key)
    return Response(body=encoded(answer))


def is_page(limit: object, most: int) -> bool:
    """Return whether `limit` is an integer from 1 to `most`."""
    return isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= most


def listed(service: Service, row: Row, fields: frozenset[str]) -> dict[str, object]:
    """Return a record as query responses show it."""
    metadata = service.options.query_metadata
    if metadata == "omitted":
        fields &= {"EXPIRE_TIME"}
    elif metadata == "stale":
        row = row._replace(updated=row.created)
    return service.shown(row, fields)


def _prefix(where: object) -> str:
    if where is None or where == []:
        return ""
    if not isinstance(where, list) or len(where) != 1:
        raise Refusal(
            400, "QUERY_WHERE_INVALID", 'KVS queries should contain only a single "where" clause.'
        )
    clause = where[0]
    if not isinstance(clause, dict):
        raise malformed("A where clause must be an object")
    if clause.get("property") != "key":
        raise Refusal(
            400, "QUERY_WHERE_FIELD_INVALID", "The specified field is not supported for filters."
        )
    if clause.get("condition") != "BEGINS_WITH":
        raise Refusal(
            400,
            "INVALID_FILTER_CONDITION",
            "The specified condition is not supported for filters.",
        )
    values = clause.get("values")
    if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], str):
        raise Refusal(
            400,
            "INVALID_FILTER_VALUES",
            "The specified number of values are not supported by the given condition.",
        )
    prefix: str = values[0]
    if not is_unicode(prefix):
        raise malformed("A prefix must be valid Unicode")
    return prefix
