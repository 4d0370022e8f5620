import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.emulator import json_slices
from kvsctl.jsontext import WHITE_SPACE
from kvsctl.records.checks import Breach
from kvsctl.records.fields import Fields, read_fields
from tests.support.jsontexts import SCALARS, STRINGS, VALUES, object_of, spelt

KNOWN = ["key", "value", "entityName", "ttl", "options", "expireTime", "createdAt", "error"]
TTLS = st.sampled_from(['"7d"', '{"value":1,"unit":"DAYS"}', '{"value": 1e3}', "null", "5"])


@st.composite
def members(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a member of a record: its name in any spelling, and a value of any type."""
    name = draw(st.sampled_from(["key", "value", "entityName"] * 3 + KNOWN))
    suiting = {
        "key": STRINGS,
        "entityName": STRINGS | st.just("null"),
        "ttl": TTLS,
        "options": TTLS.map(lambda ttl: f'{{"ttl":{ttl}}}') | st.just("{}"),
    }.get(name, VALUES)
    return draw(spelt(name)), draw(suiting | suiting | suiting | SCALARS)


LINES = st.lists(members(), max_size=4).flatmap(object_of)


class TestAnyObject:
    @given(LINES)
    @example('{"key":"","key":""}')
    @example('{"key":"","value":0,"key":""}')
    @example('{"value":0,"key":"","value":0}')
    @example('{"entityName":"","key":"","entityName":""}')
    @example('{"entityName":"","key":"","entityName":null}')
    @example('{"key":"\u00e9\u00e9\u00e9\u00e9\u00e9","key":""}')
    @example('{"\\u006bey":"a"}')
    def test_has_the_members_that_another_reader_finds(self, line: str) -> None:
        text = line.strip(" \t\r\n")
        members, read = json_slices.members(text, alone=True), read_fields(text.encode())
        if isinstance(read, Breach):
            return
        assert read.key == json.loads(members["key"])
        assert read.value.decode() == members.get("value", "")
        assert read.entity == json.loads(members.get("entityName", "null"))

    @given(LINES, st.data())
    def test_is_refused_as_damaged_where_another_reader_refuses_it(
        self, line: str, data: st.DataObject
    ) -> None:
        text = bytearray(line.encode())
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(text)))
            text[place : place + data.draw(st.integers(0, 2))] = data.draw(
                st.binary(max_size=1) | st.sampled_from([b'"', b"\\", b",", b"{", b"\xff", b"0"])
            )
        damaged = bytes(text).strip(WHITE_SPACE)
        read = read_fields(damaged)
        try:
            json.loads(damaged.decode(), parse_constant=int, parse_int=str, parse_float=str)
        except ValueError:
            assert isinstance(read, Breach)

    @given(LINES)
    def test_only_a_line_with_no_member_besides_key_and_value_is_plain(self, line: str) -> None:
        text = line.strip(" \t\r\n")
        read = read_fields(text.encode())
        if isinstance(read, Fields) and read.plain:
            assert sorted(name for name, _ in parsed_pairs(text)) == ["key", "value"]
            assert (
                len(text.encode()) < len(f'{{"key":"{read.key}","value":}}') + len(read.value) + 8
            )

    @pytest.mark.parametrize(
        "line",
        [
            b'{"key":"a","value":1}',
            b'{"key": "a", "value": {"b": [1, 2]}}',
            b'{"value":"x","key":"a"}',
            b'{"\\u006bey":"a","value":1}',
        ],
    )
    def test_a_line_with_hardly_a_byte_more_is_plain(self, line: bytes) -> None:
        read = read_fields(line)
        assert isinstance(read, Fields)
        assert read.plain


def parsed_pairs(line: str) -> list[tuple[str, Any]]:
    pairs = json.loads(line, object_pairs_hook=list)
    assert isinstance(pairs, list)
    return pairs


class TestReadFields:
    def test_reads_all_members(self) -> None:
        line = (
            b'{"key":"a","value":[1],"entityName":"abc","ttl":"7d","expireTime":"x",'
            b'"createdAt":1,"updatedAt":2,"error":{},"source":"f:1","installation":"i"}'
        )
        assert read_fields(line) == Fields("a", b"[1]", "abc", "7d", "x")

    def test_null_means_that_the_member_is_missing(self) -> None:
        line = b'{"key":"a","value":1,"entityName":null,"ttl":null,"expireTime":null}'
        assert read_fields(line) == Fields("a", b"1")

    def test_takes_the_services_own_options(self) -> None:
        line = b'{"key":"a","value":1,"options":{"ttl":{"value":2,"unit":"DAYS"}}}'
        assert read_fields(line) == Fields("a", b"1", ttl={"value": 2, "unit": "DAYS"})
        assert read_fields(b'{"key":"a","options":{},"ttl":"1d"}') == Fields("a", ttl="1d")

    @pytest.mark.parametrize(
        "members",
        [
            b'"ttl":null',
            b'"options":null',
            b'"options":{"ttl":null}',
            b'"ttl":null,"options":{"ttl":null}',
            b'"expireTime":null',
            b'"entityName":null',
        ],
    )
    def test_null_means_that_a_record_has_none(self, members: bytes) -> None:
        assert read_fields(b'{"key":"a","value":1,%b}' % members) == Fields("a", b"1")

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (b'{"value":1}', 'the record has no "key"'),
            (b'{"key":1}', '"key" is not a string'),
            (b'{"key":null}', '"key" is not a string'),
            (b'{"key":"a","entityName":1}', '"entityName" is not a string'),
            (
                b'{"key":"a","sizes":1}',
                'unknown member "sizes": a record has key, value, entityName, ttl, options and '
                "expireTime",
            ),
            (
                b'{"raw":"{","error":{},"source":"f:1"}',
                'an earlier run could not read this input: rewrite the text in "raw" as a record',
            ),
            (
                b'{"raw_base64":"/w==","error":{},"source":"f:1"}',
                'an earlier run could not read this input: rewrite the text in "raw_base64" '
                "as a record",
            ),
            (
                b'{"key":"a","options":{"keyPolicy":1}}',
                '"options" must be an object with no member except "ttl"',
            ),
            (
                b'{"key":"a","options":[]}',
                '"options" must be an object with no member except "ttl"',
            ),
            (
                b'{"key":"a","options":{"ttl":"1d"},"ttl":"1d"}',
                'the record has two ttls: "ttl" and the one in "options"',
            ),
            (b'{"key":"a","key":"b"}', 'duplicate member "key"'),
            (b'{"key":"a","value":NaN}', "NaN is not JSON"),
            (b'["a"]', "not a JSON object"),
            (b'"a"', "not a JSON object"),
            (b'{"key":"a\xff"}', "invalid UTF-8 at byte 10"),
            (b'{"key":"a","value":"\xff"}', "invalid UTF-8 at byte 21"),
            (b"", "expecting value at column 1"),
        ],
    )
    def test_says_what_is_wrong(self, line: bytes, message: str) -> None:
        breach = read_fields(line)
        assert isinstance(breach, Breach)
        assert (breach.code, breach.message) == ("INVALID_JSON", message)

    def test_shows_no_long_or_unprintable_name(self) -> None:
        breach = read_fields(b'{"key":"a","\\u001b' + b"x" * 10_000_000 + b'":1}')
        assert isinstance(breach, Breach)
        assert breach.message.isprintable()
        assert len(breach.message) < 200

    def test_a_number_outside_every_range_is_infinite(self) -> None:
        digits = b"9" * 5_000
        assert read_fields(b'{"key":"a","ttl":%b}' % digits) == Fields("a", ttl=float("inf"))

    @pytest.mark.parametrize("member", [b"key", b"entityName"])
    @pytest.mark.parametrize("digits", [20, 400, 5_000])
    def test_a_long_number_is_not_a_name(self, member: bytes, digits: int) -> None:
        line = b'{"key":"a","value":1,"entityName":"abc"}'
        text = {b"key": b'"a"', b"entityName": b'"abc"'}[member]
        breach = read_fields(line.replace(b":%b" % text, b":" + b"1" * digits))
        assert isinstance(breach, Breach)
        assert (breach.code, breach.message) == (
            "INVALID_JSON",
            f'"{member.decode()}" is not a string',
        )

    def test_keeps_a_key_that_only_escapes_can_write(self) -> None:
        assert read_fields(b'{"key":"\\ud800","value":1}') == Fields("\ud800", b"1", plain=True)

    @given(st.binary(max_size=40))
    def test_never_raises(self, line: bytes) -> None:
        read_fields(line)
