"""Read a text slowly with the standard library alone; share nothing with kvsctl.

The rules are written again from the contracts of the service and of the command line. Where the
meaning of a text is ambiguous, the verdict is undecided, and only general rules apply.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NoReturn
from unicodedata import category

Members = dict[str, tuple[Any, str]]
"""The members of an object by name: the parsed value and the exact text of each."""

_PARSER_DEPTH: Final = 200
_VALUE_DEPTH: Final = 31
_VALUE_BYTES: Final = 240 * 1024
_YEAR_SECONDS: Final = 365 * 24 * 3600
_WHITE: Final = " \t\r\n"
_JS_SPACE: Final = set("\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff") | {
    chr(code) for code in range(0x2000, 0x200B)
}
_KEY: Final = _JS_SPACE | set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:._-#")
_ENTITY: Final = set("abcdefghijklmnopqrstuvwxyz0123456789:-_.")
_UNITS: Final = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86400}
_SHORT: Final = {"s": "SECONDS", "m": "MINUTES", "h": "HOURS", "d": "DAYS"}
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_PASSED_OVER: Final = {"createdAt", "updatedAt", "error", "source", "installation"}
_KNOWN: Final = _PASSED_OVER | {"key", "value", "entityName", "ttl", "options", "expireTime"}
_INVALID_JSON: Final = frozenset({"INVALID_JSON"})
_INVALID_KEY: Final = frozenset({"INVALID_KEY"})


@dataclass(frozen=True)
class Wanted:
    """The text is this record.

    `value` is the exact text, None where the command needs none. `string` is the content of the
    value where only that is known.
    """

    key: str
    entity: str | None
    value: str | None = None
    string: str | None = None
    ttl: tuple[int, str] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Refused:
    """The text is not a record, for one of these reasons; without reasons, for any."""

    codes: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Undecided:
    """The text may be a record or not."""


Verdict = Wanted | Refused | Undecided


class NotJsonError(Exception):
    """The text is not JSON."""


def _no_constant(name: str) -> NoReturn:
    raise NotJsonError(name)


class _Number(str):
    """A number kept as text, so that it is never too large or rounded."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """An object with its members in order, repeated ones included."""

    __slots__ = ()


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_no_constant,
)


def depth_of(text: str) -> int:
    """Return how deep brackets outside strings nest."""
    deepest = depth = 0
    inside = escaped = False
    for character in text:
        if inside:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def parsed(text: str) -> Any:
    """Parse a JSON text, surrounding white space allowed. Raise NotJsonError."""
    try:
        found, end = _DECODER.raw_decode(text, _after_white(text, 0))
    except (json.JSONDecodeError, RecursionError) as error:
        raise NotJsonError(str(error)) from None
    if _after_white(text, end) != len(text):
        raise NotJsonError("more than one value")
    return found


def members_of(text: str) -> list[tuple[str, Any, str]]:
    """Return the members of a valid JSON object in order, each with its exact text."""
    found: list[tuple[str, Any, str]] = []
    at = _after_white(text, _after_white(text, 0) + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        at = _after_white(text, _after_white(text, at) + 1)
        said, end = _DECODER.raw_decode(text, at)
        found.append((name, said, text[at:end]))
        at = _after_white(text, end)
        if text[at] == ",":
            at = _after_white(text, at + 1)
    return found


def _after_white(text: str, at: int) -> int:
    while at < len(text) and text[at] in _WHITE:
        at += 1
    return at


def may_continue(line: bytes) -> bool:
    """Return whether a line is an object or array that later lines can complete."""
    text = line.decode("utf-8", "replace").strip(_WHITE)
    if text[:1] not in ("{", "[") or depth_of(text) > _PARSER_DEPTH:
        return False
    closing = _closing(text)
    starts = ("", "null", '"m":null', ":null", ',"m":null')
    return bool(closing) and any(_parses(f"{text}\n{start}{closing}") for start in starts)


def _parses(text: str) -> bool:
    """Return whether a text is JSON, or nearly: Python also accepts NaN and Infinity."""
    try:
        json.loads(text, parse_int=len, parse_float=len)
    except (json.JSONDecodeError, RecursionError):
        return False
    return True


def _closing(text: str) -> str:
    """Return the brackets that a text lacks."""
    lacking: list[str] = []
    inside = escaped = False
    for character in text:
        if inside:
            inside = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            inside = True
        elif character in "[{":
            lacking.append("]" if character == "[" else "}")
        elif character in "]}" and lacking:
            lacking.pop()
    return "".join(reversed(lacking))


def judge_set_line(line: bytes, entity: str | None, ttl: tuple[int, str] | None) -> Verdict:
    """Judge a line of JSON Lines as `set` reads it, with its defaults."""
    return _judged(line, lambda members: judge_record(members, entity, ttl))


def judge_key_line(line: bytes, entity: str | None) -> Verdict:
    """Judge a line of JSON Lines as `get` and `delete` read it: a record, or a key as a string."""
    if line.strip(_WHITE.encode()).startswith(b'"'):
        return judge_plain_key(line.strip(_WHITE.encode()), entity)

    def record(members: Members) -> Verdict:
        shape = _shape(members)
        if not isinstance(shape, Shape):
            return shape
        named = entity if shape.entity is None else shape.entity
        codes = key_codes(shape.key) | entity_codes(named)
        return Refused(codes) if codes else Wanted(shape.key, named)

    return _judged(line, record)


def judge_plain_key(line: bytes, entity: str | None, *, before_nul: bool = False) -> Verdict:
    """Judge a plain key, or a key written as a JSON string. `before_nul`: NUL ends it."""
    key = key_of(line)
    if key is None:
        return Refused(_INVALID_JSON)
    if not line.startswith(b'"') and has_unseen(key, "\t\n\v\f\r" if before_nul else "\t"):
        return Refused(_INVALID_KEY | key_codes(key))
    codes = key_codes(key) | entity_codes(entity)
    if any(0xD800 <= ord(character) <= 0xDFFF for character in key):
        return Refused()
    return Refused(codes) if codes else Wanted(key, entity)


def judge_row(
    cells: dict[str, str], entity: str | None, ttl: tuple[int, str] | None, *, infers: bool
) -> Verdict:
    """Judge a row as `set` reads it, cells by column. `infers`: cells are parsed as JSON."""
    if has_unseen(cells["key"]):
        return Refused(_INVALID_KEY | key_codes(cells["key"]))
    text = cell_as_json(cells["value"]) if infers else None
    if text is not None and depth_of(text) > _PARSER_DEPTH:
        return Refused()
    shown = json.dumps(cells["value"], ensure_ascii=False) if text is None else text
    members: Members = {"key": (cells["key"], ""), "value": (None, shown)}
    for name in ("entityName", "ttl", "expireTime"):
        if cells.get(name):
            members[name] = (cells[name], "")
    verdict = judge_record(members, entity, ttl)
    if isinstance(verdict, Wanted) and text is None:
        return replace(verdict, value=None, string=cells["value"])
    return verdict


def judge_key_row(cells: dict[str, str], entity: str | None) -> Verdict:
    """Judge a row as `get` and `delete` read it. A key in quotes is a JSON string."""
    if cells["key"].startswith('"'):
        return judge_plain_key(cells["key"].encode(), cells.get("entityName") or entity)
    if has_unseen(cells["key"]):
        return Refused(_INVALID_KEY | key_codes(cells["key"]))
    named = cells.get("entityName") or entity
    codes = key_codes(cells["key"]) | entity_codes(named)
    return Refused(codes) if codes else Wanted(cells["key"], named)


def has_unseen(key: str, allowed: str = "\t") -> bool:
    """Return whether a plain key has a control character or a byte order mark."""
    return any(
        character == "\ufeff" or (category(character) == "Cc" and character not in allowed)
        for character in key
    )


def cell_as_json(cell: str) -> str | None:
    """Return the JSON text of a cell where types are inferred; None if it is a string."""
    if not cell or cell[0] in _WHITE or cell[-1] in _WHITE:
        return None
    if depth_of(cell) > _PARSER_DEPTH and cell[0] in "[{" and cell[-1] in "]}":
        return cell
    try:
        parsed(cell)
    except NotJsonError:
        return None
    return cell


def key_of(line: bytes) -> str | None:
    """Return the key in a line of plain keys, if there is one."""
    try:
        text = line.decode("utf-8")
        return str(parsed(text)) if text.startswith('"') else text
    except (UnicodeDecodeError, NotJsonError):
        return None


def _judged(line: bytes, record: Callable[[Members], Verdict]) -> Verdict:
    members = object_of(line)
    if isinstance(members, Refused):
        return members
    return Refused(_INVALID_JSON) if members.keys() - _KNOWN else record(members)


def object_of(line: bytes) -> Members | Refused:
    """Return the members of a line that is an object."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return Refused(_INVALID_JSON | {"MAX_DEPTH"})
    if depth_of(text) > _PARSER_DEPTH:
        return Refused(_INVALID_JSON | {"MAX_DEPTH"})
    try:
        said = parsed(text)
    except NotJsonError:
        return Refused(_INVALID_JSON)
    if not isinstance(said, _Pairs):
        return Refused(_INVALID_JSON)
    listed = members_of(text)
    members = {name: (value, exact) for name, value, exact in listed}
    return Refused(_INVALID_JSON) if len(members) < len(listed) else members


