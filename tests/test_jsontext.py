import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl import jsontext
from kvsctl.jsontext import JsonTextError
from tests.support.jsontexts import SPACES, STRINGS, VALUES, array_of, model, object_of

PYTHON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NOT_JSON = [
    b"",
    b"   ",
    b"nope",
    b"NaN",
    b"[NaN]",
    b"Infinity",
    b"-Infinity",
    b"01",
    b"1.",
    b".5",
    b"+1",
    b"0x1",
    b"'a'",
    b'"a',
    b'"a\nb"',
    b'"\\x"',
    b'"\\u12"',
    b"[1,]",
    b"[1 2]",
    b'{"a":1,}',
    b'{"a" 1}',
    b"{a:1}",
    b"{} {}",
    b"1 1",
    b"\x0b1",
    b"\xc2\xa01",
    b"\xef\xbb\xbf{}",
    b'"\xff"',
    b'"\xed\xa0\x80"',
]


def nesting(value: Any) -> int:
    """Return how deep objects and arrays nest in a parsed value."""
    if isinstance(value, dict):
        return 1 + max(map(nesting, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(nesting, value), default=0)
    return 0


class TestMembers:
    @given(st.dictionaries(st.text(), PYTHON_VALUES, max_size=6), st.booleans(), st.booleans())
    def test_agrees_with_a_parser(
        self, value: dict[str, Any], ascii_only: bool, indented: bool
    ) -> None:
        text = json.dumps(value, ensure_ascii=ascii_only, indent=2 if indented else None)
        found = jsontext.members(text.encode("utf-8", "surrogatepass"))
        assert {name: json.loads(part) for name, part in found.items()} == value
        assert list(found) == list(value)

    @given(st.data())
    def test_each_value_has_its_exact_bytes(self, data: st.DataObject) -> None:
        pairs = data.draw(
            st.lists(
                st.tuples(STRINGS, VALUES), max_size=4, unique_by=lambda pair: json.loads(pair[0])
            )
        )
        text = data.draw(SPACES) + data.draw(object_of(pairs)) + data.draw(SPACES)
        found = jsontext.members(text.encode())
        assert found == {json.loads(name): value.encode() for name, value in pairs}

    @pytest.mark.parametrize(
        "text", ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"a":{"a":1},"b":[], "a" :{}}']
    )
    def test_refuses_a_duplicate_member(self, text: str) -> None:
        with pytest.raises(JsonTextError, match='duplicate member "a"'):
            jsontext.members(text.encode())

    def test_allows_duplicate_members_inside_a_value(self) -> None:
        assert jsontext.members(b'{"v":{"a":1,"a":2}}') == {"v": b'{"a":1,"a":2}'}

    @pytest.mark.parametrize("text", [b"[]", b"1", b'"{}"', b"null", *NOT_JSON])
    def test_refuses_text_that_is_not_an_object(self, text: bytes) -> None:
        with pytest.raises(JsonTextError):
            jsontext.members(text)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b'\xef\xbb\xbf{"a":1}', "a byte order mark (U+FEFF) at column 1"),
            (b'{"a":\xef\xbb\xbf1}', "a byte order mark (U+FEFF) at column 6"),
            (b'{"a":1}\xef\xbb\xbf{"a":1}', "a byte order mark (U+FEFF) at column 8"),
            (b'{"a":1}\r{"a":1}', "extra data after a CR (U+000D) at column 9"),
            (b'{"a":1} {"a":1}', "extra data at column 9"),
            (b'{"a":\x001}', "expecting value (U+0000) at column 6"),
            (b'{"a":"\n"}', "invalid control character (U+000A) at column 7"),
            (b'{"a":"\x1b"}', "invalid control character (U+001B) at column 7"),
        ],
    )
    def test_names_what_is_invisible(self, text: bytes, message: str) -> None:
        with pytest.raises(JsonTextError) as caught:
            jsontext.members(text)
        assert str(caught.value) == message

    def test_reports_where_the_text_is_wrong(self) -> None:
        with pytest.raises(JsonTextError, match=r"^expecting ',' delimiter at column 8"):
            jsontext.members(b'{"a":1 2}')
        with pytest.raises(
            JsonTextError, match=r"^invalid control character \(U\+000A\) at column 7$"
        ):
            jsontext.members(b'{"a":"\n"}')
        with pytest.raises(JsonTextError, match=r"^invalid UTF-8 at byte 7$"):
            jsontext.members(b'{"a":"\xff"}')
        with pytest.raises(JsonTextError, match=r"^NaN is not JSON$"):
            jsontext.members(b'{"a":NaN}')

    def test_a_message_has_no_long_name_and_no_terminal_control_characters(self) -> None:
        name = r"\ud800\u001b[31m" + "x" * 100_000
        with pytest.raises(JsonTextError) as caught:
            jsontext.members(f'{{"{name}":1,"{name}":1}}'.encode())
        message = str(caught.value)
        assert message.isascii()
        assert message.isprintable()
        assert len(message) < 200

    def test_takes_numbers_of_any_length(self) -> None:
        number = b"9" * 10_000
        assert jsontext.members(b'{"n":' + number + b"}") == {"n": number}


