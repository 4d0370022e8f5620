"""JSON over several lines is refused where lines are expected, before any of them is read."""

import json
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.records.cutting.documents import is_unfinished, only_lines
from kvsctl.records.cutting.lines import Line, split_lines
from tests.records.cutting.chunks import cut_into

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
CUTS = st.lists(st.integers(0, 200), max_size=6)


def read(chunks: Iterator[bytes], *, has_values: bool = True) -> list[Line]:
    lists: Iterator[Sequence[Line]] = only_lines(split_lines(chunks), "in", has_values=has_values)
    return [line for lines in lists for line in lines]


def hint(text: bytes, *, has_values: bool = True) -> str:
    with pytest.raises(UsageError) as caught:
        read(iter([text]), has_values=has_values)
    assert "not JSON Lines" in caught.value.message
    assert caught.value.hint is not None
    return caught.value.hint


@given(JSON.filter(lambda value: bool(value) and isinstance(value, dict | list)), CUTS)
def test_an_indented_document_is_refused(value: object, cuts: list[int]) -> None:
    text = json.dumps(value, indent=1).encode()
    with pytest.raises(UsageError, match="in:1: not JSON Lines"):
        read(cut_into(text, cuts))


@given(st.lists(JSON, max_size=4), CUTS)
def test_compact_lines_are_unchanged(values: list[object], cuts: list[int]) -> None:
    text = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    assert read(cut_into(text, cuts)) == [
        Line(number, json.dumps(value).encode()) for number, value in enumerate(values, 1)
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[",
        b'{"a"',
        b'{"a":',
        b'{"a":1',
        b'{"a":1,',
        b'[{"a":1},',
        b'{"a":{"b":1}',
        b' {"Items": [ ',
        b'{"a":"\xff",',
    ],
)
def test_text_that_later_lines_can_complete_is_unfinished(text: bytes) -> None:
    assert is_unfinished(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"a{",
        b'"a',
        b'{"a":"x',  # no string continues on the next line
        b'{"a":tru',
        b'{"a":1},',
        b'{"a":1}{',
        b'{"a":1]',
        b"{a",
        b"[" * 100_000,
    ],
)
def test_other_text_is_not_unfinished(text: bytes) -> None:
    assert not is_unfinished(text)


def test_a_record_that_is_the_only_line_is_read() -> None:
    assert read(iter([b'\n{"key":"a",\n \n'])) == [Line(2, b'{"key":"a",')]


def test_only_the_first_line_decides() -> None:
    assert len(read(iter([b'{"key":"a"}\n{\n"key":"b"\n}\n']))) == 4


def test_comments_before_the_document_are_passed_over() -> None:
    with pytest.raises(UsageError, match="in:3: not JSON Lines"):
        read(iter([b'// keys\n# more\n{\n"keys": [\n"a"\n]\n}']))


def test_a_comment_over_several_lines_is_passed_over() -> None:
    with pytest.raises(UsageError, match="in:4: not JSON Lines"):
        read(iter([b'/* keys\n{\nto delete */\n{\n"keys": [\n"a"\n]\n}']))


def test_a_sequence_of_documents_is_refused_with_the_command_that_reads_it() -> None:
    assert hint(b'\x1e{\n"key": "a"\n}\n').endswith("tr -d '\\036' <in | jq -c .")


def test_a_line_from_a_pipe_is_given_at_once_and_an_unfinished_one_is_held() -> None:
    lists = only_lines(split_lines(iter([b"{\n", b"", b'"a":1\n'])), "in", has_values=True)
    assert next(lists) == []
    with pytest.raises(UsageError):
        next(lists)
    lists = only_lines(split_lines(iter([b"a\n", b"", b"b\n"])), "in", has_values=True)
    assert [len(one) for one in lists] == [1, 0, 1]


@pytest.mark.parametrize(
    ("text", "of_set", "of_keys"),
    [
        (b'{"Items":[\n{"key":"a"},\n{"key":"b"}\n],"Count":2}', "'.Items[]'", "'.Items[]'"),
        (b'{\n"n":1,"data":{"my items":[{}]}}', """'.data."my items"[]'""", None),
        (b'{\n"n":[1],\n"keys":["a","b"]}', " . in", "'.keys[]'"),
        (b'{"a":["x"],\n"b":["y"]}', " . in", "'.a[]' or '.b[]'"),
        (b'{\n"key":"a","value":[{"b":1}]}', " . in", " . in"),
        (b'{"a":1,\n"b":2}', "'to_entries[]'", "'to_entries[]'"),
        (b'[\n"a"]', "--format json", "--format json"),
        (b'{"i":[[\n"x"]]}', " . in", " . in"),
    ],
)
def test_the_hint_names_the_member_that_holds_the_records(
    text: bytes, of_set: str, of_keys: str | None
) -> None:
    assert of_set in hint(text)
    assert (of_keys or of_set) in hint(text, has_values=False)


def test_a_huge_document_is_not_searched_to_its_end() -> None:
    chunks = (b'{\n"Items":[\n' if not n else b'{"key":"a"},\n' * 5000 for n in range(1_000_000))
    with pytest.raises(UsageError) as caught:
        read(chunks)
    assert caught.value.hint is not None
    assert "'.Items[]'" in caught.value.hint
