"""Output of commands as input again: `get | set` and the failures file lose nothing.

The tests call the readers and formatters of the commands in process, so that they can try
thousands of records.
"""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kvsctl.model import Failure, Found, Identity, Origin, Problem, Record
from kvsctl.outputs.failure_line import failure_line
from kvsctl.outputs.records import MetadataField, json_lines
from kvsctl.records.parsed import Parsed, Parser, Rejected
from kvsctl.records.parsing.objects import shaped_set_parser
from kvsctl.records.parsing.records import (
    key_line_parser,
    key_object_parser,
    set_argument_parser,
    set_line_parser,
)
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import shape_of
from kvsctl.records.ttl import Ttl
from kvsctl.service.wire import key_body
from kvsctl.slabs import FoundSlab
from tests.support.examples import examples
from tests.support.jsontexts import NOT_NULL, model

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
PLAIN = Rules(epoch=lambda: NOW)
DEFAULTS = replace(PLAIN, entity="given", ttl=Ttl(1, "DAYS"))
FAILURE = Failure("NO_ANSWER", "no\nanswer")
SPACES = "\t\n\v\f\r \u00a0\u1680\u2003\u2028\u2029\u3000\ufeff"
KEYS = st.text(
    st.sampled_from("abcXYZ019:._#-") | st.sampled_from(SPACES), min_size=1, max_size=20
).filter(lambda key: key.strip(SPACES))
"""Legal keys, with all kinds of white space that a key may hold."""
ENTITIES = st.none() | st.from_regex(r"[a-z][a-z0-9]{2,10}", fullmatch=True)
ANY_KEYS = KEYS | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def read(parser: Parser, line: bytes) -> Parsed:
    result = parser(line.removesuffix(b"\n"))
    assert isinstance(result, Parsed), result
    return result


def members(body: bytes) -> dict[str, object]:
    """Return the members of a body, with exact values, in any order."""
    parsed: Any = model(body.decode())
    kind, pairs = parsed
    assert kind == "object"
    said = dict(pairs)
    assert len(said) == len(pairs)
    return said


def failure_of(parser: Parser, piece: bytes) -> tuple[Parsed | Rejected, bytes]:
    """Parse a piece of input. Return the result and its line in a failures file."""
    result, origin = parser(piece), Origin("in", 1)
    subject: Record | Problem
    if isinstance(result, Parsed):
        subject = Record(
            0, origin.source, origin.line, result.identity, result.body, result.expires_at
        )
    else:
        raw = piece if result.record is None else result.record
        code, message = result.breach.code, result.breach.message
        subject = Problem(0, origin, result.identity, code, message, raw, result.readable)
    line = failure_line(subject, FAILURE)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    return result, line.removesuffix(b"\n")


@settings(max_examples=examples(150))
@given(KEYS, ENTITIES, NOT_NULL, st.sets(st.sampled_from(MetadataField)))
def test_set_reads_exactly_what_get_prints(
    key: str, entity: str | None, value: str, shown: set[MetadataField]
) -> None:
    identity = Identity(entity, key)
    if entity is not None:
        value = f'{{"n":{value}}}'
    record = Record(0, "arg", 1, identity, key_body(identity))
    expires = "2026-06-01T00:00:00.000Z" if MetadataField.EXPIRES in shown else None
    found = Found(value.encode(), 1_767_225_600_000, 1_767_225_600_001, expires)
    line = json_lines(shown)([record], FoundSlab.of([found]))
    assert line.count(b"\n") == 1
    stored = read(set_line_parser(PLAIN), line)
    assert stored.identity == identity
    assert members(stored.body)["value"] == model(value)
    assert (stored.expires_at is None) == (expires is None)
    assert read(key_object_parser(PLAIN), line).identity == identity


def written(key: str, value: str, entity: str | None, more: str) -> bytes:
    """Return a record as a user may write it."""
    named = "" if entity is None else f',"entityName":{json.dumps(entity)}'
    return f'{{"key": {json.dumps(key)}, "value":{value}{named}{more}}}'.encode()