class TestElements:
    @given(st.lists(PYTHON_VALUES, max_size=6), st.booleans())
    def test_agrees_with_a_parser(self, value: list[Any], indented: bool) -> None:
        text = json.dumps(value, indent=2 if indented else None)
        assert [json.loads(part) for part in jsontext.elements(text.encode())] == value

    @given(st.data())
    def test_each_element_has_its_exact_bytes(self, data: st.DataObject) -> None:
        parts = data.draw(st.lists(VALUES, max_size=4))
        text = data.draw(SPACES) + data.draw(array_of(parts)) + data.draw(SPACES)
        assert jsontext.elements(text.encode()) == [part.encode() for part in parts]

    @pytest.mark.parametrize("text", [b"{}", b"1", b'"[]"', *NOT_JSON])
    def test_refuses_text_that_is_not_an_array(self, text: bytes) -> None:
        with pytest.raises(JsonTextError):
            jsontext.elements(text)


class TestValue:
    @given(VALUES, SPACES, SPACES)
    def test_is_the_text_without_outer_white_space(
        self, text: str, before: str, after: str
    ) -> None:
        assert jsontext.value(f"{before}{text}{after}".encode()) == text.encode()

    @pytest.mark.parametrize("text", [*NOT_JSON, b"1,2", b'1,"b":2', b"1}", b"]", b"1]"])
    def test_refuses_text_that_is_not_one_value(self, text: bytes) -> None:
        with pytest.raises(JsonTextError):
            jsontext.value(text)


class TestNestWithin:
    texts = st.lists(
        st.tuples(VALUES, st.integers(0, 20)).map(lambda cut: cut[0][: cut[1]].encode())
        | VALUES.map(str.encode),
        min_size=1,
        max_size=4,
    )

    @given(texts, st.integers(0, 5))
    @example([b'"', b'"[[]]"'], 1)
    @example([b'["]", ["]", [1]]]'], 2)
    def test_is_false_if_any_text_nests_deeper(self, texts: list[bytes], limit: int) -> None:
        if jsontext.nest_within(b"\0".join(texts), limit):
            assert not any(jsontext.depth_exceeds(text, limit) for text in texts)

    def test_is_true_for_texts_as_records_have_them(self) -> None:
        wide = json.dumps({"rows": [{"n": [n], "text": 'a "b" [c'} for n in range(50)]}).encode()
        assert jsontext.nest_within(b"\0".join([wide, b'{"a":[]}', b"", wide]), 4)
        assert not jsontext.nest_within(b"\0".join([b"[]", wide]), 3)
        assert not jsontext.nest_within(b'{"a":', 1)


_CLOSING = {"[": "]", '{"":': "}"}
_NESTED = st.builds(
    lambda marks, text: "".join(marks) + text + "".join(_CLOSING[mark] for mark in marks[::-1]),
    st.lists(st.sampled_from(["[", '{"":']), max_size=6),
    VALUES,
)


