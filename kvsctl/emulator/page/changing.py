"""Edit and delete records for the page. No quotas or faults apply to its requests."""

import json
from typing import Final, NoReturn

import msgspec

from kvsctl.emulator import json_slices
from kvsctl.emulator.operations.service import Service, Write
from kvsctl.emulator.page.messages import CountRequest, Deleted, DeleteRequest, Record, SaveRequest
from kvsctl.emulator.page.reading import (
    count_records,
    existing,
    shown_record,
    version_of,
    whole_range,
)
from kvsctl.emulator.page.walking import ALIVE, select
from kvsctl.emulator.refusals import Refusal, malformed
from kvsctl.emulator.storage.rows import PLAIN, SECRET, Row
from kvsctl.emulator.wire import Item

DELETED_AT_ONCE: Final = 5_000
"""The most records of a prefix that one request deletes. The page repeats it and shows progress."""
_STATEMENT: Final = 500
_SPACES: Final = " \t\n\r"


async def save_record(service: Service, request: SaveRequest) -> Record:
    """Change a record as a set would, and return it.

    Raise Refusal if the record has changed since it was read (409), is missing (404), or if a set
    would refuse it.
    """
    now_ms = service.clock.now_ms()
    value = request.value.strip(_SPACES)
    _require_json(value, service)
    options = {"ttl": request.expiry} if isinstance(request.expiry, dict) else None
    entity = None if request.space in (PLAIN, SECRET) else request.space
    item = Item(request.key, entity, msgspec.Raw(value.encode()), options)

    def write() -> Record:
        row = existing(service, request, request.key, now_ms)
        if version_of(row) != request.version:
            raise Refusal(409, "RECORD_CHANGED", "The record has changed since it was read")
        if entity is not None:
            service.space(entity)
        checked = service.checked_write(item, now_ms)
        if request.expiry == "keep":
            checked = Write(checked.key, checked.value, row.expires)
        _put(service, request, checked, row, now_ms)
        return shown_record(existing(service, request, request.key, now_ms), now_ms)

    return await service.store.run(write, writes=True)


def _put(service: Service, request: SaveRequest, write: Write, row: Row, now_ms: int) -> None:
    store = request.installation, request.space
    keeps = service.options.ttl_less_set == "keeps-expiry"
    if keeps and write.expires is None and row.expires is not None:
        # A set without a ttl would not remove the expiry.
        service.remove(*store, [row.key], now_ms)
    service.put(*store, [write], now_ms, created_ms=row.created)


def _require_json(text: str, service: Service) -> None:
    """Raise Refusal, with the place of the mistake, if the text is not JSON."""
    if not text or json_slices.depth(text.encode()) > service.limits.value_depth:
        return  # refused by the checks of a set, with the code of the service
    try:
        json.loads(text, parse_constant=_refuse_constant, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise malformed(f"The value is not JSON: {error.msg} at {place}") from None
    except RecursionError:
        raise malformed("The value is not JSON") from None


def _refuse_constant(_name: str) -> NoReturn:
    raise malformed("The value is not JSON: NaN and Infinity are not numbers of JSON")


async def delete_records(service: Service, request: DeleteRequest) -> Deleted:
    """Delete records by their keys, or up to 5,000 of those with a prefix.

    Raise Refusal if the request has both or neither. Raise Refusal (409), and delete nothing, if
    more records have the prefix than were agreed to. The first request for a prefix counts all of
    them. Later requests count only the records that they would delete, so that the total time is
    proportional to the records: they refuse once these are more than the agreement has left.
    """
    if (request.keys is None) == (request.prefix is None):
        raise malformed("The request needs either keys or a prefix")
    if (request.agreed is None) != (request.prefix is None):
        raise malformed("The request needs the agreed number of records with a prefix")
    now_ms = service.clock.now_ms()
    store = request.installation, request.space
    left = max(0, (request.agreed or 0) - request.deleted)
    if request.prefix is not None and not request.deleted:
        await _require_agreed(service, request, left)

    def delete() -> Deleted:
        whole = whole_range(service, request, request.prefix or "")
        if whole is None:
            return Deleted(0, is_more=False)
        keys, is_more = request.keys, False
        if keys is None:
            gone, limit = service.gone_ms(now_ms), DELETED_AT_ONCE + 1
            service.rows.purge(gone)  # so that later parts need not skip expired records
            rest = "ORDER BY key LIMIT :limit"
            found = select(service.store, "key", whole, ALIVE, rest, gone=gone, limit=limit)
            if len(found) > left:
                raise _records_added()
            is_more = len(found) > DELETED_AT_ONCE
            keys = [key for (key,) in found[:DELETED_AT_ONCE]]
        deleted = 0
        for at in range(0, len(keys), _STATEMENT):
            some = keys[at : at + _STATEMENT]
            # The keys of a prefix are known to exist: no need to read their values.
            there = some if request.keys is None else service.read(*store, some, now_ms)
            deleted += len(there)
            service.remove(*store, some, now_ms)
        return Deleted(deleted, is_more)

    return await service.store.run(delete, writes=True)


async def _require_agreed(service: Service, request: DeleteRequest, agreed: int) -> None:
    """Raise Refusal (409) if more records have the prefix than a person agreed to delete."""
    count = CountRequest(
        installation=request.installation, space=request.space, prefix=request.prefix or ""
    )
    if (await count_records(service, count)).records > agreed:
        raise _records_added()


def _records_added() -> Refusal:
    return Refusal(
        409, "RECORDS_ADDED", "More records begin with this prefix than you agreed to delete"
    )
