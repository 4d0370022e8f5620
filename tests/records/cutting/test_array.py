import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.errors import StreamError, UsageError
from kvsctl.records.cutting import lines as bounds
from kvsctl.records.cutting.array import split_array
from kvsctl.records.cutting.lines import MAX_LINE_BYTES, Line, Lines
from tests.records.cutting.chunks import cut_into
from tests.support.jsontexts import SPACES, VALUES, array_of

CUTS = st.lists(st.integers(0, 200), max_size=6)


def elements(*chunks: bytes) -> list[bytes]:
    found = [line for lines in split_array(iter(chunks), "f.json") for line in lines]
    assert [line.number for line in found] == list(range(1, len(found) + 1))
    return [line.text for line in found]


def until_error(chunks: Iterator[bytes]) -> tuple[list[Line], StreamError | None]:
    """Return the elements that were cut, and the error that ended the reading, if any."""
    found: list[Line] = []
    try:
        for lines in split_array(chunks, "f.json"):
            found += lines
    except StreamError as error:
        return found, error
    return found, None


class TestLegalArrays:
    @given(st.lists(VALUES, max_size=8), st.data(), SPACES, SPACES, CUTS)
    def test_each_element_has_its_exact_bytes_whatever_the_chunks(
        self, texts: list[str], data: st.DataObject, before: str, after: str, cuts: list[int]
    ) -> None:
        content = (before + data.draw(array_of(texts)) + after).encode()
        assert elements(*cut_into(content, cuts)) == [text.encode() for text in texts]

    @pytest.mark.parametrize("between", [b",", b", ", b",\n  ", b" ,"])
    def test_many_like_elements_in_large_chunks(self, between: bytes) -> None:
        nested = [
            b'{"key":"k%d","value":[{"key":"},{\\"key"},{"key":%d},[[[[%d]]]]]}' % (n, n, n)
            for n in range(3000)
        ]
        content = b"[" + between.join(nested) + b"]"
        chunks = [content[at : at + 5000] for at in range(0, len(content), 5000)]
        assert elements(*chunks) == nested

    def test_elements_are_given_once_complete(self) -> None:
        arrivals = split_array(iter([b'[{"a":1},{"b"', b"", b":2}", b",", b"3,", b"4]"]), "-")
        assert [[line.text for line in lines] for lines in arrivals] == [
            [b'{"a":1}'],
            [],
            [b'{"b":2}'],
            [b"3"],
            [b"4"],
        ]

    def test_whole_elements_are_given_as_lists_that_can_be_read_at_once(self) -> None:
        chunks = [b"[1, 2,", b"3, 4,", b"5]"]
        assert [(type(lines), len(lines)) for lines in split_array(iter(chunks), "-")] == [
            (Lines, 2),
            (Lines, 2),
            (Lines, 1),
        ]

    @pytest.mark.parametrize("content", [b"[]", b" \n[ \r\n]\n\n", b"", b" \n"])
    def test_an_empty_array_has_no_elements(self, content: bytes) -> None:
        assert elements(content) == []


class TestBadElements:
    @pytest.mark.parametrize(
        "bad",
        [
            b"nope",
            b'{"key":}',
            b'{"a":1} {"b":2}',
            b'{"a":[1}}',
            b"",
            b"\xff\xfe",
            b'"\\',
            b"[" * 300 + b"]" * 300,
            b"NaN",
            b"}",
        ],
    )
    @pytest.mark.parametrize("after", [b"", b"\n"])
    def test_a_bad_element_affects_no_other_if_its_end_can_be_found(
        self, bad: bytes, after: bytes
    ) -> None:
        if bad == b'"\\':
            bad, after = b'"open', b"\n"  # an open string ends at a line feed
        content = b'[{"a":1},' + bad + after + b',{"b":2}]'
        assert elements(content) == [b'{"a":1}', bad, b'{"b":2}']

    def test_an_extra_comma_makes_an_empty_element(self) -> None:
        assert elements(b"[1,,2,]") == [b"1", b"", b"2", b""]
        assert elements(b"[,]") == [b"", b""]


