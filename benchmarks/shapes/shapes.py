"""The shapes of records to measure: how each is written, and how much of plain it may cost."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

_COMMON: Final = 1.6
_CAREFUL: Final = 4.0
_ISSUED: Final = datetime.now(UTC).replace(microsecond=123000)
_DAYS_TO_LIVE: Final = 200
_ENTITIES: Final = ("user", "session", "audit.log")

Record = Mapping[str, Any]
Rows = Callable[[int], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape. `rows` writes that many records. `words` are the command and its options.

    A record may take `bound` times as long as one of the shape `base`.
    """

    name: str
    rows: Rows
    words: Sequence[str] = ("set",)
    suffix: str = "jsonl"
    bound: float = _COMMON
    base: str = "plain"


def _record(number: int) -> dict[str, Any]:
    """Return a record of 100 bytes as a line, like that of the throughput benchmark."""
    return {"key": f"key-{number:08}", "value": {"n": number, "pad": "x" * (52 - len(str(number)))}}


def _expiry(number: int) -> str:
    moment = _ISSUED + timedelta(days=number % _DAYS_TO_LIVE + 1, seconds=number)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _expiring(number: int) -> dict[str, Any]:
    return _record(number) | {"expireTime": _expiry(number)}


def _key(number: int) -> dict[str, Any]:
    return {"key": f"key-{number:08}"}


def _exported(number: int) -> dict[str, Any]:
    stamps = {"createdAt": 1_767_225_600_000 + number, "updatedAt": 1_767_225_600_000 + number}
    return _record(number) | stamps | {"expireTime": _expiry(number)}


def _entity(number: int) -> str:
    return _ENTITIES[number % len(_ENTITIES)]


def _in_entity(make: Callable[[int], dict[str, Any]]) -> Callable[[int], Record]:
    return lambda number: {"entityName": _entity(number)} | make(number)


def _everything(number: int) -> Record:
    record = _exported(number) | {"entityName": _entity(number), "options": None, "ttl": None}
    return _in_any_order(number, record)


def _in_any_order(number: int, record: Record) -> Record:
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


def _mixed(number: int) -> Record:
    """Return a record of a file that many writers wrote."""
    record = _in_any_order(number, _record(number) | _OPTIONS[number % len(_OPTIONS)])
    return record if number % 10 else {**record, **_surrogate(number)}


def _dumps(make: Callable[[int], Any], count: int, **options: Any) -> Iterator[bytes]:
    options = {"separators": (",", ":"), "ensure_ascii": False} | options
    for number in range(count):
        text = json.dumps(make(number), **options)
        yield text.encode(errors="backslashreplace") + b"\n"


def _jsonl(make: Callable[[int], Any], **options: Any) -> Rows:
    return partial(_dumps, make, **options)


def _spaced(make: Callable[[int], Any]) -> Rows:
    return _jsonl(make, separators=None)


def _with(**members: Any) -> Callable[[int], dict[str, Any]]:
    return lambda number: _record(number) | members


def _array(make: Callable[[int], Any]) -> Rows:
    def write(count: int) -> Iterator[bytes]:
        yield json.dumps([make(number) for number in range(count)], indent=2).encode()

    return write


def _replaced(make: Callable[[int], Any], old: bytes, new: bytes) -> Rows:
    def write(count: int) -> Iterator[bytes]:
        return (line.replace(old, new, 1) for line in _jsonl(make)(count))

    return write


def _table(make: Callable[[int], Record]) -> Rows:
    def write(count: int) -> Iterator[bytes]:
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(make(0))
        rows.writerows(make(number).values() for number in range(count))
        yield out.getvalue().encode()

    return write


def _row(number: int) -> dict[str, Any]:
    return {"key": f"key-{number:08}", "value": f"text {number} " + "x" * 70}


def _typed_row(number: int) -> dict[str, Any]:
    values: Sequence[Any] = (number, "true", f'{{"n":{number},"on":true}}', f"text {number}")
    return {"key": f"key-{number:08}", "value": values[number % len(values)]}


