"""Globs and regular expressions over keys, and the prefix that each one implies.

The service lists by prefix only. The literal text with which a pattern begins becomes that prefix,
so that a narrow pattern reads little.
"""

import fnmatch
import re
import warnings
from collections.abc import Callable
from typing import Final, NamedTuple

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted

GLOB_SPECIAL: Final = re.compile(r"[*?\[]")
_ANCHOR: Final = re.compile(r"\^|\\A")
_LITERAL: Final = re.compile(r"\\([^a-zA-Z0-9])|([^\\.^$*+?{}\[\]|()])", re.DOTALL)
"""One literal character of a regular expression, escaped or not."""
_REPEATED: Final = re.compile(r"[*+?{]")


class Pattern(NamedTuple):
    """A test of keys. Every key that it matches begins with `prefix`. `text`: as it was written."""

    matches: Callable[[str], object]
    prefix: str
    text: str = ""


def glob(text: str) -> Pattern:
    """Return the pattern of a glob, which matches whole keys.

    `*` stands for any text, `?` for one character, `[a-z]` for one of several, `[!a-z]` for one of
    the others. Letters are compared with their case. Raise UsageError if the glob is empty.
    """
    if not text:
        raise UsageError("the glob is empty: no key matches it", "Write it as in 'session:*'.")
    special = GLOB_SPECIAL.search(text)
    matches = re.compile(fnmatch.translate(text)).match
    return Pattern(matches, text[: special.start()] if special else text, text)


def regex(text: str) -> Pattern:
    """Return the pattern of a regular expression, which may match anywhere in a key.

    Raise UsageError if the expression is empty or not valid.
    """
    if not text:  # as a script may have left it by mistake: it would match every key
        raise UsageError("--regex is empty: it matches every key", "Leave it out for all keys.")
    try:
        with warnings.catch_warnings():
            # What another version of Python may read differently is read as this one does.
            warnings.simplefilter("ignore")
            search = re.compile(text).search
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"--regex {quoted(text)}: {error}", "Write it as Python's re module reads it."
        ) from error
    return Pattern(search, _regex_prefix(text), text)


def _regex_prefix(text: str) -> str:
    """Return the literal text that follows an anchor; "" without an anchor or with alternatives.

    It may be shorter than it could be: then more is read, and nothing is missed.
    """
    anchor = _ANCHOR.match(text)
    if anchor is None or "|" in text:
        return ""
    prefix, at = "", anchor.end()
    while literal := _LITERAL.match(text, at):
        if _REPEATED.match(text, literal.end()):
            break  # the character may be absent
        prefix += literal[1] or literal[2]
        at = literal.end()
    return prefix
