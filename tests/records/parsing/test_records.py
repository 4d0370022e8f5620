import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kvsctl import jsontext
from kvsctl.jsontext import PARSER_DEPTH
from kvsctl.limits import Limits
from kvsctl.model import Identity
from kvsctl.records.parsed import Parsed, Parser, Rejected
from kvsctl.records.parsing.records import (
    careful_set_line_parser,
    key_line_parser,
    key_object_parser,
    set_argument_parser,
    set_line_parser,
)
from kvsctl.records.rules import Rules
from kvsctl.records.ttl import Ttl
from tests.support.jsontexts import LEGAL_KEYS, NOT_NULL, SPACES, model, object_of, spelt
from tests.support.naming import short

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
DAY_SECONDS = 86_400


def rules(**given: Any) -> Rules:
    return Rules(epoch=lambda: NOW, **given)


PARSE_LINE = set_line_parser(rules())
PARSE_ARGUMENT = set_argument_parser(rules(), string=False)
PARSE_KEY = key_line_parser(rules())
PARSE_OBJECT = key_object_parser(rules())


UNCHECKED = (
    set_line_parser(rules(limits=None)),
    set_argument_parser(rules(limits=None), string=False),
    key_line_parser(rules(limits=None)),
    key_object_parser(rules(limits=None)),
)


def parsed(parser: Parser, piece: bytes) -> Parsed:
    result = parser(piece)
    assert isinstance(result, Parsed), result
    return result


def rejected(parser: Parser, piece: bytes) -> Rejected:
    result = parser(piece)
    assert isinstance(result, Rejected), result
    return result


def code_of(parser: Parser, piece: bytes) -> str:
    return rejected(parser, piece).breach.code


@st.composite
def records(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """Draw a legal set record: its line, and the texts of its members."""
    texts = {"key": json.dumps(draw(LEGAL_KEYS)), "value": draw(NOT_NULL)}
    if draw(st.booleans()):
        texts["entityName"] = draw(st.sampled_from(['"abc"', '"a.b-c:1"', "null"]))
        if texts["entityName"] != "null":
            texts["value"] = draw(object_of([('"n"', texts["value"])]))
    extra = draw(
        st.sampled_from(
            [
                {},
                {"ttl": '"7d"'},
                {"options": '{"ttl": {"unit":"DAYS","value":7}}'},
                {"ttl": '{"value":7,"unit":"DAYS"}', "expireTime": '"2020-01-01T00:00:00Z"'},
                {"createdAt": "1", "updatedAt": "2", "error": '{"code":"X"}', "source": '"f:1"'},
            ]
        )
    )
    texts |= extra
    names = draw(st.permutations(sorted(texts)))
    pairs = [(draw(spelt(name)), texts[name]) for name in names]
    return draw(SPACES) + draw(object_of(pairs)) + draw(SPACES), texts


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
            Identity(None, "a"), b'{"key":"a","value":1}', NOW + DAY_SECONDS
        )

    def test_leaves_a_past_expiry_to_the_services_clock(self) -> None:
        line = b'{"key":"a","value":1,"expireTime":"2020-01-01T00:00:00Z"}'
        assert parsed(PARSE_LINE, line).expires_at == 1_577_836_800.0

    def test_refuses_an_expiry_that_no_ttl_can_reach(self) -> None:
        line = b'{"key":"a","value":1,"expireTime":"2027-01-03T00:00:00Z"}'
        result = rejected(PARSE_LINE, line)
        assert result.breach.code == "INVALID_TTL"
        assert "31,536,000" in result.breach.message
        assert result.identity == Identity(None, "a")
        assert result.readable

    def test_leaves_an_expiry_of_about_a_year_to_the_services_clock(self) -> None:
        line = b'{"key":"a","value":1,"expireTime":"2027-01-01T12:00:00Z"}'
        assert parsed(PARSE_LINE, line).expires_at == NOW + 365.5 * DAY_SECONDS

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

    @given(st.binary(max_size=60) | st.text('{}[]":,key\\value0 ').map(str.encode))
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
            assert result.breach == (
                "INVALID_ENTITY_VALUE",
                f"the value is {kind}: in an entity, it must be an object",
                None,
            )
            assert (result.identity, result.readable) == (Identity("abc", "a"), True)
            assert isinstance(parse(line.replace(value.encode(), b'{ "n": 1 }')), Parsed)
        assert isinstance(set_line_parser(rules(limits=None, entity=entity))(line), Parsed)


