"""The formats that are fuzzed: how each is drawn, read by kvsctl, and judged by the oracle.

A new format is one more entry of `FORMATS`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.fuzz.archives import Archive, Damage, archived
from benchmarks.fuzz.arrays import draw_array, split_elements
from benchmarks.fuzz.grammar import Grammar
from benchmarks.fuzz.oracle import (
    Refused,
    Verdict,
    judge_key_line,
    judge_key_row,
    judge_plain_key,
    judge_row,
    judge_set_line,
    key_of,
)
from benchmarks.fuzz.tables import Row, draw_table, header_fault, rows_of
from kvsctl.model import Verb
from kvsctl.records import formats
from kvsctl.records.choice import key_parsers, set_parsers
from kvsctl.records.formats import Forms
from kvsctl.records.parsers import Rules
from kvsctl.records.reader import Reader
from kvsctl.records.shapes import Shape
from kvsctl.records.sources import File
from kvsctl.records.ttl import Ttl

_LABEL: Final = "in"
_BOM: Final = b"\xef\xbb\xbf"
_PLAIN: Final = Shape()


class Expected(NamedTuple):
    """A piece that has to come: the line it is on, its bytes, and what they say.

    `key`: a problem may hold it as a record that names this key, in place of the bytes.
    """

    line: int
    raw: bytes
    verdict: Verdict
    key: str | None = None


@dataclass(frozen=True)
class Judged:
    """What has to come of an input.

    `is_open`: after these, any pieces may follow. `may_lack`: not all of these need to come.
    `breaks`: whether reading has to end in an error of the input; None: it may.
    """

    expected: list[Expected]
    is_open: bool = False
    may_lack: bool = False
    breaks: bool | None = False


class Drawn(NamedTuple):
    """An input: the bytes to read, and the text that they stand for."""

    packed: bytes
    text: bytes
    damage: Damage = Damage.NONE


class Defaults(NamedTuple):
    """What records get that name none themselves."""

    entity: str | None = None
    ttl: tuple[int, str] | None = None

    @property
    def rules(self) -> Rules:
        """The same as the parsers take it."""
        return Rules(entity=self.entity, ttl=Ttl(*self.ttl) if self.ttl else None)


@dataclass(frozen=True)
class Format:
    """`draw` makes a text, `judge` says which pieces it holds.

    `verb` is the command that reads it, and to which failures are fed back. `form` is what
    `--format` would say, `end` what pieces end in.
    """

    name: str
    verb: Verb
    form: formats.Format
    draw: Callable[[Grammar], bytes]
    judge: Callable[[bytes, Defaults], Judged]
    end: bytes = b"\n"
    archive: Archive | None = None
    shape: Shape = _PLAIN

    def drawn(self, grammar: Grammar) -> Drawn:
        """An input of this format."""
        text = self.draw(grammar)
        if self.archive is None:
            return Drawn(text, text)
        packed, damage = archived(self.archive, text, grammar)
        return Drawn(packed, text, damage)

    def judged(self, drawn: Drawn, defaults: Defaults) -> Judged:
        """What has to come of it. Of a damaged archive, nothing that is not in it."""
        judged = self.judge(drawn.text, defaults)
        match drawn.damage:
            case Damage.NONE:
                return judged
            case Damage.CUT:
                breaks = True if drawn.packed else None
                return replace(judged, may_lack=True, breaks=breaks)
            case Damage.CHANGED:
                return Judged([], is_open=True, breaks=None)

    def reader(self, chunks: Sequence[bytes], defaults: Defaults) -> Reader:
        """kvsctl's own, on these chunks."""
        has_values = self.verb is Verb.SET
        forms = Forms(given=self.form, shape=self.shape, has_values=has_values)
        source = _Chunked(Path(_LABEL), end=self.end, forms=forms, given=chunks)
        if has_values:
            return Reader([source], set_parsers(defaults.rules, self.shape, string=False))
        return Reader([source], key_parsers(defaults.rules, self.shape))


@dataclass(slots=True)
class _Chunked(File):
    """A file that is read in the chunks it is told to."""

    given: Sequence[bytes] = field(default=(), kw_only=True)

    def _chunks(self) -> Iterator[bytes]:
        return iter(self.given)


def _of_lines(
    name: str,
    verb: Verb,
    form: formats.Format,
    line: Callable[[Grammar], bytes],
    judge: Callable[[bytes, Defaults], Verdict],
    *,
    end: bytes = b"\n",
    named: Callable[[bytes], str | None] = lambda _: None,
) -> Format:
    def judged(text: bytes, defaults: Defaults) -> Judged:
        return Judged(
            [
                Expected(number, line, judge(line, defaults), named(line))
                for number, line in lines_of(text, end)
            ]
        )

    def drawn(grammar: Grammar) -> bytes:
        return grammar.lines(lambda: line(grammar), end)

    return Format(name, verb, form, drawn, judged, end)