MORE = st.sampled_from(
    ["", ',"ttl":"2h"', ',"options":{"ttl":{"value":3,"unit":"HOURS"}}', ',"options":{}',
     ',"ttl":null', ',"ttl":"soon"', ',"ttl":"900d"', ',"expireTime":"2026-01-02T00:00:00Z"',
     ',"createdAt":1,"error":{"code":"X"},"source":"old:1"']
)  # fmt: skip


@settings(max_examples=examples(150))
@given(ANY_KEYS, NOT_NULL | st.just("null"), ENTITIES | st.just("B!"), MORE, st.booleans())
def test_a_failed_record_reads_back_as_the_same_record(
    key: str, value: str, entity: str | None, more: str, has_defaults: bool
) -> None:
    rules = DEFAULTS if has_defaults else PLAIN
    before, line = failure_of(set_line_parser(rules), written(key, value, entity, more))
    assert_same(before, set_line_parser(PLAIN), line)


@settings(max_examples=examples(150))
@given(ANY_KEYS, NOT_NULL | st.just("null") | st.text('ab[{"\n', max_size=9), st.booleans())
def test_a_failed_argument_reads_back_as_the_same_record(
    key: str, value: str, has_defaults: bool
) -> None:
    rules = DEFAULTS if has_defaults else PLAIN
    key = key.replace("=", "")
    before, line = failure_of(set_argument_parser(rules, string=False), f"{key}={value}".encode())
    assert_same(before, set_line_parser(PLAIN), line)


@settings(max_examples=examples(150))
@given(ANY_KEYS, st.booleans(), st.booleans())
def test_a_failed_key_reads_back_as_the_same_key(
    key: str, has_default: bool, is_json: bool
) -> None:
    rules = replace(PLAIN, entity="given") if has_default else PLAIN
    piece = (json.dumps(key) if is_json or key.startswith('"') else key).encode()
    before, line = failure_of(key_line_parser(rules), piece)
    if isinstance(before, Rejected) and not before.readable:
        # It must not become a key that nobody can see: it fails until it is corrected.
        assert not set(key).isdisjoint("\ufeff\r\n\v\f\0")
        assert json.loads(line)["raw"] == key
        assert isinstance(key_object_parser(PLAIN)(line), Rejected)
        return
    assert_same(before, key_object_parser(PLAIN), line)


@settings(max_examples=examples(150))
@given(ANY_KEYS, NOT_NULL | st.just("null"), st.booleans(), st.booleans())
def test_a_failed_object_reads_back_as_the_record_made_from_it(
    key: str, value: str, takes_whole: bool, has_defaults: bool
) -> None:
    shape = shape_of(key="{id}", value_field=None if takes_whole else "v")
    rules = DEFAULTS if has_defaults else PLAIN
    piece = f'{{"id":{json.dumps(key)}, "v":{value}}}'.encode()
    before, line = failure_of(shaped_set_parser(rules, shape), piece)
    assert_same(before, set_line_parser(PLAIN), line)


@settings(max_examples=examples(150))
@given(st.binary(max_size=40) | st.text('{}[]":,key\\value0 ').map(str.encode), st.booleans())
def test_unreadable_input_is_kept_however_often_it_is_fed_back(piece: bytes, is_set: bool) -> None:
    parser = set_line_parser(PLAIN) if is_set else key_object_parser(PLAIN)
    before, line = failure_of(parser, piece)
    if isinstance(before, Parsed) or before.readable:
        return
    _, again = failure_of(parser, line)
    assert unsourced(again) == unsourced(line)


def unsourced(line: bytes) -> dict[str, object]:
    kept: dict[str, object] = json.loads(line)
    return {name: kept[name] for name in kept if name not in ("error", "source")}


def assert_same(before: Parsed | Rejected, parser: Parser, line: bytes) -> None:
    """Require that the line has the same content as the input, without any default."""
    after = parser(line)
    assert after.identity == before.identity
    if isinstance(before, Parsed):
        assert isinstance(after, Parsed), after
        assert members(after.body) == members(before.body)
        assert after.expires_at == before.expires_at
    else:
        assert isinstance(after, Rejected)
        assert after.breach.code == before.breach.code
        _, again = failure_of(parser, line)
        assert unsourced(again) == unsourced(line)
