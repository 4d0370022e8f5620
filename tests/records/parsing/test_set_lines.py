"""Lines of JSON Lines become records to set."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl import jsontext
from kvsctl.jsontext import PARSER_DEPTH
from kvsctl.limits import Limits
from kvsctl.model import Identity
from kvsctl.records.checks import Breach
from kvsctl.records.parsed import Parsed, Parser, Rejected
from kvsctl.records.parsing.records import (
    careful_set_line_parser,
    set_line_parser,
)
from kvsctl.records.rules import Rules
from kvsctl.records.ttl import Ttl
from tests.records.parsing.parsers import (
    DAY_SECONDS,
    NOW,
    PARSE_ARGUMENT,
    PARSE_KEY,
    PARSE_LINE,
    PARSE_OBJECT,
    UNCHECKED,
    code_of,
    parsed,
    records,
    rejected,
    rules,
)
from tests.support.jsontexts import model
from tests.support.naming import short
from tests.support.records import moment


class TestSetLines:
    @given(records())
    def test_the_body_has_the_same_content_and_the_exact_value_of_the_line(
        self, record: tuple[str, dict[str, str]]
    ) -> None:
        line, texts = record
        result = parsed(PARSE_LINE, line.encode())
        body = result.body
        assert jsontext.members(body)["value"] == texts["value"].encode()
        expected = {"key": json.loads(texts["key"]), "value": model(texts["value"])}
        entity = json.loads(texts.get("entityName", "null"))
        if entity is not None:
            expected["entityName"] = entity
        said = model(body.decode())
        assert isinstance(said, tuple)
        told = dict(said[1])
        if "ttl" in texts or "options" in texts:
            ttl = ("object", [("value", ("number", "7")), ("unit", "DAYS")])
            assert told.pop("options") == ("object", [("ttl", ttl)])
        assert told == expected
        assert len(said[1]) == len(dict(said[1]))
        assert result.identity == Identity(entity, json.loads(texts["key"]))
        assert result.expires_at is None

    @pytest.mark.parametrize(
        "value",
        [
            "9" * 400,
            "-" + "9" * 10_000,
            "1.0",
            "1e400",
            "-0.0",
            "-0",
            "0.1000000000000000055511151231257827",
            '{"b":1,"a":2}',
            '{"a":1,"a":2}',
            '{"key":1,"value":null}',
            r'"\ud800"',
            r'{"\udc00":"\u0041\/"}',
            "[ 1 ,\t2 ,\r3 ]",
            '"\u2028\u00e9\U0001f600\x7f"',
            "false",
            "[]",
            '"null"',
        ],
        ids=short,
    )
    @pytest.mark.parametrize(
        "frame", ['{"key":"a","value":%s}', '{"value": %s , "ttl": "1d","key":"a"}']
    )
    def test_keeps_details_that_parsers_lose(self, value: str, frame: str) -> None:
        body = parsed(PARSE_LINE, (frame % value).encode()).body
        assert b'"value":' + value.encode() in body

    def test_sends_an_unchanged_line_with_its_exact_bytes(self) -> None:
        line = b'{"value": {"b":1, "a":1.0}, "key":"a"}'
        assert parsed(PARSE_LINE, b" \t" + line + b" \r").body == line

    @pytest.mark.parametrize("parse", [PARSE_LINE, careful_set_line_parser(Rules())])
    def test_an_entity_of_null_is_not_sent(self, parse: Parser) -> None:
        line = b'{"key":"a","value":1,"entityName":null}'
        assert parsed(parse, line) == Parsed(Identity(None, "a"), b'{"key":"a","value":1}')

    def test_gives_defaults_to_records_without_their_own(self) -> None:
        parse = set_line_parser(rules(entity="abc", ttl=Ttl(1, "DAYS")))
        assert parsed(parse, b'{"key":"a","value":{}}') == Parsed(
            Identity("abc", "a"),
            b'{"key":"a","entityName":"abc","value":{},"options":{"ttl":{"value":1,"unit":"DAYS"}}}',
        )
        named = parsed(parse, b'{"key":"a","value":{},"entityName":"xyz","ttl":"2h"}')
        assert named == Parsed(
            Identity("xyz", "a"),
            b'{"key":"a","entityName":"xyz","value":{},'
            b'"options":{"ttl":{"value":2,"unit":"HOURS"}}}',
        )

    def test_the_expiry_of_a_record_overrides_the_default_ttl(self) -> None:
        parse = set_line_parser(rules(ttl=Ttl(1, "DAYS")))
        line = b'{"key":"a","value":1,"expireTime":"2026-01-02T00:00:00Z"}'
        assert parsed(parse, line) == Parsed(
            Identity(None, "a"), b'{"key":"a","value":1}', moment(NOW + DAY_SECONDS)
        )

    def test_leaves_a_past_expiry_to_the_services_clock(self) -> None:
        line = b'{"key":"a","value":1,"expireTime":"2020-01-01T00:00:00Z"}'
        assert parsed(PARSE_LINE, line).expires_at == moment(1_577_836_800.0)

    def test_refuses_an_expiry_that_no_ttl_can_reach(self) -> None:
        line = b'{"key":"a","value":1,"expireTime":"2027-01-03T00:00:00Z"}'
        result = rejected(PARSE_LINE, line)
        assert result.breach.code == "INVALID_TTL"
        assert "31,536,000" in result.breach.message
        assert result.identity == Identity(None, "a")
        assert result.readable

    def test_leaves_an_expiry_of_about_a_year_to_the_services_clock(self) -> None:
        line = b'{"key":"a","value":1,"expireTime":"2027-01-01T12:00:00Z"}'
        assert parsed(PARSE_LINE, line).expires_at == moment(NOW + 365.5 * DAY_SECONDS)

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            ('{"key":"","value":1}', "EMPTY_KEY"),
            ('{"key":"a=b","value":1}', "INVALID_KEY"),
            ('{"key":"\\ud800","value":1}', "INVALID_KEY"),
            ('{"key":"' + "a" * 10_000_000 + '","value":1}', "KEY_TOO_LONG"),
            ('{"key":"a","value":null}', "INVALID_VALUE"),
            ('{"key":"a","value": null }', "INVALID_VALUE"),
            ('{"key":"a"}', "INVALID_JSON"),
            ('{"key":"a","value":"' + "x" * 245_760 + '"}', "MAX_SIZE"),
            ('{"key":"a","value":1,"entityName":"A"}', "ENTITY_TYPE_TOO_SHORT"),
            ('{"key":"a","value":1,"entityName":""}', "ENTITY_TYPE_TOO_SHORT"),
            ('{"key":"a","value":1,"entityName":"_abc"}', "INVALID_ENTITY_TYPE"),
            ('{"key":"a","value":1,"ttl":0}', "INVALID_TTL"),
            ('{"key":"a","value":1,"ttl":' + "9" * 5_000 + "}", "INVALID_TTL"),
            (
                '{"key":"a","value":1,"ttl":{"value":' + "9" * 5_000 + ',"unit":"DAYS"}}',
                "INVALID_TTL",
            ),
            ('{"key":"a","value":1,"expireTime":"soon"}', "INVALID_TTL"),
            ('{"key":"a","value":' + "[" * 32 + "]" * 32 + "}", "MAX_DEPTH"),
        ],
        ids=short,
    )
    def test_a_record_that_breaks_a_limit_is_readable(self, line: str, code: str) -> None:
        result = rejected(PARSE_LINE, line.encode())
        assert result.breach.code == code
        assert result.identity is not None
        assert result.readable

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"nope",
            b"[1]",
            b'"a"',
            b'{"key":"a","value":NaN}',
            b'{"key":"a","value":1}{}',
            b'{"key":"a","value":1,"key":"a"}',
            b'{"key":"a","value":1,"sizes":1}',
            b'{"key":"a","value":"\xff"}',
            b'\xef\xbb\xbf{"key":"a","value":1}',
            b'{"key":"a","value":' + b"[" * 60,
            b"\x00",
        ],
    )
    def test_a_line_that_is_not_a_record_is_invalid_json(self, line: bytes) -> None:
        result = rejected(PARSE_LINE, line)
        assert result.breach.code == "INVALID_JSON"
        assert result.identity is None
        assert not result.readable

    @pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"key":"a","value":['])
    def test_withstands_any_depth(self, opening: bytes) -> None:
        result = rejected(PARSE_LINE, opening * 100_000)
        assert result.breach.code == "MAX_DEPTH"
        assert not result.readable

    def test_the_deepest_value_is_legal_and_other_members_do_not_count(self) -> None:
        value = b"[" * 31 + b"]" * 31
        line = b'{"key":"a","value":%b}' % value
        assert parsed(PARSE_LINE, line).body == line
        deep_error = b'{"key":"a","value":1,"error":%b}' % (b"[" * 40 + b"]" * 40)
        assert parsed(PARSE_LINE, deep_error).body == b'{"key":"a","value":1}'

    @pytest.mark.parametrize("scalar", [b"1", rb'"\ud800"'])
    def test_without_limits_any_depth_that_parsers_read_is_legal(self, scalar: bytes) -> None:
        parse = set_line_parser(rules(limits=None))
        line = b'{"key":"a","value":%b}'
        deepest = b"[" * (PARSER_DEPTH - 1) + scalar + b"]" * (PARSER_DEPTH - 1)
        assert parsed(parse, line % deepest).body == line % deepest
        assert code_of(parse, line % (b"[%b]" % deepest)) == "MAX_DEPTH"

    def test_follows_the_limits_it_is_given(self) -> None:
        parse = set_line_parser(rules(limits=Limits(value_bytes=4, value_depth=1, key_chars=2)))
        assert code_of(parse, b'{"key":"a","value":12345}') == "MAX_SIZE"
        assert code_of(parse, b'{"key":"abc","value":1}') == "KEY_TOO_LONG"
        assert code_of(parse, b'{"key":"a","value":[[]]}') == "MAX_DEPTH"

    @pytest.mark.parametrize(
        ("line", "record"),
        [
            (b'{"key":"a/","value":1}', b'{"key":"a/","value":1,"options":DEFAULT}'),
            (b'{"key":"a", "options":{}}', b'{"key":"a","options":DEFAULT}'),
            (b'{"key":"a","ttl":null}', b'{"key":"a","options":DEFAULT}'),
            (b'{"key":"a/","value":1,"ttl":"2d"}', None),
            (b'{"key":"a/","value":1,"expireTime":"2026-01-01T00:00:01Z"}', None),
        ],
    )
    def test_a_record_that_fails_keeps_the_default_ttl(
        self, line: bytes, record: bytes | None
    ) -> None:
        default = Ttl(1, "DAYS")
        result = rejected(set_line_parser(rules(ttl=default)), line)
        expected = record and record.replace(b"DEFAULT", default.json)
        assert (result.readable, result.record) == (True, expected)

    @given(st.binary(max_size=60) | st.text('{}[]":,key\\value0 \r\n').map(str.encode))
    def test_never_raises(self, line: bytes) -> None:
        for parser in (PARSE_LINE, PARSE_ARGUMENT, PARSE_KEY, PARSE_OBJECT, *UNCHECKED):
            assert isinstance(parser(line), Parsed | Rejected)

    @pytest.mark.parametrize(
        "line",
        [
            b'{"key":"a/","value":1}',
            b'{"key":"","value":null}',
            b'{"key":"a","value":1,"entityName":"A"}',
            b'{"key":"a","value":"%b"}' % (b"x" * 300_000),
            b'{"key":"a","value":%b}' % (b"[" * 100 + b"]" * 100),
            b'{"key":"a","value":1,"options":{"ttl":{"value":-9000,"unit":"DAYS"}}}',
        ],
        ids=short,
    )
    def test_without_limits_a_record_is_sent_unchanged(self, line: bytes) -> None:
        assert isinstance(PARSE_LINE(line), Rejected)
        body = parsed(set_line_parser(rules(limits=None)), line).body
        assert json.loads(body) == json.loads(line)

    @pytest.mark.parametrize(
        "line",
        [
            b'{"key":"\\ud800","value":1}',
            b'{"key":"a","value":1,"entityName":"\\udfff"}',
            b'{"key":"a","value":%b}' % (b"[" * 100_000),
            b'{"key":"a"}',
            b'{"key":"a","value":1,"ttl":"soon"}',
        ],
        ids=short,
    )
    def test_without_limits_a_line_must_still_be_a_record(self, line: bytes) -> None:
        assert isinstance(set_line_parser(rules(limits=None))(line), Rejected)

    @pytest.mark.parametrize(
        ("value", "kind"),
        [
            ("1", "a number"),
            ("-1.5", "a number"),
            ('"{}"', "a string"),
            ("[{}]", "an array"),
            ("true", "true"),
            ("false", "false"),
        ],
    )
    @pytest.mark.parametrize("has_default", [False, True])
    def test_the_value_in_an_entity_is_an_object(
        self, value: str, kind: str, has_default: bool
    ) -> None:
        named = "" if has_default else ',"entityName":"abc"'
        entity = "abc" if has_default else None
        line = f'{{"key":"a","value": {value}{named}}}'.encode()
        for parse in (
            set_line_parser(rules(entity=entity)),
            careful_set_line_parser(rules(entity=entity)),
        ):
            result = rejected(parse, line)
            assert result.breach == Breach(
                "INVALID_ENTITY_VALUE",
                f"the value is {kind}: in an entity, it must be an object",
                None,
            )
            assert (result.identity, result.readable) == (Identity("abc", "a"), True)
            assert isinstance(parse(line.replace(value.encode(), b'{ "n": 1 }')), Parsed)
        assert isinstance(set_line_parser(rules(limits=None, entity=entity))(line), Parsed)
