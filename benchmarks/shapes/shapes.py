"""The shapes of records that are common in inputs, and what each may cost against plain ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.shapes.writers import (
    Rows,
    csv_table,
    entity_row,
    expiring_record,
    expiry_time,
    exported_record,
    in_entity,
    json_array,
    jsonl,
    key_lines,
    key_record,
    mixed_record,
    person,
    plain_record,
    plain_row,
    record_with,
    record_with_all,
    replaced_jsonl,
    spaced_jsonl,
    stored_object,
    typed_row,
)

_COMMON: Final = 1.6


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape. `rows` writes that many records. `words` are the command and its options.

    A record may take `bound` times as long as one of the shape `base`. If `fails_every` is not 0,
    the first record and every `fails_every`-th after it fail.
    """

    name: str
    rows: Rows
    words: Sequence[str] = ("set",)
    suffix: str = "jsonl"
    bound: float = _COMMON
    base: str = "plain"
    fails_every: int = 0

    def failing(self, count: int) -> int:
        """Return how many of `count` records fail."""
        return -(-count // self.fails_every) if self.fails_every else 0


TTL: Final = record_with(ttl="7d")
_TTL_OBJECT = record_with(ttl={"value": 7, "unit": "DAYS"})
_OWN_TTL = lambda n: plain_record(n) | {"ttl": {"value": n + 1, "unit": "SECONDS"}}  # noqa: E731
_NULLS: Final = record_with(options=None, ttl=None, entityName=None)
_with_ttl: Callable[[Any], Callable[[int], Any]]
_with_ttl = lambda value: record_with(value=value, ttl="7d")  # noqa: E731
_expiring_row = lambda n: plain_row(n) | {"expireTime": expiry_time(n)}  # noqa: E731
KEY_WORDS: Final = ("--key", "user:{id}")
FIELDS: Final = ("set", "--key-field", "id", "--value-field", "doc")

_OBJECTS = (
    Shape("plain", jsonl(plain_record)),
    Shape("value first", jsonl(lambda n: dict(reversed(plain_record(n).items())))),
    Shape("not ASCII", jsonl(record_with(value={"name": "Zoë Müller", "pad": "x" * 36}))),
    Shape("escapes in value", jsonl(record_with(value={"text": 'say "hi"\n' * 4}))),
    Shape("CRLF", replaced_jsonl(plain_record, b"\n", b"\r\n")),
    Shape("entityName", jsonl(in_entity(plain_record))),
    Shape("ttl text", jsonl(TTL)),
    Shape("ttl object", jsonl(_TTL_OBJECT)),
    Shape("ttl object, each different", jsonl(_OWN_TTL)),
    Shape("options.ttl", jsonl(record_with(options={"ttl": {"value": 7, "unit": "DAYS"}}))),
    Shape(
        "null options, ttl and entityName",
        jsonl(record_with(options=None, ttl=None, entityName=None)),
    ),
    Shape("expireTime", jsonl(expiring_record)),
    Shape("createdAt, updatedAt", jsonl(record_with(createdAt=1_767_225_600_000, updatedAt=1))),
    Shape("as exported", jsonl(exported_record)),
    Shape("entityName, ttl text", jsonl(in_entity(TTL))),
    Shape("entityName, as exported", jsonl(in_entity(exported_record))),
    Shape("all members in any order", jsonl(record_with_all)),
    Shape("ttl text, not ASCII", jsonl(_with_ttl({"name": "Zoë", "pad": "x" * 46}))),
    Shape("ttl text, escapes in value", jsonl(_with_ttl({"text": 'say "hi"\n' * 4}))),
    Shape("spaced", spaced_jsonl(plain_record)),
    Shape("spaced, ttl text", spaced_jsonl(TTL)),
    Shape("spaced, entityName", spaced_jsonl(in_entity(plain_record))),
    Shape("spaced, as exported", spaced_jsonl(exported_record)),
    Shape("indented array", json_array(plain_record), suffix="json"),
    Shape("indented array, ttl text", json_array(TTL), suffix="json"),
    Shape("mixture, one in ten careful", jsonl(mixed_record)),
)
_DEFAULTS = (
    Shape("--ttl", jsonl(plain_record), ("set", "--ttl", "7d")),
    Shape("--ttl, spaced", spaced_jsonl(plain_record), ("set", "--ttl", "7d")),
    Shape("--entity", jsonl(plain_record), ("set", "--entity", "user")),
    Shape("--ttl and --entity", jsonl(plain_record), ("set", "--ttl", "7d", "--entity", "user")),
    Shape("--ttl, as exported", jsonl(exported_record), ("set", "--ttl", "7d")),
)
_TEMPLATES = (
    Shape("--key", jsonl(person), ("set", *KEY_WORDS)),
    Shape("--key, spaced", spaced_jsonl(person), ("set", *KEY_WORDS)),
    Shape("--key-field", jsonl(person), ("set", "--key-field", "id")),
    Shape("--value-field", jsonl(stored_object), FIELDS),
    Shape("--value-field, ttl text", jsonl(lambda n: stored_object(n) | {"ttl": "7d"}), FIELDS),
)
_TABLES = (
    Shape("table", csv_table(plain_row), suffix="csv"),
    Shape("table, ttl", csv_table(lambda n: plain_row(n) | {"ttl": "7d"}), suffix="csv"),
    Shape(
        "table, expireTime",
        csv_table(lambda n: plain_row(n) | {"expireTime": expiry_time(n)}),
        suffix="csv",
    ),
    Shape("table, entityName", csv_table(entity_row), ("set", "--infer-types"), "csv"),
    Shape("table, --infer-types", csv_table(typed_row), ("set", "--infer-types"), "csv"),
    Shape("table, --ttl", csv_table(plain_row), ("set", "--ttl", "7d"), "csv"),
    Shape("table, --key", csv_table(person), ("set", *KEY_WORDS), "csv"),
    Shape(
        "table, --key, --infer-types",
        csv_table(person),
        ("set", *KEY_WORDS, "--infer-types"),
        "csv",
    ),
)
_KEYS = (
    Shape("keys", key_lines("key-{:08}"), ("delete",), "keys"),
    Shape("keys with spaces", key_lines("key {:08}"), ("delete",), "keys", base="keys"),
    Shape("keys as JSON strings", key_lines('"key-{:08}"'), ("delete",), "keys", base="keys"),
    Shape("key objects", jsonl(key_record), ("delete",), base="keys"),
    Shape("key objects, entityName", jsonl(in_entity(key_record)), ("delete",), base="keys"),
    Shape("key objects, as exported", jsonl(exported_record), ("delete",), base="keys"),
    Shape("key objects, --key", jsonl(person), ("delete", *KEY_WORDS), base="keys"),
    Shape("keys of a table, entityName", csv_table(entity_row), ("delete",), "csv", base="keys"),
    Shape("keys of a table, --key", csv_table(person), ("delete", *KEY_WORDS), "csv", base="keys"),
)
COMMON: Final[Sequence[Shape]] = (*_OBJECTS, *_DEFAULTS, *_TEMPLATES, *_TABLES, *_KEYS)
"""The shapes that are common in inputs. `rare` has the others."""
