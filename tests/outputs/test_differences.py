"""Differences for programs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from kvsctl.comparison.entries import Entry
from kvsctl.comparison.joining import Change, Difference
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.listing.walk import records_of
from kvsctl.model import Identity
from kvsctl.outputs.differences import json_line_of, key_line_of, record_line_of
from kvsctl.outputs.keys import key_lines
from kvsctl.records.parsed import Parsed
from kvsctl.records.parsing.records import careful_key_line_parser, careful_key_object_parser
from kvsctl.records.rules import Rules
from kvsctl.slabs import FoundSlab

_ONE = Entry("", "k", b'{"key":"k","value":{"n": 1.0},"expireTime":"2027-01-01T00:00:00Z"}')
_OTHER = Entry("", "k", b'{"key":"k",\n"value":[1,\r\n"a\\n  b"]}')
_CITY = Entry("city", "k", b'{"key":"k","entityName":"city","value":{}}')


@pytest.mark.parametrize(
    ("difference", "line"),
    [
        (
            Difference(Change.CHANGED, _ONE, _OTHER),
            b'{"change":"changed","key":"k","left":{"n": 1.0},"right":[1,"a\\n  b"]}\n',
        ),
        (
            Difference(Change.MISSING, _ONE, None),
            b'{"change":"missing","key":"k","left":{"n": 1.0}}\n',
        ),
        (
            Difference(Change.ADDED, None, _CITY),
            b'{"change":"added","key":"k","entityName":"city","right":{}}\n',
        ),
    ],
)
def test_values_keep_their_bytes_on_one_line(difference: Difference, line: bytes) -> None:
    assert json_line_of(difference) == line
    json.loads(line)


def test_records_are_those_of_the_left_if_it_has_them() -> None:
    assert record_line_of(Difference(Change.CHANGED, _ONE, _OTHER)) == _ONE.body + b"\n"
    assert record_line_of(Difference(Change.MISSING, _ONE, None)) == _ONE.body + b"\n"
    added = record_line_of(Difference(Change.ADDED, None, _OTHER))
    assert added == b'{"key":"k","value":[1,"a\\n  b"]}\n'


_legal_keys = st.text(
    st.sampled_from("abZ9:._-# \t\n\r\x0b\x0c\xa0\u2028\ufeff"), min_size=1, max_size=6
).filter(lambda key: key.strip("\ufeff \t\n\r\x0b\x0c\xa0\u2028"))


@given(_legal_keys, st.sampled_from(["", "city"]))
def test_a_key_is_read_back_as_it_is(key: str, entity: str) -> None:
    entry = Entry(entity, key, b"{}")
    line = key_line_of(Difference(Change.MISSING, entry, None))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    parser = careful_key_object_parser if entity else careful_key_line_parser
    parsed = parser(Rules(DEFAULT_LIMITS))(line[:-1])
    assert isinstance(parsed, Parsed)
    assert parsed.identity == Identity(entity or None, key)
    assert not parsed.has_odd_blanks


@given(_legal_keys)
def test_a_key_is_printed_as_list_prints_it_in_visible_characters(key: str) -> None:
    line = key_line_of(Difference(Change.MISSING, Entry("", key, b"{}"), None))
    assert line == key_lines(records_of(None, [key], 0), FoundSlab([Raw(b"1")]))
    assert line.decode().rstrip("\n").isprintable()
    assert line.isascii()
