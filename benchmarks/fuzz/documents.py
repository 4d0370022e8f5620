"""Find the lines of JSON documents among other lines, slowly: each line is read from the start.

A line that leaves a bracket open starts a document, unless a later line shows that it is a
truncated record. The rule is written again from the documentation.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_MOST_UNDECIDED: Final = 8
_WORD_ENDS: Final = ' \t\r\n"[]{}:,'
_AROUND: Final = " \t\r\n\x1e"
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class Text(NamedTuple):
    """A line. `may_start`: it is not a record, so it may start a document."""

    content: bytes | None
    """None if it is too long to keep."""
    may_start: bool


def lines_of_documents(lines: Sequence[Text], *, has_keys: bool) -> set[int]:
    """Return the indexes of the lines that belong to documents."""
    inside: set[int] = set()
    at = 0
    while at < len(lines):
        end = _end_of_document(lines, at, has_keys=has_keys)
        inside |= set(range(at, end))
        at = max(end, at + 1)
    return inside


def _end_of_document(lines: Sequence[Text], at: int, *, has_keys: bool) -> int:
    """Return the index after the document that starts at `at`; `at` if none starts there."""
    first = lines[at]
    if first.content is None or not first.may_start:
        return at
    start = first.content.decode("latin-1").strip(_AROUND)
    start = start.removeprefix("\u00ef\u00bb\u00bf").strip(_AROUND)
    if not (start.startswith(("{", "[")) or start.endswith(("{", "["))):
        return at
    if not _State([start]).depth or _State([start]).ends_in_string:
        return at
    taken = [start]
    undecided: int | None = 0
    for place in range(at + 1, len(lines)):
        content = lines[place].content
        text = "" if content is None else content.decode("latin-1")
        tokens = [token for token in _tokens(text) if not token.startswith(("//", "#", "/*"))]
        if not tokens or text.lstrip(" \t\r\n").startswith(("//", "#", "/*")):
            if undecided is not None:
                undecided = undecided + 1 if undecided < _MOST_UNDECIDED else None
            continue
        if has_keys and _is_plain_key(tokens[0]):
            return at if undecided is not None else place
        before = _State(taken)
        is_object = tokens[0] == "{"
        looks_whole = undecided is None or before.first_last in "[{"
        if is_object and looks_whole and before.names:
            is_object = bool(before.names & _State([text]).names)
        has_object = any(_tokens(one)[:1] == ["{"] for one in taken[1:])
        if not before.allows(tokens[0]) and (is_object or (has_object and undecided is not None)):
            return at if undecided is not None else place
        taken.append(text)
        after = _State(taken)
        if not after.depth:
            return place + 1
        if is_object and after.last != ",":
            if undecided is not None:
                undecided = undecided + 1 if undecided < _MOST_UNDECIDED else None
        else:
            undecided = None
    return at if undecided is not None else len(lines)


def _is_plain_key(token: str) -> bool:
    is_json = token in ("true", "false", "null") or _NUMBER.fullmatch(token)
    return token[0] not in "\"'[]{}:," and not is_json


class _State:
    """What a sequence of lines has opened, read from the start."""

    def __init__(self, lines: Sequence[str]) -> None:
        opened = ""
        self.names: set[str] = set()
        self.last = self.first_last = name = ""
        self.ends_in_string = False
        has_ended = False
        for number, line in enumerate(lines):
            for token in _tokens(line):
                if has_ended or token.startswith(("//", "#", "/*")):
                    continue
                if token in ("{", "["):
                    opened += token
                elif token in ("}", "]"):
                    opened = opened[:-1]
                    has_ended = not opened
                elif token == ":":
                    if opened == "{" and name and len(self.names) < 64:
                        self.names.add(name)
                elif token != ",":
                    name = token.strip("\"'")
                    self.ends_in_string = token[0] == '"' and not _is_closed(token)
                self.last = token if token in "{}[]:," else "value"
            if number == 0:
                self.first_last = self.last
        self.depth = len(opened)
        self._top = opened[-1:]

    def allows(self, token: str) -> bool:
        """Return whether JSON may continue with the token."""
        if token in ("]", "}", ",", ":"):
            return True
        if self._top == "{" and self.last in ("{", ","):
            return token not in ("{", "[")
        return self.last in ("[", ":", ",")


def _is_closed(token: str) -> bool:
    before = token[1:-1]
    slashes = len(before) - len(before.rstrip("\\"))
    return len(token) > 1 and token.endswith('"') and slashes % 2 == 0


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character in " \t\r\n":
            at += 1
            continue
        if text.startswith("//", at) or character == "#":
            end = len(text)
        elif text.startswith("/*", at):
            end = text.find("*/", at + 2)
            end = len(text) if end < 0 else end + 2
        elif character == '"':
            end = _quoted(text, at, '"') or len(text)
        elif character == "'" and _quoted(text, at, "'"):
            end = _quoted(text, at, "'")
        elif character in "[]{}:,":
            end = at + 1
        else:
            end = at
            while end < len(text) and text[end] not in _WORD_ENDS:
                end += 1
        found.append(text[at:end])
        at = end
    return found


def _quoted(text: str, at: int, quote: str) -> int:
    """Return the index after the closing quote; 0 if there is none."""
    at += 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == quote:
            return at + 1
        else:
            at += 1
    return 0
