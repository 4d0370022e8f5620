"""Check one input: read it with kvsctl, judge it with the oracle, compare the two."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from benchmarks.fuzz.formats import FORMATS, Format
from benchmarks.fuzz.grammar import Grammar
from benchmarks.fuzz.judged import Expected, Judged
from benchmarks.fuzz.options import PLAIN, Options
from benchmarks.fuzz.oracle import NotJsonError, Refused, Undecided, Wanted, members_of, parsed
from kvsctl.errors import KvsctlError, StreamError, UsageError
from kvsctl.model import Failure, Identity, Problem, Record, Verb
from kvsctl.outputs.failure_line import failure_line
from kvsctl.records.reader import MOST_PIECES
from kvsctl.slabs import Slab

_FED_BACK_ONE_IN: Final = 8
_FED_BACK: Final = {one.verb: one for one in FORMATS if one.name in ("set jsonl", "get jsonl")}
"""The formats for reading lines of the failures file."""


class MismatchError(Exception):
    """kvsctl and the oracle differ, or a rule does not hold."""


@dataclass
class Counts:
    """The number of inputs by format, and of pieces by verdict."""

    inputs: Counter[str] = field(default_factory=Counter)
    pieces: Counter[str] = field(default_factory=Counter)


def check_input(
    seed: int, number: int, counts: Counts, formats: Sequence[Format] = FORMATS
) -> None:
    """Check the `number`-th input of a seed. Raise MismatchError, or whatever a reader raises."""
    chance = Random(seed * 1_000_000_007 + number)
    grammar = Grammar(chance)
    chosen = formats[number % len(formats)]
    options = chosen.options(grammar)
    drawn = chosen.drawn(grammar, options)
    with options.bounded():
        pieces, error = _read(chosen, grammar.chunks(drawn.packed), options)
    counts.inputs[chosen.name] += 1
    judged = chosen.judged(drawn, options)
    if judged.breaks is not None and judged.breaks is not (error is not None):
        raise MismatchError(f"ended in {error!r}, expected {'an' if judged.breaks else 'no'} error")
    _compare(pieces, judged, options, counts)
    if grammar.once_in(_FED_BACK_ONE_IN):
        for piece in pieces:
            _check_fed_back(chosen.verb, piece)


def _read(
    chosen: Format, chunks: Sequence[bytes], options: Options
) -> tuple[list[Record | Problem], KvsctlError | None]:
    """Return all pieces, and the error that ended the reading, if any."""
    pieces: list[Record | Problem] = []
    try:
        for several in chosen.reader(chunks, options):
            if len(several) > MOST_PIECES:
                raise MismatchError(f"{len(several)} pieces came at once")
            pieces += _recut(several) if isinstance(several, Slab) else several
    except (StreamError, UsageError) as error:
        return pieces, error
    return pieces, None


def _recut(slab: Slab) -> Slab:
    """Return the slab, split and joined as a run may do before it makes records of it."""
    half = len(slab) // 2
    joined = slab[:half].joined(slab[half:])
    if joined is None:
        raise MismatchError(f"{slab!r}: its halves do not follow each other")
    return joined


def _compare(
    pieces: Sequence[Record | Problem], judged: Judged, options: Options, counts: Counts
) -> None:
    expected = judged.expected_of(len(pieces))
    lacks = len(pieces) < len(expected) and not judged.may_lack
    if lacks or (len(pieces) > len(expected) and not judged.is_open):
        raise MismatchError(f"{len(pieces)} pieces, expected {len(expected)}")
    for position, piece in enumerate(pieces):
        if piece.position != position:
            raise MismatchError(f"position {piece.position}, expected {position}")
    for piece, wanted in zip(pieces, expected, strict=False):
        if str(piece.origin) != f"in:{wanted.line}":
            raise MismatchError(f"{piece.origin}, expected line {wanted.line}")
        counts.pieces[type(wanted.verdict).__name__.lower()] += 1
        _compare_piece(piece, wanted, options)


def _compare_piece(piece: Record | Problem, wanted: Expected, options: Options) -> None:
    verdict = wanted.verdict
    if isinstance(piece, Problem):
        if wanted.cut is not None and piece.code == "MAX_SIZE":
            if piece.raw.rstrip() != wanted.cut.rstrip():
                raise MismatchError(f"{piece.origin}: it was truncated differently")
            return
        if not _holds_what_was_read(piece, wanted, options):
            raise MismatchError(f"{piece.origin}: the problem lacks the bytes that were read")
        if not piece.message or len(piece.message.encode()) > 1000 or "\n" in piece.message:
            raise MismatchError(f"{piece.origin}: {piece.message!r} is not a message")
        if isinstance(verdict, Wanted):
            raise MismatchError(f"{piece.origin}: {piece.code} {piece.message}, but it is a record")
        if isinstance(verdict, Refused) and verdict.codes and piece.code not in verdict.codes:
            raise MismatchError(f"{piece.origin}: {piece.code}, expected {set(verdict.codes)}")
    elif isinstance(verdict, Wanted):
        _compare_record(piece, verdict)
    elif not isinstance(verdict, Undecided):
        raise MismatchError(f"{piece.origin}: a record, but {set(verdict.codes)} is wrong with it")


def _holds_what_was_read(problem: Problem, wanted: Expected, options: Options) -> bool:
    """Return whether the problem has the bytes, or the record they form, defaults included."""
    if problem.readable and wanted.form is not None:
        members = {name: (said, text) for name, said, text in _members(problem.raw)}
        key, value = (members.get(name, (None, None)) for name in ("key", "value"))
        return (key[0], _shown(value[1])) == wanted.form._replace(value=_shown(wanted.form.value))
    if problem.raw == wanted.raw or not problem.readable:
        return problem.raw == wanted.raw
    before = {name: text for name, _, text in _members(wanted.raw)}
    after = {name: text for name, _, text in _members(problem.raw)}
    if before.pop("ttl", "null") != "null" or options.defaults.ttl is None:
        return False
    return after == before | {"options": _options_text(options.defaults.ttl)}


def _shown(value: str | None) -> str | None:
    """Return the value in a canonical spelling, with numbers unchanged."""
    return None if value is None else repr(parsed(value))


def _members(text: bytes) -> list[tuple[str, Any, str]]:
    """Return the members of a text that kvsctl treats as an object."""
    try:
        shown = text.decode("utf-8")
        if not isinstance(parsed(shown), list) or not shown.lstrip().startswith("{"):
            raise MismatchError(f"{text!r} is not an object")
    except (UnicodeDecodeError, NotJsonError) as error:
        raise MismatchError(f"{text!r} is not JSON: {error}") from None
    return members_of(shown)


def _compare_record(record: Record, wanted: Wanted) -> None:
    where = record.origin
    if record.identity != Identity(wanted.entity, wanted.key):
        raise MismatchError(f"{where}: {record.identity}, expected {wanted}")
    members = {name: (said, text) for name, said, text in _members(record.body)}
    if members.keys() - {"key", "entityName", "value", "options"}:
        raise MismatchError(f"{where}: the body has the members {list(members)}")
    entity = members["entityName"][0] if "entityName" in members else None
    if (entity, members["key"][0]) != (wanted.entity, wanted.key):
        raise MismatchError(f"{where}: the body names another record")
    value = members["value"][1] if "value" in members else None
    if wanted.string is not None:
        if members["value"][0] != wanted.string:
            raise MismatchError(f"{where}: the value is {value}, expected {wanted.string!r}")
    elif value != wanted.value:
        raise MismatchError(f"{where}: the value is {value}, expected {wanted.value}")
    options = members["options"][1] if "options" in members else None
    asked = None if wanted.ttl is None else _options_text(wanted.ttl)
    if options != asked:
        raise MismatchError(f"{where}: the options are {options}, expected {asked}")
    if record.expires_at != wanted.expires_at:
        raise MismatchError(f"{where}: expires {record.expires_at}, expected {wanted.expires_at}")


def _options_text(ttl: tuple[int, str]) -> str:
    return f'{{"ttl":{{"value":{ttl[0]},"unit":"{ttl[1]}"}}}}'


def _check_fed_back(verb: Verb, piece: Record | Problem) -> None:
    """Check that a line of the failures file gives the same result when it is read again."""
    line = failure_line(piece, Failure("CODE", "message"))
    if line.count(b"\n") != 1:
        raise MismatchError(f"{piece.origin}: its failure is not one line")
    (again,), _ = _read(_FED_BACK[verb], [line], PLAIN)
    if isinstance(piece, Problem):
        if not isinstance(again, Problem):
            raise MismatchError(f"{piece.origin}: a problem became a record")
        once_more = failure_line(again, Failure("CODE", "message"))
        if again.readable and once_more.partition(b',"error"')[0] != line.partition(b',"error"')[0]:
            raise MismatchError(f"{piece.origin}: fed back, the problem changed")
        return
    if not isinstance(again, Record):
        raise MismatchError(f"{piece.origin}: a record became a problem: {again.message}")
    before, after = _said(piece), _said(again)
    if before != after:
        raise MismatchError(f"{piece.origin}: fed back, {before} became {after}")


def _said(record: Record) -> tuple[object, ...]:
    members = {name: (said, text) for name, said, text in _members(record.body)}
    options = members["options"][1] if "options" in members else None
    value = "".join(_outside_strings(members["value"][1])) if "value" in members else None
    return record.identity, value, options, record.expires_at


def _outside_strings(text: str) -> list[str]:
    """Return the text without white space between tokens, which a single line may not keep."""
    kept, inside, escaped = [], False, False
    for character in text:
        if inside:
            inside = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character in " \t\r\n":
            continue
        else:
            inside = character == '"'
        kept.append(character)
    return kept
