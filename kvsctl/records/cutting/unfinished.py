"""Follow a JSON document that begins on one line and continues on later lines.

In the middle of JSON Lines or plain keys, such a document does harm if its lines are read one by
one: the last string of an array has no comma after it, so it would be a key to delete. A line that
is not a record and leaves a bracket open starts a document. The lines after it belong to the
document, up to the line that closes it, or to the end of the input.

A *truncated* record leaves brackets open too, but the records after it must still be read. The
first line that cannot continue it shows that it is not a document: in JSON, a comma, a colon or an
opening bracket stands between the values of two lines. If that line begins with `{`, it is a
record, and so are the objects in between. First lines of two kinds are more likely to begin a
document: those that end in an opening bracket, and those that a line other than an object has
continued. After them, only an object that names one of the same members is a record. Among plain
keys, a line that begins with a word that is not JSON ends a document.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from kvsctl import jsontext

MOST_UNDECIDED: Final = 8
"""How many lines after the start may be undecided. More are taken for lines of a document."""
_TOKEN: Final = re.compile(
    rb"(?P<comment>//.*|\#.*|/\*.*?(?:\*/|\Z))"
    rb'|(?P<quoted>"[^"\\]*+(?:\\(?:.|\Z)[^"\\]*+)*+(?P<end>")?+)'
    rb"|(?P<single>'[^'\\]*+(?:\\.[^'\\]*+)*+')|[\[\]{}:,]|(?P<word>[^ \t\r\n\"\[\]{}:,]++)",
    re.DOTALL,
)
_LITERAL: Final = re.compile(
    rb"true|false|null|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
)
_OTHER_MARKS: Final = re.compile(rb"[#/']")
"""Outside strings, these may begin a comment, or a string in single quotes."""
_ONE_KIND: Final = bytes.maketrans(b"[]", b"{}")
_NO_MARKS: Final = bytes(set(range(256)) - set(b"\0[]{}\"\\#/'"))
"""All bytes except brackets, quotes, escapes, starts of comments, and the NUL between lines."""
_MOST_TURNS: Final = 40
"""A line that nests deeper than this is taken for a possible start."""
_AROUND: Final = jsontext.WHITE_SPACE + jsontext.RECORD_SEPARATOR
_BETWEEN: Final = b"]},:"
_MOST_NAMES: Final = 64
_VALUE: Final = ord("v")


class Place(Enum):
    """The place of a line relative to a document that began before it."""

    INSIDE = auto()
    """It belongs to the document."""
    LAST = auto()
    """It belongs to the document and closes it."""
    UNDECIDED = auto()
    """It belongs to the document, unless a later line shows that there is none."""
    OUTSIDE = auto()
    """There is no document, or it ends before this line without being closed."""


class Document:
    """A document that `start_of_document` found, and the brackets that its lines left open so far.

    `has_keys`: the other lines are plain keys.
    """

    def __init__(self, outline: "_Outline", *, has_keys: bool) -> None:
        self._outline = outline
        self._has_keys = has_keys
        self._looks_whole = outline.last in b"[{"
        """Whether the first line ends in an opening bracket, where few records are truncated."""
        self._undecided = 0
        self._has_object = False
        self._is_certain = False

    def place_of(self, text: bytes) -> Place:
        """Return the place of the next line. After `LAST` and `OUTSIDE`, give no more lines.

        An empty text is a line whose content is not known.
        """
        opening = _TOKEN.search(text)
        if opening is None or opening["comment"]:
            return self._undecided_place()
        if self._has_keys and opening["word"] and not _LITERAL.fullmatch(opening["word"]):
            return Place.OUTSIDE
        mark = opening.group()[:1]
        continues = self._outline.may_continue(mark)
        may_be_record = mark == b"{" and self._may_be_record(text)
        if not continues and (may_be_record or (self._has_object and not self._is_certain)):
            return Place.OUTSIDE
        self._outline.add(text)
        if not self._outline.is_open:
            return Place.LAST
        if may_be_record and self._outline.last != ord(","):
            self._has_object = True
            return self._undecided_place()
        self._is_certain = True
        return Place.INSIDE

    def _undecided_place(self) -> Place:
        self._is_certain = self._is_certain or self._undecided == MOST_UNDECIDED
        self._undecided += not self._is_certain
        return Place.INSIDE if self._is_certain else Place.UNDECIDED

    def _may_be_record(self, text: bytes) -> bool:
        """Return whether an object may be a record that follows a truncated one."""
        if not self._is_certain and not self._looks_whole:
            return True
        names = self._outline.names
        return not names or not names.isdisjoint(_Outline(text).names)


def start_of_document(text: bytes, *, has_keys: bool = False) -> Document | None:
    """Return the document that a line starts; None if it starts none.

    The line begins or ends with an opening bracket, and leaves a bracket open. It does not end
    inside a string, because no string of JSON continues on the next line.
    """
    shown = text.strip(_AROUND).removeprefix(jsontext.BYTE_ORDER_MARK).strip(_AROUND)
    if not shown.startswith((b"{", b"[")) and not shown.endswith((b"{", b"[")):
        return None
    if _leaves_nothing_open(shown):
        return None
    outline = _Outline(shown)
    if not outline.is_open or outline.ends_in_string:
        return None
    return Document(outline, has_keys=has_keys)


def possible_starts(texts: Sequence[bytes]) -> Sequence[int]:
    """Return the indexes of lines that may start a document; certainly no other line does.

    This is much faster than `start_of_document` for each.
    """
    joined = b"\0".join(texts)
    if b"{" not in joined and b"[" not in joined:
        return ()
    # If no string holds a mark, its quotes are side by side in what is left.
    marks = joined.translate(_ONE_KIND, _NO_MARKS).replace(b'""', b"")
    for _ in range(_MOST_TURNS):
        if b"{}" not in marks:
            break
        marks = marks.replace(b"{}", b"")
    left = marks.split(b"\0")
    if len(left) != len(texts):  # one holds a NUL
        return range(len(texts))
    return [place for place, marks in enumerate(left) if marks]


def _leaves_nothing_open(text: bytes) -> bool:
    """Return whether certainly all brackets are closed. This is faster than an outline."""
    if not jsontext.depth_exceeds(text, jsontext.PARSER_DEPTH) and jsontext.is_value(text):
        return True
    outside = jsontext.without_strings(text)
    if _OTHER_MARKS.search(outside) or b"\0" in text:
        return False
    return min(jsontext.depths(outside), default=0) <= 0


class _Outline:
    """The open brackets of the lines so far, their last token, and the names at the top."""

    def __init__(self, text: bytes) -> None:
        self.names: set[bytes] = set()
        self.last = 0
        self.ends_in_string = False
        self._open = bytearray()
        self._string = b""
        """The last string: the name of a member, if a colon follows on this or a later line."""
        self.add(text)

    @property
    def is_open(self) -> bool:
        """Whether a bracket is open."""
        return bool(self._open)

    def may_continue(self, mark: bytes) -> bool:
        """Return whether JSON may continue with a token that begins with `mark`."""
        if mark in _BETWEEN:
            return True
        is_in_object = self._open.endswith(b"{")
        if self.last in b"{," and is_in_object:
            return mark not in b"[{"
        return self.last in b"[:,"

    def add(self, text: bytes) -> None:
        """Add a line. Stop where the outermost bracket closes."""
        for token in _TOKEN.finditer(text):
            if token["comment"]:
                continue
            shown = token.group()
            mark = shown[0]
            if mark in b"{[":
                self._open.append(mark)
            elif mark in b"]}":
                del self._open[-1:]
                if not self._open:
                    self.last = mark
                    return
            elif mark == ord(":"):
                if self._string and self._open == b"{" and len(self.names) < _MOST_NAMES:
                    self.names.add(self._string)
            elif mark != ord(","):
                self._string = shown.strip(b"\"'")
                self.ends_in_string = token["quoted"] is not None and token["end"] is None
                mark = _VALUE
            self.last = mark
