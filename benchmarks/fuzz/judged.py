"""Find the pieces of a text: lines, elements or rows, each with its place and content."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from benchmarks.fuzz.arrays import split_elements
from benchmarks.fuzz.documents import Text, lines_of_documents
from benchmarks.fuzz.options import Bound
from benchmarks.fuzz.oracle import Refused, Verdict, Wanted, may_continue
from benchmarks.fuzz.tables import Row, header_fault, named_delimiter, rows_of

_BOM: Final = b"\xef\xbb\xbf"
_WHITE: Final = b" \t\r\n"
_TOO_LONG: Final = Refused(frozenset({"MAX_SIZE"}))
_INVALID_JSON: Final = Refused(frozenset({"INVALID_JSON"}))


class Form(NamedTuple):
    """The record that a piece looks like, valid or not; `value` as JSON, if any."""

    key: str
    value: str | None = None


Judge: TypeAlias = Callable[[bytes], Verdict]
Formed: TypeAlias = Callable[[bytes], Form | None]
"""Return the record that a readable problem contains instead of the piece's bytes."""


class Expected(NamedTuple):
    """A piece that must be read: its line, its bytes and their verdict.

    `cut`: the part that is kept, apart from trailing white space, if the piece is judged too long.
    """

    line: int
    raw: bytes
    verdict: Verdict
    form: Form | None = None
    cut: bytes | None = None


@dataclass(frozen=True)
class Judged:
    """The required result of an input.

    `is_open`: any pieces may follow these. `may_lack`: some of these may be missing.
    `breaks`: whether reading must end with an error of the input; None: it may.
    `of_first`: returns what is expected if reading ends after a number of pieces. None: the first
    of these.
    """

    expected: list[Expected]
    is_open: bool = False
    may_lack: bool = False
    breaks: bool | None = False
    of_first: Callable[[int], list[Expected]] | None = None

    def expected_of(self, count: int) -> list[Expected]:
        """Return what is expected of an input of which `count` pieces were read."""
        if not self.may_lack or self.of_first is None or count >= len(self.expected):
            return self.expected
        return self.of_first(count)


class Columns(NamedTuple):
    """The columns that a header must name. `is_record`: it may name only members of records."""

    needed: Sequence[str]
    is_record: bool


class Marks(NamedTuple):
    """What separates cells. `is_given`: by an option, so that the table cannot name another."""

    delimiter: bytes
    is_given: bool = False
    has_quotes: bool = True


def judge_lines(
    text: bytes,
    end: bytes,
    bound: Bound | None,
    judge: Judge,
    formed: Formed,
    *,
    has_keys: bool,
) -> Judged:
    """Judge the lines that are not blank; a line that is too long may be blank.

    If the first is JSON that continues on the next, nothing is read. `has_keys`: the lines are
    plain keys.
    """
    expected: list[Expected] = []
    for number, line in enumerate(text.removeprefix(_BOM).split(end), 1):
        if bound is not None and len(line) > bound.most_bytes:
            expected.append(Expected(number, line[: bound.kept_bytes], _TOO_LONG))
        elif line.strip(_WHITE):
            shown = line[:-1] if end == b"\n" and line.endswith(b"\r") else line
            expected.append(Expected(number, shown, judge(shown), formed(shown)))
    if end != b"\n":
        return Judged(expected)
    if len(expected) > 1 and _is_document(expected):
        return Judged([], breaks=True)

    def of_first(count: int) -> list[Expected]:
        # Only later lines can show that a line starts a document.
        return _with_documents(expected[:count], has_keys=has_keys)

    return Judged(of_first(len(expected)), of_first=of_first)


def _with_documents(lines: Sequence[Expected], *, has_keys: bool) -> list[Expected]:
    """Return the lines, with the lines of documents refused."""
    texts = [
        Text(None if line.verdict is _TOO_LONG else line.raw, _may_start(line, has_keys=has_keys))
        for line in lines
    ]
    inside = lines_of_documents(texts, has_keys=has_keys)
    return [
        Expected(line.line, line.raw, _INVALID_JSON) if place in inside else line
        for place, line in enumerate(lines)
    ]


def _may_start(line: Expected, *, has_keys: bool) -> bool:
    return has_keys or not isinstance(line.verdict, Wanted)


def _is_document(lines: Sequence[Expected]) -> bool:
    """Return whether the first line that is not a comment begins a document."""
    for place, line in enumerate(lines[:20]):
        if not line.raw.startswith((b"#", b"/")):
            is_last = place == len(lines) - 1
            return line.verdict is not _TOO_LONG and not is_last and may_continue(line.raw)
    return False


def judge_array(text: bytes, bound: Bound | None, judge: Judge, formed: Formed) -> Judged:
    """Judge the elements that can be told apart."""
    split = split_elements(text.removeprefix(_BOM))
    expected = []
    for number, (element, length) in enumerate(zip(split.elements, split.lengths, strict=True), 1):
        one = Expected(number, element, judge(element), formed(element))
        if bound is not None and length > bound.most_bytes:
            kept = element[: bound.kept_bytes]
            # It is ambiguous whether the white space beside it counts.
            is_long = len(element) > bound.most_bytes
            one = Expected(number, kept, _TOO_LONG) if is_long else one._replace(cut=kept)
        expected.append(one)
    return Judged(expected, is_open=split.is_open, breaks=split.breaks)


def judge_table(
    text: bytes,
    marks: Marks,
    bound: Bound | None,
    columns: Columns,
    judge: Callable[[Row, list[str]], Expected],
) -> Judged:
    """Judge the rows after the header; `judge` gets those with as many cells as the header."""
    named, lines = named_delimiter(text.removeprefix(_BOM))
    rows = rows_of(
        lines,
        marks.delimiter if named is None or marks.is_given else named,
        first=1 if named is None else 2,
        has_quotes=marks.has_quotes,
    )
    if not rows:
        return Judged([])
    header, *rest = rows
    has_long_header = bound is not None and header.length > bound.most_bytes
    if has_long_header and marks.has_quotes and not _has_plain_quotes(header):
        return Judged([], is_open=True, breaks=None)
    if has_long_header or header_fault(header, columns.needed, is_record=columns.is_record):
        return Judged([], breaks=True if rest else None)
    assert header.cells is not None
    expected: list[Expected] = []
    for row in rest:
        if bound is not None and row.length > bound.most_bytes:
            # The number of its quotes shows where it ends.
            if marks.has_quotes and not _has_plain_quotes(row):
                return Judged(expected, is_open=True)
            expected.append(Expected(row.line, row.raw[: bound.kept_bytes], _TOO_LONG))
        elif (
            row.cells is None
            or len(row.cells) != len(header.cells)
            or row.cells == header.cells  # left by joining files
        ):
            expected.append(Expected(row.line, row.raw, _INVALID_JSON))
        else:
            expected.append(judge(row, header.cells))
    return Judged(expected)


def _has_plain_quotes(row: Row) -> bool:
    """Return whether quotes occur only around cells, and doubled inside them."""
    if row.cells is None:
        return False
    outside = row.raw
    for cell in sorted(row.cells, key=len, reverse=True):
        outside = outside.replace(b'"%b"' % cell.encode().replace(b'"', b'""'), b"")
    return b'"' not in outside
