"""The shapes of records that are rare in inputs, and of lines that are not records.

All of these were once read one by one. The lines that fail still are.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from benchmarks.shapes.shapes import FIELDS, KEY_WORDS, TTL, Shape
from benchmarks.shapes.writers import (
    Record,
    Rows,
    csv_table,
    expiring_record,
    exported_record,
    jsonl,
    key_lines,
    key_record,
    person,
    plain_record,
    plain_row,
    record_with,
    replaced_jsonl,
    spaced_jsonl,
    stored_object,
    surrogate_record,
)

_BOUND: Final = 4.0
_CHECKED: Final = ("set", "-n")
_PLAIN: Final = jsonl(plain_record)
_SURROGATES: Final = jsonl(surrogate_record)
_TWICE: Final = b'"error":1,"error":1,"value"'
_MARKS: Final = b"\xef\xbb\xbf" * 2
"""A file may begin with one."""
_UNKNOWN_MEMBER: Final = replaced_jsonl(plain_record, b'"value"', b'"valu"')


def _rare(name: str, rows: Rows, *words: str, suffix: str = "jsonl", base: str = "plain") -> Shape:
    return Shape(name, rows, words or ("set",), suffix, _BOUND, base)


def _failing(name: str, rows: Rows, *words: str, suffix: str = "jsonl") -> Shape:
    base = "keys" if words[:1] == ("delete",) else "plain"
    return replace(_rare(name, rows, *words, suffix=suffix, base=base), fails_every=1)


def _one_in(times: int, odd: Rows) -> Rows:
    """Write plain lines, with an odd one in place of the first and of every `times`-th after it."""

    def write(count: int) -> Iterator[bytes]:
        for number, (one, other) in enumerate(zip(_PLAIN(count), odd(count), strict=True)):
            yield other if number % times == 0 else one

    return write


def _numbered(template: bytes) -> Rows:
    return lambda count: (template % number + b"\n" for number in range(count))


def _nested(depth: int) -> Rows:
    return _numbered(b'{"key":"key-%%08d","value":%b1%b}' % (b"[" * depth, b"]" * depth))


def _with_value(make: Callable[[int], Mapping[str, Any]]) -> Callable[[int], Record]:
    return lambda number: plain_record(number) | {"value": make(number)}


def _many_objects(number: int) -> Mapping[str, Any]:
    return {"items": [{"n": number + item} for item in range(40)]}


def _as_long(number: int) -> Mapping[str, Any]:
    return {"items": "x" * (len(json.dumps(_many_objects(number), separators=(",", ":"))) - 12)}


def _nested_objects(number: int) -> Mapping[str, Any]:
    rows = [{"id": number + row, "tags": [["a", row], []], "at": {"x": {}}} for row in range(20)]
    return {"rows": rows}


def _nested_as_long(number: int) -> Mapping[str, Any]:
    return {"rows": "x" * (len(json.dumps(_nested_objects(number), separators=(",", ":"))) - 11)}


def _emoji(_: int) -> Mapping[str, Any]:
    return {"text": "😀 " * 4}


def _own_ttl(number: int) -> Record:
    return plain_record(number) | {"ttl": f"{number % 8000 + 1}h"}


def _surrogate_with_ttl(number: int) -> Record:
    return surrogate_record(number) | {"ttl": "7d"}


def _keyed(make: Callable[[int], Record], prefix: str) -> Callable[[int], Record]:
    return lambda number: {**make(number), "key": f"{prefix}key-{number:08}"}


_LEGAL: Final = (
    _rare("escape in key", replaced_jsonl(plain_record, b"key-", b"key\\u002d")),
    _rare("escape in a name", replaced_jsonl(TTL, b'"ttl"', b'"t\\u0074l"')),
    _rare("escape in ttl", replaced_jsonl(TTL, b'"7d"', b'"\\u0037d"')),
    _rare("escape in expireTime", replaced_jsonl(expiring_record, b'Z"', b'\\u005a"')),
    _rare(
        "escaped emoji in value", jsonl(record_with(value={"text": "😀 " * 4}), ensure_ascii=True)
    ),
    _rare("number past 64 bits", jsonl(_with_value(lambda n: {"n": 10**30 + n, "pad": "x" * 20}))),
    _rare("odd spacing", replaced_jsonl(TTL, b'"value":', b'  "value"\t :   ')),
    _rare("tab in key", jsonl(_keyed(plain_record, "\t"))),
    _rare("tab in key, ttl text", jsonl(_keyed(TTL, "\t"))),
    _rare("tab in key, as exported", jsonl(_keyed(exported_record, "\t"))),
    _rare(
        "ttl text, each different", jsonl(lambda n: plain_record(n) | {"ttl": f"{n % 8000 + 1}h"})
    ),
    _rare("nested 31 deep", _nested(31)),
    _rare("brackets in strings", jsonl(record_with(value={"text": "[{" * 24}))),
    _rare("long value", jsonl(_with_value(_as_long))),
    _rare("many objects in value", jsonl(_with_value(_many_objects)), base="long value"),
    _rare("text of 1 KB in value", jsonl(_with_value(_nested_as_long))),
    _rare(
        "nested 1 KB in value", jsonl(_with_value(_nested_objects)), base="text of 1 KB in value"
    ),
    _rare(
        "nested 1 KB in value, as exported",
        jsonl(lambda n: exported_record(n) | {"value": _nested_objects(n)}),
        base="text of 1 KB in value",
    ),
    _rare("lone surrogate in value", _SURROGATES),
    _rare(
        "lone surrogate in value, ttl text", jsonl(lambda n: surrogate_record(n) | {"ttl": "7d"})
    ),
    _rare("lone surrogate in value, spaced", spaced_jsonl(surrogate_record)),
    _rare(
        "lone surrogate in value, as exported",
        jsonl(lambda n: exported_record(n) | surrogate_record(n)),
    ),
    _rare(
        "--key, lone surrogate",
        jsonl(lambda n: person(n) | {"name": "\ud800"}),
        "set",
        *KEY_WORDS,
    ),
    _rare(
        "--key, escape in the member",
        replaced_jsonl(lambda n: {"id": f"a{n}", "pad": "x" * 70}, b'"a', b'"\\u0061'),
        "set",
        *KEY_WORDS,
    ),
    _rare(
        "--value-field, lone surrogate",
        jsonl(lambda n: stored_object(n) | {"doc": {"text": "x" * 40 + "\ud800"}}),
        *FIELDS,
    ),
    _rare("table, spaces around keys", csv_table(_keyed(plain_row, " ")), suffix="csv"),
    _rare(
        "table, --infer-types, not JSON",
        csv_table(lambda n: plain_row(n) | {"value": "{abc}"}),
        "set",
        "--infer-types",
        suffix="csv",
    ),
    _rare("keys, spaces around", key_lines(" key-{:08}"), "delete", suffix="keys", base="keys"),
    _rare(
        "keys as JSON strings, tab",
        key_lines('"key\\t{:08}"'),
        "delete",
        suffix="keys",
        base="keys",
    ),
    _rare(
        "key objects, lone surrogate",
        jsonl(lambda n: key_record(n) | {"value": "\ud800"}),
        "delete",
        base="keys",
    ),
)
_FAILING: Final = (
    _failing("unknown member", _UNKNOWN_MEMBER),
    _failing("repeated member", replaced_jsonl(plain_record, b'"value"', _TWICE)),
    _failing("byte order mark", replaced_jsonl(plain_record, b'{"key"', _MARKS + b'{"key"')),
    _failing("not JSON", replaced_jsonl(plain_record, b'"value":', b'"value":=')),
    _failing("plain text", _numbered(b"line %d of a log")),
    _failing("not UTF-8", replaced_jsonl(plain_record, b"key-", b"key-\xff")),
    _failing("no value", jsonl(key_record)),
    _failing("value is null", jsonl(record_with(value=None))),
    _failing("illegal key", replaced_jsonl(plain_record, b"key-", b"key/")),
    _failing("illegal ttl", jsonl(record_with(ttl="soon"))),
    _failing("illegal entityName", jsonl(record_with(entityName="A"))),
    _failing("nested 40 deep", _nested(40)),
    _failing("--key, no such member", _PLAIN, "set", *KEY_WORDS),
    _failing("table, illegal key", csv_table(_keyed(plain_row, "/")), suffix="csv"),
    _failing("keys, illegal", key_lines("key/{:08}"), "delete", suffix="keys"),
)
_MIXTURES: Final = (
    _rare("lone surrogates, one in ten", _one_in(10, _SURROGATES)),
    _rare("lone surrogates, one in two", _one_in(2, _SURROGATES)),
    replace(_rare("unknown members, one in ten", _one_in(10, _UNKNOWN_MEMBER)), fails_every=10),
    replace(_rare("unknown members, one in two", _one_in(2, _UNKNOWN_MEMBER)), fails_every=2),
)
_DRY: Final = (
    replace(_rare("-n", _PLAIN, *_CHECKED), bound=1.0),
    _rare("-n, ttl text", jsonl(TTL), *_CHECKED, base="-n"),
    _rare("-n, lone surrogates", _SURROGATES, *_CHECKED, base="-n"),
    replace(_rare("-n, unknown member", _UNKNOWN_MEMBER, *_CHECKED, base="-n"), fails_every=1),
)
RARE: Final[Sequence[Shape]] = (*_LEGAL, *_FAILING, *_MIXTURES, *_DRY)
"""The shapes that are rare in inputs."""
