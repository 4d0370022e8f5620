"""Selectors that no record can meet, whatever the store holds. Pure.

A selector that merely chooses nothing at the moment is not one of them.
"""

import fnmatch
import re
from collections.abc import Iterator
from typing import Final

from kvsctl.jsontext import quoted
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.selection.characters import KEY_CHARACTERS, illegal_character
from kvsctl.selection.patterns import Pattern
from kvsctl.selection.selection import Selection

_TOO_LONG: Final = f"no key has more than {DEFAULT_LIMITS.key_chars} characters"
_GLOB_SET: Final = re.compile(r"\[!?\]?[^\]]*\]")
_WITH_BEGINNING: Final = re.compile(r"[^*?\[]*\*+")
"""A glob for everything that begins with a literal text."""


def why_no_key_begins(prefix: str) -> str | None:
    """Return why no key begins with a text; None if keys can."""
    illegal = illegal_character(prefix)
    if illegal is not None:
        return f"no key has {quoted(illegal)}"
    return _TOO_LONG if len(prefix) > DEFAULT_LIMITS.key_chars else None


def why_no_key_matches(glob: str) -> str | None:
    """Return why a glob matches no key; None if it can match one."""
    least = 0
    for part in _parts(glob):
        if part == "*":
            continue
        least += 1
        if part == "?":
            continue
        if not _may_be_in_a_key(part):
            return f"no key has {quoted(part)}"
    return _TOO_LONG if least > DEFAULT_LIMITS.key_chars else None


def _may_be_in_a_key(part: str) -> bool:
    """Return whether a key can have the character, or one of the set, of a part of a glob."""
    if len(part) == 1:
        return part in KEY_CHARACTERS
    return any(map(re.compile(fnmatch.translate(part)).match, KEY_CHARACTERS))


def excluding_all(selection: Selection) -> Pattern | None:
    """Return a pattern that certainly excludes every key the others choose; None if none does.

    That is a pattern that is also in `matches`, or a glob for everything with a literal text that
    all prefixes begin with.
    """
    matched = {one.text for one in selection.matches}
    prefixes = selection.prefixes
    for one in selection.excludes:
        if one.text in matched:
            return one
        covers = _WITH_BEGINNING.fullmatch(one.text) is not None
        if covers and all(prefix.startswith(one.prefix) for prefix in prefixes):
            return one
    return None


def _parts(glob: str) -> Iterator[str]:
    """Yield the parts of a glob: `*`, `?`, a set such as `[a-z]`, or a literal character."""
    at = 0
    while at < len(glob):
        found = _GLOB_SET.match(glob, at)
        yield glob[at] if found is None else found[0]
        at = at + 1 if found is None else found.end()
