"""Plain keys, JSON strings and objects become keys to get or delete."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.model import Identity
from kvsctl.records.parsed import Parsed
from kvsctl.records.parsing.records import (
    key_line_parser,
    key_object_parser,
)
from tests.records.parsing.parsers import (
    PARSE_KEY,
    PARSE_OBJECT,
    code_of,
    parsed,
    records,
    rejected,
    rules,
)
from tests.support.naming import short


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