@dataclass(frozen=True)
class Shape:
    """A record as written, before its rules are checked. `ttl` is None if none is given."""

    key: str
    entity: str | None
    ttl: Any


def _shape(members: Members) -> "Shape | Refused":
    key, entity = _said(members, "key"), _said(members, "entityName")
    if not _is_text(key) or not (entity is None or _is_text(entity)):
        return Refused(_INVALID_JSON)
    ttl = _said(members, "ttl")
    options = _said(members, "options")
    if options is not None:
        if not isinstance(options, _Pairs) or {name for name, _ in options} - {"ttl"}:
            return Refused(_INVALID_JSON)
        if options:
            if ttl is not None:
                return Refused(_INVALID_JSON)
            ttl = options[-1][1]
    return Shape(key, entity, ttl)


def _said(members: Members, name: str) -> Any:
    return members[name][0] if name in members else None


def _is_text(said: Any) -> bool:
    return isinstance(said, str) and not isinstance(said, _Number)


def judge_record(members: Members, entity: str | None, default: tuple[int, str] | None) -> Verdict:
    """Judge the members of a record to set, with its defaults."""
    shape = _shape(members)
    if isinstance(shape, Refused):
        return shape
    if "value" not in members:
        return Refused(_INVALID_JSON)
    named = entity if shape.entity is None else shape.entity
    codes = set(key_codes(shape.key) | entity_codes(named))
    value = members["value"][1]
    if value == "null":
        codes.add("INVALID_VALUE")
    if len(value.encode("utf-8")) > _VALUE_BYTES:
        codes.add("MAX_SIZE")
    if named is not None and not value.startswith("{"):
        codes.add("INVALID_ENTITY_VALUE")
    if depth_of(value) > _VALUE_DEPTH:
        codes.add("MAX_DEPTH")
    ttl, expires_at, undecided = default, None, False
    expiry = _said(members, "expireTime")
    if shape.ttl is not None:
        ttl = _ttl(shape.ttl)
        if ttl is None:
            codes.add("INVALID_TTL")
    elif expiry is not None:
        ttl = None
        if _is_text(expiry) and _MOMENT.fullmatch(expiry):
            expires_at, undecided = _moment(expiry)
        elif not _is_text(expiry) or not any(character.isdigit() for character in expiry):
            codes.add("INVALID_TTL")
        else:
            undecided = True
    if codes:
        return Refused(frozenset(codes))
    if undecided:
        return Undecided()
    return Wanted(shape.key, named, value, ttl=ttl, expires_at=expires_at)