def _entity_row(number: int) -> dict[str, Any]:
    value = json.dumps(_record(number)["value"])
    return {"key": f"key-{number:08}", "value": value, "entityName": _entity(number)}


def _tabbed(make: Callable[[int], Record]) -> Rows:
    """Write records whose keys have a tab: legal, but not common."""
    return _jsonl(lambda number: {**make(number), "key": f"key\t{number:08}"})


def _person(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"Name {number}", "email": f"n{number}@example.com", "on": True}


def _stored(number: int) -> dict[str, Any]:
    return {"id": f"u-{number:08}", "doc": _record(number)["value"], "etag": f"e{number}"}


def _surrogate(number: int) -> dict[str, Any]:
    """Return a record that JSON can write only with an escape, and that no quick decoder takes."""
    return _record(number) | {"value": {"n": number, "pad": "x" * 40 + "\ud800"}}


def _surrogate_ttl(number: int) -> Record:
    return _surrogate(number) | {"ttl": "7d"}


def _plain_keys(template: str) -> Rows:
    return lambda count: (f"{template.format(number)}\n".encode() for number in range(count))


_TTL = _with(ttl="7d")
_TTL_OBJECT = _with(ttl={"value": 7, "unit": "DAYS"})
_OWN_TTL = lambda n: _record(n) | {"ttl": {"value": n + 1, "unit": "SECONDS"}}  # noqa: E731
_KEY_WORDS = ("--key", "user:{id}")
_FIELDS = ("set", "--key-field", "id", "--value-field", "doc")

