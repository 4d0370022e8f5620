"""The parsers under test, and the records they are given."""

import json
from typing import Any

from hypothesis import strategies as st

from kvsctl.records.parsed import Parsed, Parser, Rejected
from kvsctl.records.parsing.records import (
    key_line_parser,
    key_object_parser,
    set_argument_parser,
    set_line_parser,
)
from kvsctl.records.rules import Rules
from tests.support.jsontexts import LEGAL_KEYS, NOT_NULL, SPACES, object_of, spelt

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
