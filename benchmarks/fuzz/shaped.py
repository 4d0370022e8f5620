"""Draw objects and rows that are not shaped as records, and judge them by the oracle's rules."""

import json
from typing import Any, Final

from benchmarks.fuzz.grammar import Grammar
from benchmarks.fuzz.judged import Form
from benchmarks.fuzz.options import Options
from benchmarks.fuzz.oracle import (
    Members,
    Refused,
    Verdict,
    Wanted,
    cell_as_json,
    depth_of,
    entity_codes,
    has_unseen,
    judge_plain_key,
    judge_record,
    judge_row,
    key_codes,
    key_of,
    object_of,
)

_RECORD_MEMBERS: Final = ("entityName", "ttl", "options", "expireTime")
_PARSER_DEPTH: Final = 200
_OTHERS: Final = (b"id", b"name", b"v", b"key", b"value", b"error", b"raw", b"more", b"\\u0069d")


def template_of(options: Options) -> list[tuple[str, bool]]:
    """Return the parts of the key: each a text or a member's name, and whether it is a name."""
    if options.key is None:
        return [(options.key_field or "key", True)]
    parts, text, at = list[tuple[str, bool]](), options.key, 0
    while at < len(text):
        if text[at : at + 2] in ("{{", "}}"):
            parts.append((text[at], False))
            at += 2
        elif text[at] == "{":
            end = text.index("}", at)
            parts.append((text[at + 1 : end], True))
            at = end + 1
        else:
            parts.append((text[at], False))
            at += 1
    return parts


def key_names(options: Options) -> list[str]:
    """Return the members or columns that make the key."""
    return [name for name, is_name in template_of(options) if is_name]


def draw_object(grammar: Grammar, options: Options) -> bytes:
    """Draw an object that a key can be made from, or nearly one."""
    names = [name.encode() for name in dict.fromkeys(key_names(options))]
    members = [(name, _key_member(grammar)) for name in names]
    if options.value_field is not None and options.value_field.encode() not in names:
        members.append((options.value_field.encode(), grammar.value()))
    if grammar.once_in(3):
        members += grammar.settings()
    if grammar.once_in(2):
        other = grammar.one_of(_OTHERS)
        if other not in dict(members) or grammar.once_in(8):
            members.append((other, grammar.value()))
    return grammar.object_of(members)


def draw_line(grammar: Grammar, options: Options) -> bytes:
    """Draw a line with such an object, or sometimes something else."""
    text = grammar.line() if grammar.once_in(20) else draw_object(grammar, options)
    return grammar.mutated(text) if grammar.once_in(10) else text


def _key_member(grammar: Grammar) -> bytes:
    draw = grammar.chance.random()
    if draw < 0.6:
        return b'"%b"' % grammar.key()
    if draw < 0.9:
        return grammar.one_of((b"7", b"true", b"1.0", b"-0", b"1e5", b'""', b"1E+05", b"1" * 400))
    return grammar.value()


def judge_object(line: bytes, options: Options) -> Verdict:
    """Judge a line with an object as `set` reads it."""
    members = object_of(line)
    key = members if isinstance(members, Refused) else _key(members, options)
    if isinstance(members, Refused) or isinstance(key, Refused):
        return key if isinstance(key, Refused) else Refused()
    made: Members = {"key": (key, "")}
    if not options.takes_whole:
        made |= {name: members[name] for name in _RECORD_MEMBERS if name in members}
    value = _value_of(line, members, options)
    if value is not None:
        made["value"] = (None, value)
    return judge_record(made, *options.defaults)


def judge_key_object(line: bytes, options: Options) -> Verdict:
    """Judge a line with an object as `get` and `delete` read it."""
    form = form_of_key_object(line, options)
    if form is not None:
        return _judge_key(form.key, options)
    members = object_of(line)
    key = members if isinstance(members, Refused) else _key(members, options)
    assert isinstance(key, Refused)
    return key


