"""The formats to fuzz: how each is drawn, read by kvsctl, and judged by the oracle.

A new format is one more entry of `FORMATS`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.fuzz.archives import Archive, Damage, archived
from benchmarks.fuzz.arrays import draw_array
from benchmarks.fuzz.grammar import Grammar
from benchmarks.fuzz.judged import (
    Columns,
    Expected,
    Form,
    Formed,
    Judge,
    Judged,
    Marks,
    judge_array,
    judge_lines,
    judge_table,
)
from benchmarks.fuzz.options import BOUNDS, KEY_SHAPES, PLAIN, SHAPES, Options, draw_options
from benchmarks.fuzz.oracle import (
    Verdict,
    judge_key_line,
    judge_key_row,
    judge_plain_key,
    judge_row,
    judge_set_line,
    key_of,
)
from benchmarks.fuzz.shaped import (
    draw_line,
    form_of_key_object,
    form_of_object,
    form_of_row,
    judge_key_object,
    judge_object,
    judge_shaped_row,
    key_names,
)
from benchmarks.fuzz.tables import Row, draw_table
from kvsctl.model import Verb
from kvsctl.records import formats
from kvsctl.records.formats import Forms
from kvsctl.records.parser_choice import key_parsers, set_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.sources import File

_LABEL: Final = "in"
_OTHER_COLUMNS: Final = ("name", "v", "n 1", "é", 'a"b', "7")


class Drawn(NamedTuple):
    """An input: the bytes to read, and the text they encode."""

    packed: bytes
    text: bytes
    damage: Damage = Damage.NONE


@dataclass(frozen=True)
class Format:
    """A format to fuzz. `draw` makes a text, `judge` returns the pieces in it.

    `verb` is the command that reads the text and, later, its failures. `form` is the value of
    `--format`, `end` the end of each piece. Each input uses one of the options in `choices`.
    """

    name: str
    verb: Verb
    form: formats.Format
    draw: Callable[[Grammar, Options], bytes]
    judge: Callable[[bytes, Options], Judged]
    end: bytes = b"\n"
    archive: Archive | None = None
    choices: tuple[Options, ...] = (PLAIN,)

    def options(self, grammar: Grammar) -> Options:
        """Draw the options of the command."""
        return draw_options(grammar, self.choices, is_table=self.form.is_table)

    def drawn(self, grammar: Grammar, options: Options) -> Drawn:
        """Draw an input of this format."""
        text = self.draw(grammar, options)
        if self.archive is None:
            return Drawn(text, text)
        packed, damage = archived(self.archive, text, grammar)
        return Drawn(packed, text, damage)

    def judged(self, drawn: Drawn, options: Options) -> Judged:
        """Return the required result. A damaged archive yields only pieces of the text."""
        judged = self.judge(drawn.text, options)
        match drawn.damage:
            case Damage.NONE:
                return judged
            case Damage.CUT:
                breaks = True if drawn.packed else None
                return replace(judged, may_lack=True, breaks=breaks)
            case Damage.CHANGED:
                return Judged([], is_open=True, breaks=None)

    def reader(self, chunks: Sequence[bytes], options: Options) -> Reader:
        """Return kvsctl's reader on these chunks."""
        has_values = self.verb is Verb.SET
        forms = Forms(given=self.form, shape=options.shape, has_values=has_values)
        source = _Chunked(Path(_LABEL), end=self.end, forms=forms, given=chunks)
        if has_values:
            return Reader([source], set_parsers(options.rules, options.shape, string=False))
        return Reader([source], key_parsers(options.rules, options.shape))


class _Chunked(File, kw_only=True):
    """A file that yields the given chunks."""

    given: Sequence[bytes] = ()

    def _chunks(self) -> Iterator[bytes]:
        return iter(self.given)


@dataclass(frozen=True)
class _Kind:
    """Pieces of one kind: how they are drawn, judged, and read as the form of a record."""

    writer: Callable[[Grammar, Options], Callable[[], bytes]]
    judge: Callable[[bytes, Options], Verdict]
    formed: Callable[[bytes, Options], Form | None] = lambda _, __: None

    def lines(self, name: str, verb: Verb, form: formats.Format, end: bytes = b"\n") -> Format:
        """Return a format of lines with these pieces."""

        def judged(text: bytes, options: Options) -> Judged:
            has_keys = form is formats.Format.KEYS
            return judge_lines(text, end, options.bound, *self._of(options), has_keys=has_keys)

        def drawn(grammar: Grammar, options: Options) -> bytes:
            return grammar.lines(self.writer(grammar, options), end)

        return Format(name, verb, form, drawn, judged, end)

    def array(self, name: str, verb: Verb) -> Format:
        """Return a format of arrays with these pieces."""

        def judged(text: bytes, options: Options) -> Judged:
            return judge_array(text, options.bound, *self._of(options))

        def drawn(grammar: Grammar, options: Options) -> bytes:
            return draw_array(grammar, self.writer(grammar, options))

        return Format(name, verb, formats.Format.JSON, drawn, judged)

    def _of(self, options: Options) -> tuple[Judge, Formed]:
        return lambda piece: self.judge(piece, options), lambda piece: self.formed(piece, options)


