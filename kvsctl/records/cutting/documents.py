"""Refuse a JSON document over several lines where one record or key per line is expected.

Reading such a document line by line does harm: its array elements stand on lines of their own, and
each that is JSON would be set as a record, or deleted as a key.
"""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from kvsctl import jsontext
from kvsctl.errors import UsageError
from kvsctl.records.cutting.lines import Line

_SHOWN_BYTES: Final = 64 * 1024
"""How much of a document is searched for the member that holds the records."""
_MOST_COMMENTS: Final = 20
_SHOWN_MEMBERS: Final = 3
_TOKEN: Final = re.compile(rb'("(?:[^"\\]|\\.)*+")\s*+(:?)|[\[\]{}]', re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def only_lines(
    lists: Iterator[Sequence[Line]], label: str, *, has_values: bool
) -> Iterator[Sequence[Line]]:
    """Yield the lists of lines unchanged.

    Raise UsageError, before the first list, if the first line is JSON that continues on the next
    line. Comments before it are skipped. `has_values`: records are needed, not only keys.
    """
    for first in lists:
        start = _start_of_document(first)
        if start is None:
            yield first
            if first:
                break
            continue
        document = list(first[start:])
        for more in lists:
            document += more
            if not more and len(document) > 1:
                break
            if not more:
                yield []
            elif sum(len(line.text) for line in document) > _SHOWN_BYTES:
                break
        if len(document) > 1:
            raise _refusal(document, label, has_values=has_values)
        yield first
    yield from lists


def _start_of_document(lines: Sequence[Line]) -> int | None:
    """Return the index of a first line that is the start of a document; None if it is not."""
    is_comment = False
    for place, line in enumerate(lines[:_MOST_COMMENTS]):
        text = line.text
        if is_comment or text.startswith(b"/*"):
            is_comment = b"*/" not in text
        elif not text.startswith((b"#", b"/")):
            return None if line.cut or not is_unfinished(text) else place
    return None


def is_unfinished(text: bytes) -> bool:
    """Return whether a text is the start of a JSON object or array that may end on a later line."""
    stripped = text.removeprefix(jsontext.RECORD_SEPARATOR).strip(jsontext.WHITE_SPACE)
    if not stripped.startswith((b"{", b"[")):
        return False
    if jsontext.depth_exceeds(stripped, jsontext.PARSER_DEPTH):
        return False
    shown = stripped.decode(errors="replace")
    try:
        json.loads(shown, parse_int=len, parse_float=len)
    except json.JSONDecodeError as error:
        return error.pos == len(shown)
    return False


def _refusal(document: Sequence[Line], label: str, *, has_values: bool) -> UsageError:
    text = b"\n".join(line.text for line in document)
    file = "FILE" if label == "-" else shlex.quote(label)
    if text.startswith(jsontext.RECORD_SEPARATOR):
        hint = f"Put each record on a line of its own: tr -d '\\036' <{file} | jq -c ."
    elif text.lstrip(jsontext.WHITE_SPACE).startswith(b"["):
        hint = "Read it as one JSON array: --format json"
    else:
        program = _program(text, has_values=has_values)
        hint = f"Put each record on a line of its own: jq -c {program} {file}"
    return UsageError(
        f"{label}:{document[0].number}: not JSON Lines: a JSON document over several lines", hint
    )


def _program(text: bytes, *, has_values: bool) -> str:
    """Return the jq program that prints the records of a document, one per line."""
    members, arrays = _outline(text)
    if b'"key"' in members:
        return "."
    kinds = (b"{",) if has_values else (b"{", b'"')
    holding = [path for path, first in arrays if first in kinds]
    if not holding:
        return "'to_entries[]'" if members and not arrays else "."
    return " or ".join(shlex.quote(f"{path}[]") for path in holding[:_SHOWN_MEMBERS])


def _outline(text: bytes) -> tuple[list[bytes], list[tuple[str, bytes]]]:
    """Return the names at the top of an object, and its arrays outside other arrays.

    An array is given as its path in jq, and the first byte after its bracket.
    """
    names: list[bytes] = []
    arrays: list[tuple[str, bytes]] = []
    path: list[str] = []
    open_arrays, name = 0, ""
    for token in _TOKEN.finditer(text):
        mark = token.group()[:1]
        if mark == b'"':
            if token[2] and not open_arrays:
                name = _step(token[1])
                names += [token[1]] if len(path) == 1 else []
        elif mark == b"{":
            path.append(name)
        elif mark == b"[":
            if not open_arrays:
                first = text[token.end() :].lstrip(jsontext.WHITE_SPACE)[:1]
                arrays.append(("".join([*path[1:], name]), first))
            open_arrays += 1
        elif mark == b"]":
            open_arrays -= 1
        elif path:
            path.pop()
    return names, arrays


def _step(string: bytes) -> str:
    """Return the step to a member in a path of jq."""
    try:
        name = str(json.loads(string))
    except ValueError:
        name = ""
    return f".{name}" if _NAME.fullmatch(name) else f".{json.dumps(name)}"