def form_of_object(line: bytes, options: Options) -> Form | None:
    """Return the record that can be made from an object, valid or not."""
    form, members = form_of_key_object(line, options), object_of(line)
    if form is None or isinstance(members, Refused):
        return None
    return form._replace(value=_value_of(line, members, options))


def form_of_key_object(line: bytes, options: Options) -> Form | None:
    """Return the record that can be made from an object, without a value."""
    members = object_of(line)
    key = members if isinstance(members, Refused) else _key(members, options)
    return None if isinstance(key, Refused) else Form(key)


def _value_of(line: bytes, members: Members, options: Options) -> str | None:
    if options.takes_whole:
        return line.decode().strip(" \t\r\n")
    assert options.value_field is not None
    return members[options.value_field][1] if options.value_field in members else None


def _key(members: Members, options: Options) -> str | Refused:
    texts, codes = list[str](), set[str]()
    for part, is_name in template_of(options):
        text = _key_text(members[part][0] if part in members else None) if is_name else part
        if text is None:
            codes.add("INVALID_JSON")
        elif not text and _is_of_parts(options):
            codes.add("EMPTY_KEY")
        texts.append(text or "")
    if codes:
        return Refused(frozenset(codes))
    # JSON counts in UTF-16: halves of a pair that meet are one character.
    return "".join(texts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _is_of_parts(options: Options) -> bool:
    """Return whether the key has several parts. Then no member in it may be empty."""
    return len(template_of(options)) > 1


def _key_text(said: Any) -> str | None:
    if isinstance(said, bool):
        return "true" if said else "false"
    return str(said) if isinstance(said, str) else None  # numbers are kept as their text


def _judge_key(key: str, options: Options) -> Verdict:
    codes = key_codes(key) | entity_codes(options.defaults.entity)
    return Refused(codes) if codes else Wanted(key, options.defaults.entity)


def judge_shaped_row(cells: dict[str, str], options: Options, *, has_values: bool) -> Verdict:
    """Judge a row of a table, cells by column."""
    form = form_of_row(cells, options, has_values=has_values)
    if form is None:
        return Refused(frozenset({"EMPTY_KEY"}))
    [(name, is_name), *parts] = template_of(options)
    if not (has_values or parts) and is_name and cells[name].startswith('"'):
        return judge_plain_key(cells[name].encode(), options.defaults.entity)
    if has_unseen(form.key):
        return Refused(key_codes(form.key) | {"INVALID_KEY"})
    if not has_values:
        return _judge_key(form.key, options)
    if form.value is None:
        return Refused()
    if options.takes_whole:
        return judge_record({"key": (form.key, ""), "value": (None, form.value)}, *options.defaults)
    assert options.value_field is not None
    members = ("entityName", "ttl", "expireTime")
    made: dict[str, str] = {name: cells[name] for name in members if name in cells}
    made |= {"key": form.key, "value": cells[options.value_field]}
    return judge_row(made, *options.defaults, infers=options.infer_types)


def form_of_row(cells: dict[str, str], options: Options, *, has_values: bool) -> Form | None:
    """Return the record that a row makes, valid or not; None if a cell for the key is empty.

    The record's value is None if a cell is nested too deep for the parser.
    """
    texts = [cells[part] if is_name else part for part, is_name in template_of(options)]
    if _is_of_parts(options) and "" in texts:
        return None
    key = "".join(texts)
    if not has_values:
        is_quoted = not _is_of_parts(options) and key.startswith('"')
        return Form((key_of(key.encode()) or key) if is_quoted else key)
    if not options.takes_whole:
        return Form(key, _cell_shown(cells[options.value_field or "value"], options))
    members = list[str]()
    for name, cell in cells.items():
        shown = _cell_shown(cell, options)
        if shown is None:
            return Form(key)
        members.append(f"{json.dumps(name, ensure_ascii=False)}:{shown}")
    return Form(key, f"{{{','.join(members)}}}")


def _cell_shown(cell: str, options: Options) -> str | None:
    text = cell_as_json(cell) if options.infer_types else None
    if text is None:
        return json.dumps(cell, ensure_ascii=False)
    return None if depth_of(text) > _PARSER_DEPTH else text
