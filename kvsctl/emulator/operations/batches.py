"""batch/set, batch/get and batch/delete.

A refused item fails alone, in `failedKeys`. With `bad_record="refuses-batch"` the whole batch is
refused instead. All changes of a batch are made in one database transaction.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kvsctl.emulator import rules
from kvsctl.emulator.operations.service import (
    NO_FIELDS,
    NO_OPTIONS,
    Call,
    Service,
    Write,
    requested_fields,
)
from kvsctl.emulator.refusals import INVALID_BODY, Refusal, key_not_found
from kvsctl.emulator.storage.rows import PLAIN
from kvsctl.emulator.wire import (
    Item,
    PlainItem,
    Response,
    encoded,
    json_text,
    read_batch,
    read_plain_batch,
)

T = TypeVar("T")


class _BatchLists:
    """The two lists of a batch response, filled item by item."""

    def __init__(self, service: Service, call: Call, items: Sequence[Item]) -> None:
        self.service = service
        self.call = call
        self.items = items
        self.successful: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []

    def each(self, verb: str, check: Callable[[Item, str], T]) -> list[tuple[Item, str, T]]:
        """Check the items of the batch. Return the items that pass, with space and check result.

        The other items are added to `failed`. Raise Refusal if the whole batch is refused.
        """
        records = self.items
        rules.check_batch_count(len(records), verb, self.service.limits)
        rules.check_distinct(((one.entity_name, one.key) for one in records), len(records))
        passed: list[tuple[Item, str, T]] = []
        record_faults = self.call.record_faults
        for item in records:
            if record_faults is not None and record_faults.leaves_out(item.key):
                continue
            try:
                refusal = None if record_faults is None else record_faults.refusal(item.key)
                if refusal is not None:
                    raise refusal
                space = self.service.space(item.entity_name)
                passed.append((item, space, check(item, space)))
            except Refusal as found:
                self.fail(item, found)
        return passed

    def fail(self, item: Item, refusal: Refusal) -> None:
        """Add the item to `failedKeys`.

        Raise the refusal, for the whole batch, if the options say so, or if the service's schema
        does not allow the item. A missing key never refuses a batch.
        """
        options = self.service.options
        is_whole = (
            options.bad_record == "refuses-batch"
            or refusal.code in options.refuse_batch_for
            or refusal.code == INVALID_BODY
        )
        if is_whole and refusal.code != "KEY_NOT_FOUND":
            raise refusal
        error = {"code": refusal.code, "message": refusal.message}
        self.failed.append({**_named(item), "error": error})

    def answer(self) -> Response:
        """Return the response with both lists."""
        return Response(
            body=encoded({"successfulKeys": self.successful, "failedKeys": self.failed})
        )


def _named(item: Item) -> dict[str, Any]:
    if item.entity_name is None:
        return {"key": json_text(item.key)}
    return {"key": json_text(item.key), "entityName": json_text(item.entity_name)}


def _common_items(service: Service, call: Call) -> tuple[list[str], list[PlainItem]] | None:
    """Return the keys and the items of a batch of plain records; None for any other batch.

    Nearly every batch is one of plain records. No key in it can be refused, so it is carried out as
    a whole, with the same response.
    """
    items = read_plain_batch(call.body)
    if not items or len(items) > service.limits.batch_records or call.record_faults is not None:
        return None
    keys = [item.key for item in items]
    is_common = len(set(keys)) == len(keys) and rules.are_common_keys(keys, service.limits)
    return (keys, items) if is_common else None


def _all_done(keys: Sequence[str]) -> Response:
    """Return the response of a batch of common keys that all succeeded."""
    named = '"},{"key":"'.join(keys).encode()
    return Response(body=b'{"successfulKeys":[{"key":"%b"}],"failedKeys":[]}' % named)


def set_batch(service: Service, call: Call) -> Response:
    """Write the records of a batch."""
    if (common := _common_items(service, call)) is not None:
        keys, plain_items = common
        values = [bytes(item.value) for item in plain_items]
        if rules.are_common_values(values, service.limits):
            service.put(call.installation, PLAIN, list(map(Write, keys, values)), call.now_ms)
            return _all_done(keys)
    lists = _BatchLists(service, call, read_batch(call.body, service.limits))
    spaces: dict[str, list[Write]] = {}
    for item, space, write in lists.each(
        "set", lambda item, _space: service.checked_write(item, call.now_ms)
    ):
        spaces.setdefault(space, []).append(write)
        lists.successful.append(_named(item))
    for space, writes in spaces.items():
        service.put(call.installation, space, writes, call.now_ms)
    return lists.answer()


def delete_batch(service: Service, call: Call) -> Response:
    """Delete the keys of a batch. Deleting a missing key succeeds."""
    if (common := _common_items(service, call)) is not None:
        service.remove(call.installation, PLAIN, common[0], call.now_ms)
        return _all_done(common[0])
    lists = _BatchLists(service, call, read_batch(call.body, service.limits))
    spaces: dict[str, list[str]] = {}
    checked_key = _checked_key(service)

    def check(item: Item, space: str) -> str:
        rules.check_options(item.options, NO_OPTIONS)
        return checked_key(item, space)

    for item, space, key in lists.each("delete", check):
        spaces.setdefault(space, []).append(key)
        lists.successful.append(_named(item))
    for space, keys in spaces.items():
        service.remove(call.installation, space, keys, call.now_ms)
    return lists.answer()


def get_batch(service: Service, call: Call) -> Response:
    """Read the keys of a batch, strictly consistent."""
    if service.shows_stored_bytes and (common := _common_items(service, call)) is not None:
        records = service.json_of(call.installation, common[0], call.now_ms)
        if records is not None:
            return Response(body=b'{"successfulKeys":[%b],"failedKeys":[]}' % records)
    lists = _BatchLists(service, call, read_batch(call.body, service.limits))
    checked_key = _checked_key(service)

    def check(item: Item, space: str) -> frozenset[str]:
        checked_key(item, space)
        return NO_FIELDS if item.options is None else requested_fields(item.options)

    wanted = lists.each("get", check)
    spaces: dict[str, list[str]] = {}
    for item, space, _fields in wanted:
        spaces.setdefault(space, []).append(item.key)
    found = {
        space: service.read(call.installation, space, keys, call.now_ms)
        for space, keys in spaces.items()
    }
    for item, space, fields in wanted:
        row = found[space].get(item.key)
        if row is not None:
            shown = service.shown(row, fields)
            if item.entity_name is not None:
                shown["entityName"] = item.entity_name
            lists.successful.append(shown)
        elif service.options.missing_keys == "failed":
            lists.fail(item, key_not_found())
    return lists.answer()


def _checked_key(service: Service) -> Callable[[Item, str], str]:
    def check(item: Item, space: str) -> str:
        return rules.check_key(item.key, service.limits, of_entity=bool(space))

    return check
