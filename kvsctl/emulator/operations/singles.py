"""get, set and delete of one record: plain, secret, or of an entity.

The operations are the same for all three. Only their paths and spaces differ.
"""

from collections.abc import Callable
from typing import Any

from kvsctl.emulator import rules
from kvsctl.emulator.operations.service import (
    NO_OPTIONS,
    SET_OPTIONS,
    Call,
    Operation,
    Service,
    metadata_fields,
    requested_fields,
)
from kvsctl.emulator.refusals import key_conflict, key_not_found, malformed
from kvsctl.emulator.storage.rows import SECRET, Row
from kvsctl.emulator.wire import Item, Response, encoded, read_record

SINGLE_SET_OPTIONS = SET_OPTIONS | {"keyPolicy", "returnValue", "returnMetadataFields"}
SpaceOf = Callable[[Service, Item], str]


def _plain(service: Service, item: Item) -> str:
    item.entity_name = None
    return service.space(None)


def _secret(_service: Service, item: Item) -> str:
    item.entity_name = None
    return SECRET


def _entity(service: Service, item: Item) -> str:
    if item.entity_name is None:
        raise malformed("entityName is missing")
    return service.space(item.entity_name)


def getter(space_of: SpaceOf) -> Operation:
    """Return the operation that reads one record. A missing record is a 404."""

    def get(service: Service, call: Call) -> Response:
        item = read_record(call.body, service.limits)
        call.check_fault(item.key)
        space = space_of(service, item)
        key = rules.check_key(item.key, service.limits, of_entity=item.entity_name is not None)
        fields = requested_fields(item.options)
        row = service.read(call.installation, space, [key], call.now_ms).get(key)
        if row is None:
            raise key_not_found()
        return Response(body=encoded(_record(service, item, row, fields)))

    return get


def setter(space_of: SpaceOf) -> Operation:
    """Return the operation that writes one record, and returns it if `returnValue` says so."""

    def set_one(service: Service, call: Call) -> Response:
        item = read_record(call.body, service.limits)
        call.check_fault(item.key)
        space = space_of(service, item)
        write = service.checked_write(item, call.now_ms, SINGLE_SET_OPTIONS)
        policy, wanted, fields = _set_options(item.options)
        before = None
        if policy == "FAIL_IF_EXISTS" or wanted == "PREVIOUS":
            before = _one(service, call, space, write.key)
        if policy == "FAIL_IF_EXISTS" and before is not None:
            raise key_conflict()
        service.put(call.installation, space, [write], call.now_ms)
        shown = _one(service, call, space, write.key) if wanted == "LATEST" else before
        if wanted is None or shown is None:
            return Response(204)
        return Response(body=encoded(_record(service, item, shown, fields)))

    return set_one


def deleter(space_of: SpaceOf) -> Operation:
    """Return the operation that deletes one record. Deleting a missing record succeeds."""

    def delete(service: Service, call: Call) -> Response:
        item = read_record(call.body, service.limits)
        call.check_fault(item.key)
        space = space_of(service, item)
        key = rules.check_key(item.key, service.limits, of_entity=item.entity_name is not None)
        rules.check_options(item.options, NO_OPTIONS)
        service.remove(call.installation, space, [key], call.now_ms)
        return Response(204)

    return delete


def _one(service: Service, call: Call, space: str, key: str) -> Row | None:
    return service.read(call.installation, space, [key], call.now_ms).get(key)


def _record(service: Service, item: Item, row: Row, fields: frozenset[str]) -> dict[str, Any]:
    shown = service.shown(row, fields)
    if item.entity_name is not None:
        shown["entityName"] = item.entity_name
    return shown


def _set_options(
    options: dict[str, Any] | None,
) -> tuple[str | None, str | None, frozenset[str]]:
    options = options or {}
    policy, wanted = options.get("keyPolicy"), options.get("returnValue")
    if policy not in (None, "OVERRIDE", "FAIL_IF_EXISTS"):
        raise malformed("keyPolicy must be OVERRIDE or FAIL_IF_EXISTS")
    if wanted not in (None, "PREVIOUS", "LATEST"):
        raise malformed("returnValue must be PREVIOUS or LATEST")
    if wanted is not None and policy == "FAIL_IF_EXISTS":
        raise malformed("returnValue is allowed with keyPolicy OVERRIDE only")
    return policy, wanted, metadata_fields(options, "returnMetadataFields")


get_plain, set_plain, delete_plain = getter(_plain), setter(_plain), deleter(_plain)
get_secret, set_secret, delete_secret = getter(_secret), setter(_secret), deleter(_secret)
get_entity, set_entity, delete_entity = getter(_entity), setter(_entity), deleter(_entity)