class TestBrokenArrays:
    @pytest.mark.parametrize("content", [b"x[", b'{"key":1}', b"\0"])
    def test_text_that_is_not_an_array_is_unusable(self, content: bytes) -> None:
        with pytest.raises(UsageError, match=r"f\.json: not a JSON array"):
            elements(content)

    @given(st.integers(1, 40), CUTS)
    @example(27, [])
    def test_a_truncated_array_gives_its_elements_and_an_error(
        self, length: int, cuts: list[int]
    ) -> None:
        whole = [b'{"key":"a]"}', b'{"key":"b"}', b"[1]"]
        content = b"[" + b", ".join(whole) + b"]"
        found, error = until_error(cut_into(content[:length], cuts))
        if length >= len(content):
            assert error is None
            assert [line.text for line in found] == whole
            return
        assert error is not None
        assert "the array is truncated" in error.message
        texts = [line.text for line in found]
        assert texts[:-1] == whole[: max(0, len(texts) - 1)]
        assert not texts or whole[len(texts) - 1].startswith(texts[-1])

    @pytest.mark.parametrize("rest", [b"x", b"\n[2]", b"]", b"\0"])
    @pytest.mark.parametrize("pause", [[], [b""], [b"\n"]])
    def test_text_after_the_array_is_an_error_after_its_elements(
        self, rest: bytes, pause: list[bytes]
    ) -> None:
        found, error = until_error(iter([b"[1, 2]", *pause, rest]))
        assert [line.text for line in found] == [b"1", b"2"]
        assert error is not None
        assert "more text follows" in error.message


class TestLongElements:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bounds, "MAX_LINE_BYTES", 12)
        monkeypatch.setattr(bounds, "KEPT_BYTES", 3)

    @pytest.mark.parametrize(
        "long",
        [
            b'"1234567890123"',
            b'"12,]\\"[34567890\\\\"',
            b'{"a":{"b":[1,2,"],"]}}',
            b"[" * 20 + b"]" * 20,
            b"1234567890123",
        ],
    )
    @pytest.mark.parametrize("step", [1, 2, 3, 5, 8, 13, 100])
    def test_a_long_element_is_cut_and_affects_no_other(self, long: bytes, step: int) -> None:
        content = b'[{"a":1},' + long + b',{"b":2}, ' + long + b"]"
        found, error = until_error(content[at : at + step] for at in range(0, len(content), step))
        assert error is None
        assert [(line.number, line.cut) for line in found] == [
            (1, False),
            (2, True),
            (3, False),
            (4, True),
        ]
        assert [found[0].text, found[2].text] == [b'{"a":1}', b'{"b":2}']
        assert found[1].text == long[:3]

    @pytest.mark.parametrize("step", [1, 2, 5, 100])
    def test_white_space_before_an_element_does_not_count(self, step: int) -> None:
        spaces = b" \r\n\t" * 5
        content = b"[%b1234567890123,%b2]" % (spaces, spaces)
        found, error = until_error(content[at : at + step] for at in range(0, len(content), step))
        assert error is None
        assert [(line.text, line.cut) for line in found] == [(b"123", True), (b"2", False)]

    @pytest.mark.parametrize("step", [1, 7, 100])
    def test_white_space_alone_is_not_an_element(self, step: int) -> None:
        content = b"[" + b" " * 50 + b"]" + b"\n" * 50
        found, error = until_error(content[at : at + step] for at in range(0, len(content), step))
        assert (found, error) == ([], None)

    def test_an_element_without_an_end_is_an_error(self) -> None:
        found, error = until_error(iter([b"[1,", b"[" * 30]))
        assert [(line.text, line.cut) for line in found] == [(b"1", False), (b"[[[", True)]
        assert error is not None


def test_an_endless_element_is_not_kept_in_memory() -> None:
    chunk = b'"' + b"x" * (1024 * 1024) + b'",'
    chunks = (chunk for _ in range(MAX_LINE_BYTES // len(chunk) + 3))
    found, error = until_error(part for parts in ([b"[{"], chunks) for part in parts)
    assert error is not None
    assert [(len(line.text), line.cut) for line in found] == [(1024, True)]


@pytest.mark.parametrize("begun", [b"[", b"[1,", b"[1]"])
def test_endless_white_space_is_not_kept_in_memory(begun: bytes) -> None:
    chunk = b" " * 1024 * 1024
    tracemalloc.start()
    until_error(part for parts in ([begun], [chunk] * 12) for part in parts)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 6 * len(chunk)


def test_the_numbers_of_elements_are_exact() -> None:
    number = b"1" * 10_000
    assert elements(b"[%b,1.0,1e400]" % number) == [number, b"1.0", b"1e400"]
    assert json.loads(b"1.0") == 1
