"""A document among lines is followed to its end; a truncated record costs no other record."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.records.cutting.unfinished import (
    MOST_UNDECIDED,
    Place,
    possible_starts,
    start_of_document,
)
from tests.support.jsontexts import VALUES

RECORD = b'{"key":"b","value":1}'
INSIDE, LAST, UNDECIDED, OUTSIDE = Place.INSIDE, Place.LAST, Place.UNDECIDED, Place.OUTSIDE


def places(*lines: bytes, has_keys: bool = False) -> list[Place]:
    """Return the places of the lines after the first, up to the end of the document."""
    document = start_of_document(lines[0], has_keys=has_keys)
    assert document is not None
    found: list[Place] = []
    for line in lines[1:]:
        found.append(document.place_of(line))
        if found[-1] in (LAST, OUTSIDE):
            break
    return found


@given(VALUES.filter(lambda text: text.strip()[0] in "[{"), st.booleans())
def test_every_line_of_a_document_belongs_to_it(text: str, has_keys: bool) -> None:
    lines = [line for line in text.encode().split(b"\n") if line.strip()]
    if len(lines) == 1:
        assert start_of_document(lines[0], has_keys=has_keys) is None
        return
    found = places(*lines, has_keys=has_keys)
    assert set(found[:-1]) <= {INSIDE, UNDECIDED}
    assert len(found) == len(lines) - 1
    assert found[-1] is LAST


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b'{"Items":[', RECORD + b",", RECORD, b"]}"], [INSIDE, INSIDE, LAST]),
        # Commas are missing: the members of the records are not those of the document.
        ([b'{"Items":[', RECORD, RECORD, b"]}"], [INSIDE, INSIDE, LAST]),
        ([b'{"Items"', b":[", RECORD, RECORD, b"]}"], [INSIDE] * 3 + [LAST]),
        ([b"{'Items'", b"# comment", b":[", RECORD, b"]}"], [UNDECIDED, INSIDE, INSIDE, LAST]),
        # A comma that is not needed, comments and names without quotes.
        ([b"{keep: [", b'"c",', b'"d", // last', b"],", b"}"], [INSIDE] * 3 + [LAST]),
        ([b"[", b"# comment", b"'a',", b'"b"', b"] // ;"], [UNDECIDED, INSIDE, INSIDE, LAST]),
        ([b"export default [", b'"a",', b'"b"', b"];"], [INSIDE] * 2 + [LAST]),
        ([b"\x1e{", b'"a": 1', b"}"], [INSIDE, LAST]),
        ([b'\xef\xbb\xbf{"keep":[', b'"c"', b"]}"], [INSIDE, LAST]),
        # Objects of a tree have members with the same names.
        ([b'{"id":"r","of":[', b'{"id":"leaf"}', b"]}"], [UNDECIDED, LAST]),
        ([b"[", b'{"key":"a"}', b"]"], [UNDECIDED, LAST]),
        # Brackets in strings are text.
        ([b'{"a":"}",', b'"b":"\\"}"', b"}"], [INSIDE, LAST]),
        # Truncated records.
        ([b'{"key":"a",', RECORD], [OUTSIDE]),
        ([b'{"key":"a","value":{"b":1}', RECORD], [OUTSIDE]),
        ([b'{"key":"a","value":', RECORD, RECORD], [UNDECIDED, OUTSIDE]),
        ([b'{"key":"a","value":[[1,', RECORD, b"nonsense"], [UNDECIDED, OUTSIDE]),
        ([b'{"key":"a","value":', b'{"key":"b",', b'{"key":"c"}'], [INSIDE, OUTSIDE]),
        ([b'{"key":"a","value":', b"# comment", RECORD, b"", RECORD], [UNDECIDED] * 3 + [OUTSIDE]),
        ([b'{"source":{"a":', RECORD, RECORD], [UNDECIDED, OUTSIDE]),
        ([b'{"source":1', RECORD], [OUTSIDE]),
        ([b"{", RECORD], [OUTSIDE]),
        ([b"[", RECORD, RECORD], [UNDECIDED, OUTSIDE]),
    ],
)
def test_the_first_line_that_cannot_continue_ends_a_truncated_record(
    lines: list[bytes], expected: list[Place]
) -> None:
    assert places(*lines) == expected


@pytest.mark.parametrize("line", [b"user:1", b"k 2", b"2026-01-01", b"nullable", b"_"])
def test_a_plain_key_ends_a_document_that_is_not_closed(line: bytes) -> None:
    assert places(b"[", b'"a"', line, has_keys=True) == [INSIDE, OUTSIDE]
    assert places(b"[", b'"a"', line) == [INSIDE, INSIDE]


@pytest.mark.parametrize("line", [b'"b"', b"-1.5e3", b"true", b"null,", b"]", b"# b", b"// b"])
def test_json_among_plain_keys_belongs_to_the_document(line: bytes) -> None:
    assert places(b"[[", line, has_keys=True) in ([INSIDE], [UNDECIDED])


@pytest.mark.parametrize(
    "text", [b"", b"a", b"{}", b"[1]", b'{"a":"x', b'["a', b'"{"', b"a[0", b"]", b'{"a":1}}']
)
def test_other_lines_start_no_document(text: bytes) -> None:
    assert start_of_document(text) is None


def test_the_undecided_lines_are_bounded() -> None:
    lines = [b'{"key":"a","value":'] * (MOST_UNDECIDED + 2)
    assert places(*lines) == [UNDECIDED] * MOST_UNDECIDED + [INSIDE]


@given(
    st.text("{}[]\"'\\#/ a,:\0", max_size=12).map(lambda text: f"{{{text}".encode().rstrip(b"\\"))
)
@example(b'{"a":1,"it\'s":"#/"}')
@example(b'{"\0{')
@example(b"{'\"'}")
@example(b'{/*"*/}"')
@example(b'{"\\ ')
def test_a_comment_at_the_end_of_a_line_changes_nothing(text: bytes) -> None:
    # Only a line without one is certain to leave nothing open without a look at each token.
    has_document = start_of_document(text) is not None
    assert has_document == (start_of_document(text + b"\n#") is not None)


@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [
                    *(bytes([mark]) for mark in b"{}[]\"\\'#/*a :,\0\x1e"),
                    *(b'"key":', b'{"a":"b"}', b'"{"', b"\xef\xbb\xbf", b"//"),
                ]
            ),
            max_size=12,
        ).map(b"".join),
        min_size=1,
        max_size=5,
    )
)
@example([b'{\\"}"\\"x"'])
@example([b"{" * 50 + b"}" * 50, b"["])
def test_no_other_line_than_a_possible_start_starts_a_document(texts: list[bytes]) -> None:
    places = possible_starts(texts)
    for place, text in enumerate(texts):
        if place not in places:
            assert start_of_document(text) is None
            assert start_of_document(text, has_keys=True) is None


def test_lines_that_close_what_they_open_are_no_possible_starts() -> None:
    closed = [b'{"key":"a","value":={"a":[1,{}]}}', b"plain text", b'["a","b"],', b"}", b'{"a":""}']
    assert list(possible_starts([*closed[:3], b'{"a":[', *closed[4:]])) == [3]
    assert list(possible_starts(closed[:2])) == []