@given(st.lists(_NESTED.map(str.encode), max_size=5), st.integers(1, 6))
def test_texts_that_are_too_deep_are_those_that_exceed_the_depth(
    texts: list[bytes], limit: int
) -> None:
    longest = max(map(len, texts), default=0)
    found = jsontext.too_deep(texts, limit, joined=b"\0".join(texts), longest=longest)
    exceed = [jsontext.depth_exceeds(text, limit) for text in texts]
    assert found == [place for place, deep in enumerate(exceed) if deep]


@given(VALUES, SPACES, SPACES)
def test_a_value_without_surrogates_is_certain(text: str, before: str, after: str) -> None:
    if "\\ud" not in text:
        assert jsontext.is_value(f"{before}{text}{after}".encode())


@pytest.mark.parametrize("text", [*NOT_JSON, b"1 2", b'{"a":1}}', b'["\xff"]'])
def test_what_is_not_json_is_not_a_certain_value(text: bytes) -> None:
    assert not jsontext.is_value(text)


class TestDepthExceeds:
    @given(PYTHON_VALUES, st.integers(0, 6))
    def test_agrees_with_a_recursive_model(self, value: Any, limit: int) -> None:
        text = json.dumps(value).encode()
        assert jsontext.depth_exceeds(text, limit) == (nesting(value) > limit)

    @given(VALUES, st.integers(0, 4))
    def test_agrees_whatever_the_strings_hold(self, text: str, limit: int) -> None:
        # Members are numbered, because json would drop a duplicate member, and its nesting counts.
        parsed = json.loads(
            text, object_pairs_hook=lambda pairs: dict(enumerate(value for _, value in pairs))
        )
        assert jsontext.depth_exceeds(text.encode(), limit) == (nesting(parsed) > limit)

    def test_counts_nesting_and_not_brackets(self) -> None:
        assert not jsontext.depth_exceeds(b"[" + b"[],{}," * 1000 + b"[]]", 2)
        assert not jsontext.depth_exceeds(b'["' + b"[{" * 1000 + b'"]', 1)

    @pytest.mark.parametrize("strings", ["", "plain", r"\\", r"\" \\\"", "\u00e9\\u005b"])
    def test_looks_for_strings_only_if_one_has_brackets_or_nesting_is_deep(
        self, strings: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jsontext, "_ANY_STRING", None)
        text = f'[{{"{strings}":[{{"a":"{strings}"}},[]]}},1,{{}},[["{strings}"]]]'.encode()
        assert not jsontext.depth_exceeds(text, 4)
        for other in (text + b"]", b'["["' + text + b"]", b"[" * 20 + b"]" * 20):
            with pytest.raises(AttributeError):
                jsontext.depth_exceeds(other, 5)

    def test_withstands_any_depth(self) -> None:
        assert jsontext.depth_exceeds(b"[" * 100_000, 31)
        assert jsontext.depth_exceeds(b'{"a":' * 100_000, 31)

    def test_is_linear_in_a_string_that_never_ends(self) -> None:
        text = b'"' + b'\\"' * 200_000 + b"[" * 40
        before = time.process_time()
        assert not jsontext.depth_exceeds(text, 31)
        # Linear time takes 5 ms; searching again from each quote took ten minutes.
        assert time.process_time() - before < 2

    def test_needs_no_memory_for_many_escapes(self) -> None:
        text = b'"' + b'\\"' * 500_000 + b'"' + b"[" * 40
        tracemalloc.start()
        try:
            assert jsontext.depth_exceeds(text, 31)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak_bytes < 2 * len(text)


@given(st.text("ab \t\n\r\u2028\x85", max_size=4))
def test_a_line_break_is_a_line_feed_or_a_carriage_return(text: str) -> None:
    assert jsontext.has_line_break(text.encode()) is ("\n" in text or "\r" in text)


class TestCompact:
    @given(VALUES)
    def test_keeps_the_content_without_white_space(self, text: str) -> None:
        small = jsontext.compact(text.encode()).decode()
        assert model(small) == model(text)
        assert len(small) <= len(text)

    @given(PYTHON_VALUES)
    def test_undoes_indentation(self, value: Any) -> None:
        indented = json.dumps(value, indent=3).encode()
        assert jsontext.compact(indented) == json.dumps(value, separators=(",", ":")).encode()