def _moment(text: str) -> tuple[datetime | None, bool]:
    """Return a time, and whether the outcome is undecided because it may be too far away."""
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None, True
    far = moment.timestamp() - datetime.now().timestamp() > _YEAR_SECONDS
    return (None, True) if far else (moment, False)


def _ttl(said: Any) -> tuple[int, str] | None:
    if _is_text(said):
        digits, unit = said[:-1], said[-1:]
        if unit not in _SHORT or not digits.isascii() or not digits.isdigit():
            return None
        if len(digits) > 12:
            return None
        number, name = int(digits), _SHORT[unit]
    elif isinstance(said, _Pairs) and dict(said).keys() == {"value", "unit"}:
        shown, name = dict(said)["value"], dict(said)["unit"]
        if not isinstance(shown, _Number) or not re.fullmatch(r"-?[0-9]{1,12}", shown):
            return None
        if not _is_text(name) or name not in _UNITS:
            return None
        number = int(shown)
    else:
        return None
    return (number, name) if 0 < number * _UNITS[name] <= _YEAR_SECONDS else None


def key_codes(key: str) -> frozenset[str]:
    """Return the codes with which a key may be refused."""
    codes = set()
    if not key:
        codes.add("EMPTY_KEY")
    if len(key) > 500:
        codes.add("KEY_TOO_LONG")
    if set(key) - _KEY or (key and not set(key) - _JS_SPACE):
        codes.add("INVALID_KEY")
    return frozenset(codes)


def entity_codes(entity: str | None) -> frozenset[str]:
    """Return the codes with which an entity name may be refused."""
    codes = set()
    if entity is None:
        return frozenset()
    if len(entity) < 3:
        codes.add("ENTITY_TYPE_TOO_SHORT")
    if len(entity) > 60:
        codes.add("ENTITY_TYPE_TOO_LARGE")
    ends_wrong = entity[:1] in (".", "-", "_") or entity[-1:] == "."
    if set(entity) - _ENTITY or ends_wrong or ".." in entity:
        codes.add("INVALID_ENTITY_TYPE")
    return frozenset(codes)
