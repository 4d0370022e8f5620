"""Prepare the words of the command line for Typer."""

from collections.abc import Sequence
from typing import Final

METADATA_NAMES: Final = ("created", "updated", "expires")
_BARE: Final = "--metadata"
_IF_ABSENT: Final = "--if-absent"
_INFER_TYPES: Final = "--infer-types"
ALL_COLUMNS: Final = "*"
"""The value of `--infer-types` without one."""
IF_ABSENT_READS: Final = "read"
"""The value of `--if-absent` without one: keys are read first."""
IF_ABSENT_EXACT: Final = "exact"
"""The value of `--if-absent` that leaves it to the service whether a key exists."""


def prepared(words: Sequence[str]) -> list[str]:
    """Return the words with a value for a bare `--metadata`, `--if-absent` or `--infer-types`.

    Typer has no options whose value may be left out. The word after `--metadata` is its value if it
    is a list of metadata names; otherwise the value is all of them. The word after one of the
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


def _is_list(word: str) -> bool:
    return all(name in METADATA_NAMES for name in word.split(","))