def _table(name: str, verb: Verb, form: formats.Format) -> Format:
    has_values = verb is Verb.SET

    def delimiter_of(options: Options) -> bytes:
        said = options.delimiter or ("\t" if form is formats.Format.TSV else ",")
        return said.replace("\\t", "\t").encode()

    def row_judged(row: Row, names: list[str], options: Options) -> Expected:
        assert row.cells is not None
        cells = dict(zip(names, row.cells, strict=True))
        if not options.takes_records:
            verdict = judge_shaped_row(cells, options, has_values=has_values)
        elif has_values:
            verdict = judge_row(cells, *options.defaults, infers=options.infer_types)
        else:
            verdict = judge_key_row(cells, options.defaults.entity)
        form = form_of_row(cells, options, has_values=has_values)
        return Expected(row.line, row.raw, verdict, form)

    def values_of(options: Options) -> list[str]:
        if options.takes_records:
            return ["value"]
        return [] if options.value_field is None else [options.value_field]

    def judged(text: bytes, options: Options) -> Judged:
        needed = key_names(options) + (values_of(options) if has_values else [])
        return judge_table(
            text,
            Marks(delimiter_of(options), options.delimiter is not None, options.quote != "none"),
            options.bound,
            Columns(needed, is_record=has_values and options.takes_records),
            lambda row, names: row_judged(row, names, options),
        )

    def drawn(grammar: Grammar, options: Options) -> bytes:
        others = values_of(options)
        if not options.takes_records:
            others += [name for name in _OTHER_COLUMNS if grammar.once_in(3)]
        keys, others_shown = (
            [one.encode() for one in some] for some in (key_names(options), others)
        )
        return draw_table(grammar, delimiter_of(options), keys, others_shown)

    return Format(name, verb, form, drawn, judged)


def _form_of_key(line: bytes) -> Form | None:
    key = key_of(line)
    return None if key is None else Form(key)


def _form_of_string(line: bytes) -> Form | None:
    stripped = line.strip(b" \t\r\n")
    return _form_of_key(stripped) if stripped.startswith(b'"') else None


_RECORDS: Final = _Kind(
    lambda grammar, _: grammar.writer(),
    lambda line, options: judge_set_line(line, *options.defaults),
)
_RECORD_KEYS: Final = _Kind(
    lambda grammar, _: grammar.writer(),
    lambda line, options: judge_key_line(line, options.defaults.entity),
    lambda line, _: _form_of_string(line),
)
_KEYS: Final = _Kind(
    lambda grammar, _: grammar.plain_key,
    lambda line, options: judge_plain_key(line, options.defaults.entity),
    lambda line, _: _form_of_key(line),
)
_KEYS_BEFORE_NUL: Final = replace(
    _KEYS,
    judge=lambda line, options: judge_plain_key(line, options.defaults.entity, before_nul=True),
)
_OBJECTS: Final = _Kind(
    lambda grammar, options: partial(draw_line, grammar, options), judge_object, form_of_object
)
_OBJECT_KEYS: Final = replace(_OBJECTS, judge=judge_key_object, formed=form_of_key_object)

_BOUNDED: Final = tuple(PLAIN._replace(bound=bound) for bound in BOUNDS)
_TYPED: Final = (PLAIN._replace(infer_types=True),)
_JSONL: Final = formats.Format.JSONL
_CSV: Final = formats.Format.CSV

_SET_LINES: Final = _RECORDS.lines("set jsonl", Verb.SET, _JSONL)
_GET_KEYS: Final = _KEYS.lines("keys", Verb.GET, formats.Format.KEYS)
_SET_ARRAY: Final = _RECORDS.array("set json", Verb.SET)
_SET_CSV: Final = _table("set csv", Verb.SET, _CSV)
_GET_CSV: Final = _table("get csv", Verb.GET, _CSV)
FORMATS: Final = (
    _SET_LINES,
    _RECORD_KEYS.lines("get jsonl", Verb.GET, _JSONL),
    _GET_KEYS,
    _KEYS_BEFORE_NUL.lines("keys, NUL", Verb.GET, formats.Format.KEYS, b"\0"),
    _SET_ARRAY,
    _RECORD_KEYS.array("get json", Verb.GET),
    _SET_CSV,
    replace(_SET_CSV, name="set csv, types", choices=_TYPED),
    _table("set tsv", Verb.SET, formats.Format.TSV),
    _GET_CSV,
    replace(_SET_LINES, name="set jsonl.gz", archive=Archive.GZIP),
    replace(_SET_LINES, name="set jsonl.zst", archive=Archive.ZSTD),
    replace(_GET_KEYS, name="keys.gz", archive=Archive.GZIP),
    replace(_SET_ARRAY, name="set json.zst", archive=Archive.ZSTD),
    replace(_OBJECTS.lines("set jsonl, shaped", Verb.SET, _JSONL), choices=SHAPES),
    replace(_OBJECT_KEYS.lines("get jsonl, shaped", Verb.GET, _JSONL), choices=KEY_SHAPES),
    replace(_OBJECTS.array("set json, shaped", Verb.SET), choices=SHAPES),
    replace(_SET_CSV, name="set csv, shaped", choices=SHAPES),
    replace(_GET_CSV, name="get csv, shaped", choices=KEY_SHAPES),
    replace(_SET_LINES, name="set jsonl, long", choices=_BOUNDED),
    replace(_GET_KEYS, name="keys, long", choices=_BOUNDED),
    replace(_SET_ARRAY, name="set json, long", choices=_BOUNDED),
    replace(_SET_CSV, name="set csv, long", choices=_BOUNDED),
)