class TestSetArguments:
    @given(LEGAL_KEYS, NOT_NULL)
    def test_a_json_value_keeps_its_exact_bytes(self, key: str, value: str) -> None:
        result = parsed(PARSE_ARGUMENT, f"{key}={value}".encode())
        assert result == Parsed(
            Identity(None, key), f'{{"key":{json.dumps(key)},"value":{value}}}'.encode()
        )

    @given(
        st.text(st.characters(exclude_categories=["Cs"]))
        | st.sampled_from(['1,"x":2', "1}", '1,"value":2', "NaN", "01", "{'a'}", "1 2", "a=b", "="])
    )
    def test_any_other_value_is_a_string(self, text: str) -> None:
        try:
            json.loads(text, parse_constant=lambda name: 1 / 0)
        except (ValueError, ZeroDivisionError):
            pass
        else:
            assume(False)
        result = parsed(PARSE_ARGUMENT, f"a={text}".encode())
        assert json.loads(result.body) == {"key": "a", "value": text}

    @given(st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["1", "null", "{}"]))
    def test_with_string_every_value_is_a_string(self, text: str) -> None:
        parse = set_argument_parser(rules(), string=True)
        result = parsed(parse, f"a={text}".encode())
        assert json.loads(result.body) == {"key": "a", "value": text}

    def test_takes_the_defaults(self) -> None:
        parse = set_argument_parser(rules(entity="abc", ttl=Ttl(1, "DAYS")), string=False)
        assert parsed(parse, b"a={}").body == (
            b'{"key":"a","entityName":"abc","value":{},"options":{"ttl":{"value":1,"unit":"DAYS"}}}'
        )

    def test_text_that_only_looks_deep_is_a_string(self) -> None:
        text = "[" * 40
        assert json.loads(parsed(PARSE_ARGUMENT, f"a={text}".encode()).body)["value"] == text

    @pytest.mark.parametrize(
        ("piece", "code", "identity"),
        [
            (b"a", "INVALID_JSON", None),
            (b"", "INVALID_JSON", None),
            (b"a=\xff", "INVALID_JSON", None),
            (b"\xff=1", "INVALID_JSON", None),
            (b"=1", "EMPTY_KEY", Identity(None, "")),
            (b"a b/=1", "INVALID_KEY", Identity(None, "a b/")),
            (b"a=null", "INVALID_VALUE", Identity(None, "a")),
            (b"a=" + b"[" * 32 + b"]" * 32, "MAX_DEPTH", Identity(None, "a")),
            (b"a=" + b"[" * 100_000, "MAX_DEPTH", Identity(None, "a")),
            (b"a=" + b"x" * 245_760, "MAX_SIZE", Identity(None, "a")),
        ],
        ids=short,
    )
    def test_says_what_is_wrong(self, piece: bytes, code: str, identity: Identity | None) -> None:
        result = rejected(PARSE_ARGUMENT, piece)
        assert (result.breach.code, result.identity) == (code, identity)

    @pytest.mark.parametrize(
        ("piece", "record"),
        [
            (b"=1", b'{"key":"","value":1}'),
            (b"a/=x", b'{"key":"a/","value":"x"}'),
            (b"a=null", b'{"key":"a","value":null}'),
            (b"a=" + b"[" * 32 + b"]" * 32, b'{"key":"a","value":%b}' % (b"[" * 32 + b"]" * 32)),
        ],
        ids=short,
    )
    def test_an_argument_that_fails_is_still_kept_as_a_record(
        self, piece: bytes, record: bytes
    ) -> None:
        result = rejected(PARSE_ARGUMENT, piece)
        assert (result.readable, result.record) == (True, record)

    @pytest.mark.parametrize("piece", [b"a", b"a=\xff", b"a=" + b"[" * 100_000], ids=short)
    def test_an_argument_without_an_equals_sign_is_not_a_record(self, piece: bytes) -> None:
        result = rejected(PARSE_ARGUMENT, piece)
        assert (result.readable, result.record) == (False, None)

    def test_an_argument_that_fails_keeps_its_defaults(self) -> None:
        parse = set_argument_parser(rules(entity="abc", ttl=Ttl(1, "DAYS")), string=False)
        assert rejected(parse, b"a/=1").record == (
            b'{"key":"a/","entityName":"abc","value":1,"options":{"ttl":{"value":1,"unit":"DAYS"}}}'
        )