_OBJECTS = (
    Shape("plain", _jsonl(_record)),
    Shape("value first", _jsonl(lambda n: dict(reversed(_record(n).items())))),
    Shape("not ASCII", _jsonl(_with(value={"name": "Zoë Müller", "pad": "x" * 36}))),
    Shape("escapes in value", _jsonl(_with(value={"text": 'say "hi"\n' * 4}))),
    Shape("CRLF", _replaced(_record, b"\n", b"\r\n")),
    Shape("entityName", _jsonl(_in_entity(_record))),
    Shape("ttl text", _jsonl(_TTL)),
    Shape("ttl object", _jsonl(_TTL_OBJECT)),
    Shape("ttl object, each different", _jsonl(_OWN_TTL)),
    Shape("options.ttl", _jsonl(_with(options={"ttl": {"value": 7, "unit": "DAYS"}}))),
    Shape(
        "null options, ttl and entityName", _jsonl(_with(options=None, ttl=None, entityName=None))
    ),
    Shape("expireTime", _jsonl(_expiring)),
    Shape("createdAt, updatedAt", _jsonl(_with(createdAt=1_767_225_600_000, updatedAt=1))),
    Shape("as exported", _jsonl(_exported)),
    Shape("entityName, ttl text", _jsonl(_in_entity(_TTL))),
    Shape("entityName, as exported", _jsonl(_in_entity(_exported))),
    Shape("all members in any order", _jsonl(_everything)),
    Shape("ttl text, not ASCII", _jsonl(_with(value={"name": "Zoë", "pad": "x" * 46}, ttl="7d"))),
    Shape("ttl text, escapes in value", _jsonl(_with(value={"text": 'say "hi"\n' * 4}, ttl="7d"))),
    Shape("spaced", _spaced(_record)),
    Shape("spaced, ttl text", _spaced(_TTL)),
    Shape("spaced, entityName", _spaced(_in_entity(_record))),
    Shape("spaced, as exported", _spaced(_exported)),
    Shape("indented array", _array(_record), suffix="json"),
    Shape("indented array, ttl text", _array(_TTL), suffix="json"),
    Shape("mixture, one in ten careful", _jsonl(_mixed)),
)
_DEFAULTS = (
    Shape("--ttl", _jsonl(_record), ("set", "--ttl", "7d")),
    Shape("--ttl, spaced", _spaced(_record), ("set", "--ttl", "7d")),
    Shape("--entity", _jsonl(_record), ("set", "--entity", "user")),
    Shape("--ttl and --entity", _jsonl(_record), ("set", "--ttl", "7d", "--entity", "user")),
    Shape("--ttl, as exported", _jsonl(_exported), ("set", "--ttl", "7d")),
)
_TEMPLATES = (
    Shape("--key", _jsonl(_person), ("set", *_KEY_WORDS)),
    Shape("--key, spaced", _spaced(_person), ("set", *_KEY_WORDS)),
    Shape("--key-field", _jsonl(_person), ("set", "--key-field", "id")),
    Shape("--value-field", _jsonl(_stored), _FIELDS),
    Shape("--value-field, ttl text", _jsonl(lambda n: _stored(n) | {"ttl": "7d"}), _FIELDS),
)
_TABLES = (
    Shape("table", _table(_row), suffix="csv"),
    Shape("table, ttl", _table(lambda n: _row(n) | {"ttl": "7d"}), suffix="csv"),
    Shape(
        "table, expireTime", _table(lambda n: _row(n) | {"expireTime": _expiry(n)}), suffix="csv"
    ),
    Shape("table, entityName", _table(_entity_row), ("set", "--infer-types"), "csv"),
    Shape("table, --infer-types", _table(_typed_row), ("set", "--infer-types"), "csv"),
    Shape("table, --ttl", _table(_row), ("set", "--ttl", "7d"), "csv"),
    Shape("table, --key", _table(_person), ("set", *_KEY_WORDS), "csv"),
    Shape(
        "table, --key, --infer-types", _table(_person), ("set", *_KEY_WORDS, "--infer-types"), "csv"
    ),
)
_RARE = (
    Shape("escape in key", _replaced(_record, b"key-", b"key\\u002d"), bound=_CAREFUL),
    Shape("escape in a name", _replaced(_TTL, b'"ttl"', b'"t\\u0074l"'), bound=_CAREFUL),
    Shape("odd spacing", _replaced(_TTL, b'"value":', b'  "value"\t :   '), bound=_CAREFUL),
    Shape("tab in key", _tabbed(_record), bound=_CAREFUL),
    Shape("tab in key, ttl text", _tabbed(_TTL), bound=_CAREFUL),
    Shape("tab in key, as exported", _tabbed(_exported), bound=_CAREFUL),
    Shape("lone surrogate in value", _jsonl(_surrogate), bound=_CAREFUL),
    Shape("lone surrogate in value, ttl text", _jsonl(_surrogate_ttl), bound=_CAREFUL),
)
_KEYS = (
    Shape("keys", _plain_keys("key-{:08}"), ("delete",), "keys"),
    Shape("keys with spaces", _plain_keys("key {:08}"), ("delete",), "keys", base="keys"),
    Shape("keys as JSON strings", _plain_keys('"key-{:08}"'), ("delete",), "keys", base="keys"),
    Shape("key objects", _jsonl(_key), ("delete",), base="keys"),
    Shape("key objects, entityName", _jsonl(_in_entity(_key)), ("delete",), base="keys"),
    Shape("key objects, as exported", _jsonl(_exported), ("delete",), base="keys"),
    Shape("key objects, --key", _jsonl(_person), ("delete", *_KEY_WORDS), base="keys"),
    Shape("keys of a table, entityName", _table(_entity_row), ("delete",), "csv", base="keys"),
    Shape("keys of a table, --key", _table(_person), ("delete", *_KEY_WORDS), "csv", base="keys"),
)
SHAPES: Final[Sequence[Shape]] = (
    *_OBJECTS,
    *_DEFAULTS,
    *_TEMPLATES,
    *_TABLES,
    *_RARE,
    *_KEYS,
)
"""All shapes. Of those in `_RARE`, only the ones with a lone surrogate are read one by one."""
