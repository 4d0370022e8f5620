"""Prepare the words of the command line for Typer."""

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from kvsctl.errors import UsageError

METADATA_NAMES: Final = ("created", "updated", "expires")
_BARE: Final = "--metadata"
_IF_ABSENT: Final = "--if-absent"
_INFER_TYPES: Final = "--infer-types"
_FILE: Final = re.compile(r"--file(=|$)|-[^-cot]*f", re.DOTALL)
"""How a word begins that gives a file: `-f` may follow short options without a value, as in `-qf`,
and its value may follow at once. `c`, `o` and `t` have values themselves."""
ALL_COLUMNS: Final = "*"
"""The value that a bare `--infer-types` gets."""
IF_ABSENT_READS: Final = "read"
"""The value that a bare `--if-absent` gets: keys are read first."""
IF_ABSENT_EXACT: Final = "exact"
"""The value of `--if-absent` that lets the service decide whether a key exists."""


def prepared(words: Sequence[str]) -> list[str]:
    """Return the words with a value for a bare `--metadata`, `--if-absent` or `--infer-types`.

    In Typer, no option can be given without its value. The word after `--metadata` is its value if
    it is a list of metadata names; otherwise the value is all of them. The word after one of the
    others is never its value.
    """
    result: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*result, word, *rest]
        if word == _IF_ABSENT:
            word = f"{_IF_ABSENT}={IF_ABSENT_READS}"
        elif word == _INFER_TYPES:
            word = f"{_INFER_TYPES}={ALL_COLUMNS}"
        if word != _BARE:
            result.append(word)
            continue
        named = rest.pop(0) if rest and _is_list(rest[0]) else ",".join(METADATA_NAMES)
        result.append(f"{_BARE}={named}")
    return result


def require_attached_values(words: Sequence[str]) -> None:
    """Raise UsageError if the value of `--if-absent` or `--infer-types` seems to be the next word.

    With a file, that is any word after the option, except another option or KEY=VALUE.
    """
    given = [*words[: words.index("--")]] if "--" in words else words
    if not any(map(_FILE.match, given)):
        return
    for option, word in pairwise(given):
        if option in (_IF_ABSENT, _INFER_TYPES) and "=" not in word and word[:1] not in ("-", ""):
            raise UsageError(
                f"{option} {word}: the value of this option follows a =",
                f"Write {option}={shlex.quote(word)}.",
            )


def _is_list(word: str) -> bool:
    return all(name in METADATA_NAMES for name in word.split(","))