def _of_array(
    name: str,
    verb: Verb,
    judge: Callable[[bytes, Defaults], Verdict],
    named: Callable[[bytes], str | None] = lambda _: None,
) -> Format:
    def judged(text: bytes, defaults: Defaults) -> Judged:
        split = split_elements(text.removeprefix(_BOM))
        expected = [
            Expected(number, element, judge(element, defaults), named(element))
            for number, element in enumerate(split.elements, 1)
        ]
        return Judged(expected, is_open=split.is_open, breaks=split.breaks)

    return Format(name, verb, formats.Format.JSON, draw_array, judged)


def _of_table(
    name: str, verb: Verb, form: formats.Format, delimiter: bytes, *, infers: bool = False
) -> Format:
    has_values = verb is Verb.SET

    def row_judged(row: Row, names: list[str], defaults: Defaults) -> Expected:
        if row.cells is None or len(row.cells) != len(names):
            return Expected(row.line, row.raw, Refused(frozenset({"INVALID_JSON"})))
        cells = dict(zip(names, row.cells, strict=True))
        if has_values:
            verdict = judge_row(cells, defaults.entity, defaults.ttl, infers=infers)
        else:
            verdict = judge_key_row(cells, defaults.entity)
        return Expected(row.line, row.raw, verdict, cells["key"])

    def judged(text: bytes, defaults: Defaults) -> Judged:
        rows = rows_of(text.removeprefix(_BOM), delimiter)
        if not rows:
            return Judged([])
        header, *rest = rows
        if header_fault(header, has_values=has_values):
            return Judged([], breaks=True if rest else None)
        assert header.cells is not None
        return Judged([row_judged(row, header.cells, defaults) for row in rest])

    def drawn(grammar: Grammar) -> bytes:
        return draw_table(grammar, delimiter)

    return Format(name, verb, form, drawn, judged, shape=Shape(infer_types=infers))


def lines_of(text: bytes, end: bytes) -> list[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1."""
    found = []
    for number, line in enumerate(text.removeprefix(_BOM).split(end), 1):
        if line.strip(b" \t\r\n"):
            is_text_line = end == b"\n" and line.endswith(b"\r")
            found.append((number, line[:-1] if is_text_line else line))
    return found


def _set_line(line: bytes, defaults: Defaults) -> Verdict:
    return judge_set_line(line, defaults.entity, defaults.ttl)


def _key_line(line: bytes, defaults: Defaults) -> Verdict:
    return judge_key_line(line, defaults.entity)


def _plain_key(line: bytes, defaults: Defaults) -> Verdict:
    return judge_plain_key(line, defaults.entity)


def _key_of_string(line: bytes) -> str | None:
    stripped = line.strip(b" \t\r\n")
    return key_of(stripped) if stripped.startswith(b'"') else None


_TEXTS: Final = (
    _of_lines("set jsonl", Verb.SET, formats.Format.JSONL, Grammar.line, _set_line),
    _of_lines(
        "get jsonl", Verb.GET, formats.Format.JSONL, Grammar.line, _key_line, named=_key_of_string
    ),
    _of_lines("keys", Verb.GET, formats.Format.KEYS, Grammar.plain_key, _plain_key, named=key_of),
    _of_lines(
        "keys, NUL",
        Verb.GET,
        formats.Format.KEYS,
        Grammar.plain_key,
        _plain_key,
        end=b"\0",
        named=key_of,
    ),
    _of_array("set json", Verb.SET, _set_line),
    _of_array("get json", Verb.GET, _key_line, _key_of_string),
    _of_table("set csv", Verb.SET, formats.Format.CSV, b","),
    _of_table("set csv, types", Verb.SET, formats.Format.CSV, b",", infers=True),
    _of_table("set tsv", Verb.SET, formats.Format.TSV, b"\t"),
    _of_table("get csv", Verb.GET, formats.Format.CSV, b","),
)
FORMATS: Final = (
    *_TEXTS,
    replace(_TEXTS[0], name="set jsonl.gz", archive=Archive.GZIP),
    replace(_TEXTS[0], name="set jsonl.zst", archive=Archive.ZSTD),
    replace(_TEXTS[2], name="keys.gz", archive=Archive.GZIP),
    replace(_TEXTS[4], name="set json.zst", archive=Archive.ZSTD),
)
