"""Globs and regular expressions over keys, and the prefix that each one implies.

The service lists by prefix only. The literal text with which a pattern begins becomes that prefix,
so that a narrow pattern reads little.

Python's `re` can take longer than a lifetime for a short key, and nothing can interrupt it. So it
is used only for expressions that are quick for every key: see `_is_quick`. The others are matched
by the `regex` package, which reads them the same way and has a timeout.
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
_SLOWEST_SECONDS: Final = 0.2
"""How long one key may take. A usual expression takes a millionth of it."""
_MOST_OPTIONS: Final = 8
_NAMED_CLASS: Final = re.compile(r"\[:\^?[a-z]+:\]")
_BRACE: Final = re.compile(r"\\N\{[^}]*\}|\\.|\{(?!(?:[0-9]+,?[0-9]*|,[0-9]*)\})", re.DOTALL)
"""Finds literal braces, among others. `regex` might take such a brace for a fuzzy match."""


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
    if _NAMED_CLASS.search(text):
        raise UsageError(
            f"--regex {quoted(text)}: classes such as [:alpha:] are not known",
            "Write [A-Za-z] for [[:alpha:]], [0-9] for [[:digit:]].",
        )
    try:
        with warnings.catch_warnings():
            # This version of Python counts, even if another may read the text differently.
            warnings.simplefilter("ignore")
            search: Callable[[str], object] = re.compile(text).search
            if not _is_quick(text):
                search = _bounded(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"--regex {quoted(text)}: {error}", "Write it as Python's re module reads it."
        ) from error
    return Pattern(search, _regex_prefix(text), text)


def _is_quick(text: str) -> bool:
    """Return whether the text alone shows that `re` is quick for every key.

    A single repetition of something that is not a group tries a number of ways that grows with the
    square of the length of a key. Each `?` can double it.
    """
    repetitions = sum(text.count(one) for one in "*+{")
    is_flat = repetitions == 0 or (repetitions == 1 and "(" not in text)
    return is_flat and text.count("?") <= _MOST_OPTIONS


def _bounded(text: str) -> Callable[[str], object]:
    """Return a search that raises UsageError for a key that takes too long."""
    import regex as bounded  # not at the top: the import is slow, and few selections need it

    own = _BRACE.sub(lambda found: r"\{" if found[0] == "{" else found[0], text)
    search = bounded.compile(own, bounded.VERSION0).search

    def matches(key: str) -> object:
        try:
            return search(key, timeout=_SLOWEST_SECONDS)
        except TimeoutError:
            raise UsageError(
                f"--regex {quoted(text)}: it takes too long, as there are too many ways in which "
                "it might match a key",
                "Do not repeat a group that has repetitions or alternatives: (a|b|ab)+ is [ab]+, "
                "and (a+)+ is a+.",
            ) from None

    return matches


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