class TestKeyLines:
    @given(
        st.text("ab:._-# \t\xa0\u2003", min_size=1).filter(lambda key: key.strip("\t \xa0\u2003"))
    )
    def test_a_key_is_the_exact_text(self, key: str) -> None:
        plain = parsed(PARSE_KEY, key.encode())
        assert plain.identity == Identity(None, key)
        assert json.loads(plain.body) == {"key": key}
        assert plain.has_odd_blanks == (
            key.strip() != key or set(key) & set("\t\xa0\u2003") > set()
        )
        for text in (json.dumps(key), json.dumps(key, ensure_ascii=False)):
            assert parsed(PARSE_KEY, text.encode()) == Parsed(plain.identity, plain.body)

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b'"a",', "extra data at column 4"),
            (b'"a', "unterminated string starting at column 1"),
            (b'"a"\xef\xbb\xbf', "a byte order mark (U+FEFF) at column 4"),
            (b'"\\ud800"', "UTF-8 cannot encode a lone surrogate"),
        ],
    )
    def test_what_is_wrong_with_a_json_string_is_said(self, line: bytes, reason: str) -> None:
        breach = rejected(PARSE_KEY, line).breach
        assert breach.message == f'a key that starts with " must be a JSON string: {reason}'

    @pytest.mark.parametrize("unseen", ["\ufeff", "\r", "\n", "\v", "\f"])
    @pytest.mark.parametrize("key", ["{}a", "a{}b", "a{}"])
    def test_what_is_invisible_in_a_plain_key_is_shown_and_refused(
        self, unseen: str, key: str
    ) -> None:
        key = key.format(unseen)
        result = rejected(PARSE_KEY, key.encode())
        assert (result.breach.code, result.readable) == ("INVALID_KEY", False)
        assert f"U+{ord(unseen):04X}" in result.breach.message
        assert json.dumps(key) in result.breach.message

    @pytest.mark.parametrize("unseen", ["\ufeff", "\r", "\0", "\x1f", "\x7f", "\x85"])
    def test_without_limits_it_is_refused_as_well(self, unseen: str) -> None:
        parse = key_line_parser(rules(limits=None))
        assert code_of(parse, f"a{unseen}".encode()) == "INVALID_KEY"
        assert code_of(PARSE_KEY, f"a{unseen}".encode()) == "INVALID_KEY"

    @pytest.mark.parametrize("key", ["\ufeffa", "a\rb", "a\n"])
    def test_as_a_json_string_it_is_part_of_the_key(self, key: str) -> None:
        assert parsed(PARSE_KEY, json.dumps(key).encode()).identity.key == key

    def test_before_nul_white_space_is_part_of_the_key(self) -> None:
        parse = key_line_parser(rules(), ends_in_nul=True)
        assert parsed(parse, b"a\r\nb").has_odd_blanks
        assert code_of(parse, "\ufeffa".encode()) == "INVALID_KEY"
        assert code_of(parse, b"a\x01") == "INVALID_KEY"

    def test_takes_the_default_entity(self) -> None:
        parse = key_line_parser(rules(entity="abc"))
        assert parsed(parse, b"a") == Parsed(
            Identity("abc", "a"), b'{"key":"a","entityName":"abc"}'
        )

    @pytest.mark.parametrize(
        ("piece", "code"),
        [
            (b"", "EMPTY_KEY"),
            (b'""', "EMPTY_KEY"),
            (b" ", "INVALID_KEY"),
            (b"a/b", "INVALID_KEY"),
            (b"a" * 10_000_000, "KEY_TOO_LONG"),
            (b"\xff", "INVALID_JSON"),
            (b'"a', "INVALID_JSON"),
            (b'"a" b', "INVALID_JSON"),
            (b'"\xff"', "INVALID_JSON"),
            (b"[" * 100_000, "KEY_TOO_LONG"),
        ],
        ids=short,
    )
    def test_says_what_is_wrong(self, piece: bytes, code: str) -> None:
        result = rejected(PARSE_KEY, piece)
        assert result.breach.code == code
        assert result.readable == (code != "INVALID_JSON")

    def test_a_key_that_fails_is_still_kept_as_a_record(self) -> None:
        parse = key_line_parser(rules(entity="abc"))
        assert rejected(parse, b"a/").record == b'{"key":"a/","entityName":"abc"}'
        assert rejected(parse, b'"a/').record is None

    def test_a_bad_default_entity_is_refused(self) -> None:
        assert code_of(key_line_parser(rules(entity="A")), b"a") == "ENTITY_TYPE_TOO_SHORT"


class TestKeyObjects:
    @given(records())
    def test_reads_the_key_of_any_record(self, record: tuple[str, dict[str, str]]) -> None:
        line, texts = record
        result = parsed(PARSE_OBJECT, line.encode())
        key = json.loads(texts["key"])
        entity = json.loads(texts.get("entityName", "null"))
        assert result.identity == Identity(entity, key)
        expected = {"key": key} if entity is None else {"key": key, "entityName": entity}
        assert json.loads(result.body) == expected

    def test_reads_strings_too_and_takes_the_default_entity(self) -> None:
        parse = key_object_parser(rules(entity="abc"))
        assert parsed(parse, b' "a" ').identity == Identity("abc", "a")
        assert parsed(parse, b'{"key":"a"}').identity == Identity("abc", "a")
        assert parsed(parse, b'{"key":"a","entityName":"xyz"}').identity == Identity("xyz", "a")

    def test_ignores_the_value(self) -> None:
        deep = b"[" * 40 + b"]" * 40
        for value in (b"null", deep, b'"' + b"x" * 300_000 + b'"'):
            assert parsed(PARSE_OBJECT, b'{"key":"a","value":%b}' % value).body == b'{"key":"a"}'

    @pytest.mark.parametrize(
        ("piece", "code", "readable"),
        [
            (b"a", "INVALID_JSON", False),
            (b'{"value":1}', "INVALID_JSON", False),
            (b'{"key":""}', "EMPTY_KEY", True),
            (b'{"key":"a","entityName":""}', "ENTITY_TYPE_TOO_SHORT", True),
            (b'{"key":"a","entityName":"A_B"}', "INVALID_ENTITY_TYPE", True),
            (b"[" * 100_000, "MAX_DEPTH", False),
        ],
        ids=short,
    )
    def test_says_what_is_wrong(self, piece: bytes, code: str, readable: bool) -> None:
        result = rejected(PARSE_OBJECT, piece)
        assert (result.breach.code, result.readable) == (code, readable)
