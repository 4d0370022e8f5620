"""KEY=VALUE arguments become records to set."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kvsctl.model import Identity
from kvsctl.records.parsed import Parsed
from kvsctl.records.parsing.records import (
    set_argument_parser,
)
from kvsctl.records.ttl import Ttl
from tests.records.parsing.parsers import (
    PARSE_ARGUMENT,
    parsed,
    rejected,
    rules,
)
from tests.support.jsontexts import LEGAL_KEYS, NOT_NULL
from tests.support.naming import short


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
