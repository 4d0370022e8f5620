import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.model import Identity
from kvsctl.records.parsed import Parsed, Parser, Rejected
from kvsctl.records.parsing.objects import shaped_key_parser, shaped_set_parser
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import shape_of
from kvsctl.records.ttl import Ttl
from tests.support.jsontexts import LEGAL_KEYS, VALUES, object_of

WHOLE = shaped_set_parser(Rules(), shape_of(key="user:{id}"))


def body(parser: Parser, piece: bytes) -> bytes:
    parsed = parser(piece)
    assert isinstance(parsed, Parsed), parsed
    return parsed.body


def refused(parser: Parser, piece: bytes) -> tuple[str, str, bytes | None]:
    rejected = parser(piece)
    assert isinstance(rejected, Rejected), rejected
    return rejected.breach.code, rejected.breach.message, rejected.record


@pytest.mark.parametrize("line", [b"", b"[]", b"1", b'{"a":nope}', b'{"a":"\xff"}', b'{"a":NaN}'])
def test_text_that_is_not_an_object_is_refused(line: bytes) -> None:
    assert refused(WHOLE, line)[0] == "INVALID_JSON"


@given(LEGAL_KEYS, st.lists(VALUES, max_size=3), st.data())
def test_the_value_is_the_exact_bytes_of_the_object(
    key: str, values: list[str], data: st.DataObject
) -> None:
    members = [(f'"m{place}"', value) for place, value in enumerate(values)]
    line = data.draw(object_of([*members, ('"id"', json.dumps(key))])).strip().encode()
    assert body(WHOLE, b" " + line + b"\t") == b'{"key":"user:%b","value":%b}' % (
        key.encode(),
        line,
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [("12345678901234567890123", None), ("1.0", None), ("true", None), (r'"a\u0062"', "ab")],
)
def test_a_key_is_made_from_strings_and_numbers_as_written(text: str, key: str | None) -> None:
    line = b'{"id":%b}' % text.encode()
    made = json.loads(body(WHOLE, line))["key"]
    assert made == f"user:{key or text}"


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (b'{"id":null}', "INVALID_JSON", '"id" is null, an object or an array'),
        (b'{"id":{"a":1}}', "INVALID_JSON", '"id" is null, an object or an array'),
        (b'{"id":[]}', "INVALID_JSON", '"id" is null, an object or an array'),
        (b'{"n":1}', "INVALID_JSON", 'the object has no "id"'),
        (b'{"id":1,"id":2}', "INVALID_JSON", 'duplicate member "id"'),
        (b'{"id":""}', "EMPTY_KEY", '"id" is empty'),
        (b"[1]", "INVALID_JSON", "not a JSON object"),
        (b'{"id":1,"a":' + b"[" * 100_000 + b"}", "MAX_DEPTH", "the value nests"),
    ],
)
def test_without_a_key_the_piece_is_kept_unchanged(line: bytes, code: str, message: str) -> None:
    found = refused(WHOLE, line)
    assert (found[0], found[2]) == (code, None)
    assert message in found[1]


def test_a_record_that_breaks_a_rule_is_kept_as_that_record() -> None:
    code, _, record = refused(WHOLE, b'{"id":"a/b"}')
    assert (code, record) == ("INVALID_KEY", b'{"key":"user:a/b","value":{"id":"a/b"}}')
    code, _, record = refused(WHOLE, b'{"id":"\\ud800"}')
    assert (code, record) == ("INVALID_KEY", b'{"key":"user:\\ud800","value":{"id":"\\ud800"}}')


def test_halves_of_a_surrogate_pair_that_meet_in_a_key_are_one_character() -> None:
    shape = shape_of(key="{a}{b}")
    line = b'{"a":"\\ud83d","b":"\\ude00\\ud800"}'
    rejected = shaped_set_parser(Rules(), shape)(line)
    assert isinstance(rejected, Rejected)
    assert rejected.identity == Identity(None, "\U0001f600\ud800")
    assert rejected.record is not None
    # The record in the failures file has the key that was refused.
    assert json.loads(rejected.record)["key"] == rejected.identity.key
    made = shaped_set_parser(Rules(limits=None), shape)(b'{"a":"\\ud83d","b":"\\ude00"}')
    assert isinstance(made, Parsed)
    assert made.identity == Identity(None, "\U0001f600")


class TestANamedValue:
    rules = Rules(entity="xyz", ttl=Ttl(1, "HOURS"))
    parse = staticmethod(shaped_set_parser(rules, shape_of(key_field="id", value_field="v")))

    def test_other_members_mean_what_they_mean_in_a_record(self) -> None:
        line = b'{"id":"a","v": {"n":1.0} ,"other":[1],"entityName":"abc","ttl":"7d"}'
        assert body(self.parse, line) == (
            b'{"key":"a","entityName":"abc","value":{"n":1.0},'
            b'"options":{"ttl":{"value":7,"unit":"DAYS"}}}'
        )

    def test_defaults_apply_to_objects_without_their_own(self) -> None:
        assert body(self.parse, b'{"id":"a","v":{"n":1e400}}') == (
            b'{"key":"a","entityName":"xyz","value":{"n":1e400},'
            b'"options":{"ttl":{"value":1,"unit":"HOURS"}}}'
        )

    def test_an_object_without_the_value_field_is_not_a_record(self) -> None:
        assert (
            refused(self.parse, b'{"id":"a"}')[1]
            == 'the object has no "v": the value is read from it; its members: "id"'
        )

    def test_null_is_not_a_valid_value(self) -> None:
        assert refused(self.parse, b'{"id":"a","v":null}')[0] == "INVALID_VALUE"


def test_keys_of_objects() -> None:
    parse = shaped_key_parser(Rules(entity="abc"), shape_of(key="{a}:{b}"))
    parsed = parse(b'{"a":1,"b":"x","other":null}')
    assert isinstance(parsed, Parsed)
    assert (parsed.identity, parsed.body) == (
        Identity("abc", "1:x"),
        b'{"key":"1:x","entityName":"abc"}',
    )
