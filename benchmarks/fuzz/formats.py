"""The formats that are fuzzed: how each is drawn, read by kvsctl, and judged by the oracle.

A new format is one more entry of `FORMATS`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from benchmarks.fuzz.grammar import Grammar
from benchmarks.fuzz.oracle import Verdict, judge_key_line, judge_plain_key, judge_set_line, key_of
from kvsctl.model import Verb
from kvsctl.records.lines import Line, split_lines, without_mark
from kvsctl.records.parsers import (
    Parser,
    Rules,
    key_line_parser,
    key_object_parser,
    set_line_parser,
)
from kvsctl.records.reader import Reader
from kvsctl.records.ttl import Ttl

_LABEL: Final = "in"
_BOM: Final = b"\xef\xbb\xbf"


class Expected(NamedTuple):
    """A piece that has to come: the line it is on, its bytes, and what they say.

    `key`: a problem may hold it as a record that names this key, in place of the bytes.
    """

    line: int
    raw: bytes
    verdict: Verdict
    key: str | None = None


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
    """`judge` has the text of an input, and says which pieces it holds.

    `verb` is the command that a line of the failures file is fed back to.
    """

    name: str
    verb: Verb
    draw: Callable[[Grammar], bytes]
    reader: Callable[[Sequence[bytes], Defaults], Reader]
    judge: Callable[[bytes, Defaults], list[Expected]]


@dataclass(frozen=True)
class _Chunks:
    """A source that gives the chunks it is told to."""

    chunks: Sequence[bytes]
    end: bytes
    label: str = _LABEL

    def lines(self) -> Iterator[list[Line]]:
        """Its lines, as a file's."""
        return split_lines(without_mark(iter(self.chunks)), self.end)


def _of_lines(
    name: str,
    verb: Verb,
    line: Callable[[Grammar], bytes],
    parser: Callable[[Rules], Parser],
    judge: Callable[[bytes, Defaults], Verdict],
    *,
    end: bytes = b"\n",
    named: Callable[[bytes], str | None] = lambda _: None,
) -> Format:
    def reader(chunks: Sequence[bytes], defaults: Defaults) -> Reader:
        chosen = parser(defaults.rules)
        return Reader([_Chunks(chunks, end)], lambda *_: chosen)

    def judged(text: bytes, defaults: Defaults) -> list[Expected]:
        return [
            Expected(number, line, judge(line, defaults), named(line))
            for number, line in lines_of(text, end)
        ]

    def drawn(grammar: Grammar) -> bytes:
        return grammar.lines(lambda: line(grammar), end)

    return Format(name, verb, drawn, reader, judged)


def lines_of(text: bytes, end: bytes) -> list[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1."""
    found = []
    for number, line in enumerate(text.removeprefix(_BOM).split(end), 1):
        if line.strip(b" \t\r\n"):
            is_text_line = end == b"\n" and line.endswith(b"\r")
            found.append((number, line[:-1] if is_text_line else line))
    return found


FORMATS: Final = (
    _of_lines(
        "set jsonl",
        Verb.SET,
        Grammar.line,
        set_line_parser,
        lambda line, defaults: judge_set_line(line, defaults.entity, defaults.ttl),
    ),
    _of_lines(
        "get jsonl",
        Verb.GET,
        Grammar.line,
        key_object_parser,
        lambda line, defaults: judge_key_line(line, defaults.entity),
        named=lambda line: key_of(line.strip()) if line.lstrip().startswith(b'"') else None,
    ),
    _of_lines(
        "keys",
        Verb.GET,
        Grammar.plain_key,
        key_line_parser,
        lambda line, defaults: judge_plain_key(line, defaults.entity),
        named=key_of,
    ),
    _of_lines(
        "keys, NUL",
        Verb.GET,
        Grammar.plain_key,
        key_line_parser,
        lambda line, defaults: judge_plain_key(line, defaults.entity),
        end=b"\0",
        named=key_of,
    ),
)
