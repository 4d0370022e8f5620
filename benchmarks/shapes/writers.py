"""Write records of every shape, from their number."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

_ISSUED: Final = datetime.now(UTC).replace(microsecond=123000)
_DAYS_TO_LIVE: Final = 200
_ENTITIES: Final = ("user", "session", "audit.log")

Record = Mapping[str, Any]
Rows = Callable[[int], Iterator[bytes]]


def plain_record(number: int) -> dict[str, Any]:
    """Return a record of 100 bytes as a line, like that of the throughput benchmark."""
    return {"key": f"key-{number:08}", "value": {"n": number, "pad": "x" * (52 - len(str(number)))}}


def expiry_time(number: int) -> str:
    """Return an expiry time in the coming months."""
    moment = _ISSUED + timedelta(days=number % _DAYS_TO_LIVE + 1, seconds=number)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def expiring_record(number: int) -> dict[str, Any]:
    """Return a record with an `expireTime`."""
    return plain_record(number) | {"expireTime": expiry_time(number)}


def key_record(number: int) -> dict[str, Any]:
    """Return a record without a value."""
    return {"key": f"key-{number:08}"}


def exported_record(number: int) -> dict[str, Any]:
    """Return a record as `export` writes it."""
    stamps = {"createdAt": 1_767_225_600_000 + number, "updatedAt": 1_767_225_600_000 + number}
    return plain_record(number) | stamps | {"expireTime": expiry_time(number)}


def entity_of(number: int) -> str:
    """Return an entity's name; there are few."""
    return _ENTITIES[number % len(_ENTITIES)]


def in_entity(make: Callable[[int], dict[str, Any]]) -> Callable[[int], Record]:
    """Return a function whose records are in an entity."""
    return lambda number: {"entityName": entity_of(number)} | make(number)


def record_with_all(number: int) -> Record:
    """Return a record with every member, in an order that differs from record to record."""
    record = exported_record(number) | {
        "entityName": entity_of(number),
        "options": None,
        "ttl": None,
    }
    return in_any_order(number, record)


def in_any_order(number: int, record: Record) -> Record:
    """Return the members in an order that differs from record to record."""
    names = list(record)
    first = number % len(names)
    return {name: record[name] for name in names[first:] + names[:first]}


_OPTIONS: Final[Sequence[Record]] = (
    {},
    {"ttl": "7d"},
    {"entityName": "user"},
    {"options": {"ttl": {"value": 7, "unit": "DAYS"}}},
)


def surrogate_record(number: int) -> dict[str, Any]:
    """Return a record that JSON can write only with an escape, and that fast decoders refuse."""
    return plain_record(number) | {"value": {"n": number, "pad": "x" * 40 + "\ud800"}}


def mixed_record(number: int) -> Record:
    """Return a record of a file that many programs wrote."""
    record = in_any_order(number, {**plain_record(number), **_OPTIONS[number % len(_OPTIONS)]})
    return record if number % 10 else {**record, **surrogate_record(number)}


def _dumps(make: Callable[[int], Any], count: int, **options: Any) -> Iterator[bytes]:
    options = {"separators": (",", ":"), "ensure_ascii": False, **options}
    for number in range(count):
        text = json.dumps(make(number), **options)
        yield text.encode(errors="backslashreplace") + b"\n"


def jsonl(make: Callable[[int], Any], **options: Any) -> Rows:
    """Write records as lines of compact JSON."""
    return partial(_dumps, make, **options)


def spaced_jsonl(make: Callable[[int], Any]) -> Rows:
    """Write records as `json.dumps` does."""
    return jsonl(make, separators=None)


def record_with(**members: Any) -> Callable[[int], dict[str, Any]]:
    """Return a function whose records have these members, too."""
    return lambda number: plain_record(number) | members


def json_array(make: Callable[[int], Any]) -> Rows:
    """Write records as an indented array."""

    def write(count: int) -> Iterator[bytes]:
        yield json.dumps([make(number) for number in range(count)], indent=2).encode()

    return write


def replaced_jsonl(make: Callable[[int], Any], old: bytes, new: bytes) -> Rows:
    """Write records as lines, with `new` in place of the first `old` of each."""

    def write(count: int) -> Iterator[bytes]:
        return (line.replace(old, new, 1) for line in jsonl(make)(count))

    return write


def csv_table(make: Callable[[int], Record]) -> Rows:
    """Write records as rows below a header."""

    def write(count: int) -> Iterator[bytes]:
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(make(0))
        rows.writerows(make(number).values() for number in range(count))
        yield out.getvalue().encode()

    return write


def plain_row(number: int) -> dict[str, Any]:
    """Return a row with a key and a text."""
    return {"key": f"key-{number:08}", "value": f"text {number} " + "x" * 70}


def typed_row(number: int) -> dict[str, Any]:
    """Return a row whose value is a number, a word of JSON, an object or a text."""
    values: Sequence[Any] = (number, "true", f'{{"n":{number},"on":true}}', f"text {number}")
    return {"key": f"key-{number:08}", "value": values[number % len(values)]}


def entity_row(number: int) -> dict[str, Any]:
    """Return a row with a value for an entity."""
    value = json.dumps(plain_record(number)["value"])
    return {"key": f"key-{number:08}", "value": value, "entityName": entity_of(number)}


def person(number: int) -> dict[str, Any]:
    """Return an object that is not a record, for templates."""
    return {"id": number, "name": f"Name {number}", "email": f"n{number}@example.com", "on": True}


def stored_object(number: int) -> dict[str, Any]:
    """Return an object that has its key and its value in other members."""
    return {"id": f"u-{number:08}", "doc": plain_record(number)["value"], "etag": f"e{number}"}


def key_lines(template: str) -> Rows:
    """Write plain keys."""
    return lambda count: (f"{template.format(number)}\n".encode() for number in range(count))
