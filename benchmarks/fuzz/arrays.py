"""Draw JSON arrays, and cut them into elements one character at a time."""

from collections.abc import Callable
from typing import Final, NamedTuple

from benchmarks.fuzz.grammar import Grammar

_WHITE: Final = b" \t\r\n"
_PAIRS: Final = {ord("]"): ord("["), ord("}"): ord("{")}


class Split(NamedTuple):
    """The elements that an array certainly has, and their lengths with surrounding white space.

    `is_open`: more elements may follow, whose ends are ambiguous. `breaks`: whether the text is not
    a whole array; None: ambiguous, too.
    """

    elements: list[bytes]
    lengths: list[int]
    is_open: bool = False
    breaks: bool | None = False


def draw_array(grammar: Grammar, element: Callable[[], bytes]) -> bytes:
    """Draw an array of these elements, or nearly one."""
    spaces = (b"", b"", b"\n", b" ", b"\r\n  ", b"\t")
    elements = [
        grammar.one_of(spaces) + element() + grammar.one_of(spaces) for _ in range(grammar.up_to(7))
    ]
    text = b"%b[%b]%b" % (grammar.one_of(spaces), b",".join(elements), grammar.one_of(spaces))
    if grammar.once_in(12):
        text = text.rstrip(_WHITE)[:-1]
    if grammar.once_in(12):
        text += grammar.one_of((b"]", b",", b"[]", b"x", b"\x00", b"{}\n"))
    if grammar.once_in(10):
        text = b"\xef\xbb\xbf" + text
    return grammar.mutated(text) if grammar.once_in(10) else text


def split_elements(text: bytes) -> Split:
    """Cut at the commas outside strings and brackets; stop where the text becomes ambiguous."""
    stripped = text.lstrip(_WHITE)
    if not stripped:
        return Split([], [])
    if not stripped.startswith(b"["):
        return Split([], [], breaks=True)
    elements: list[bytes] = []
    lengths: list[int] = []
    begun, at, brackets = 1, 1, list[int]()
    while at < len(stripped):
        mark = stripped[at]
        if mark == ord('"'):
            after = _after_string(stripped, at)
            if after is None:
                return Split(elements, lengths, is_open=True, breaks=None)
            at = after
            continue
        if mark in b"[{":
            brackets.append(mark)
        elif mark in b"]}" and brackets:
            if brackets.pop() != _PAIRS[mark]:
                return Split(elements, lengths, is_open=True, breaks=None)
        elif mark == ord("}"):
            return Split(elements, lengths, is_open=True, breaks=None)
        elif mark in b",]" and not brackets:
            element = stripped[begun:at].strip(_WHITE)
            if element or elements or mark == ord(","):
                elements.append(element)
                lengths.append(at - begun)
            if mark == ord("]"):
                return Split(elements, lengths, breaks=bool(stripped[at + 1 :].strip(_WHITE)))
            begun = at + 1
        at += 1
    return Split(elements, lengths, is_open=True, breaks=True)


def _after_string(text: bytes, at: int) -> int | None:
    """Return the end of the string that begins here; None if it has none or spans lines."""
    at += 1
    while at < len(text) and text[at] != ord('"'):
        if text[at] == ord("\n"):
            return None
        if text[at] == ord("\\"):
            if text[at + 1 : at + 2] == b"\n":
                return None
            at += 1
        at += 1
    return at + 1 if at < len(text) else None
