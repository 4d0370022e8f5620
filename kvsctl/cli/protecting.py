"""The keys and globs of `--protect FILE`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kvsctl.errors import StreamError, UsageError
from kvsctl.jsontext import quoted
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Problem
from kvsctl.records.checks import check_key
from kvsctl.records.formats import Format, Forms, require_no_table
from kvsctl.records.parser_choice import key_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.sources import File
from kvsctl.selection.contradictions import why_no_key_matches
from kvsctl.selection.patterns import GLOB_SPECIAL
from kvsctl.selection.protected import Protected

_LIST: Final = re.compile(r'\[[^\]]*[",]').search
"""No key holds a quote or a comma: a class of characters with one was meant as a list."""


def protected_keys(path: Path) -> Protected:
    """Return what a file protects: see `protected_entries`."""
    return Protected(protected_entries(path))


def protected_entries(path: Path) -> list[str]:
    """Return the keys and globs of a file, one per line, read like plain keys.

    White space around a key can be part of it, so such a line protects the key with and without
    it. Raise UsageError if the file cannot be read to its end, protects nothing, or has a line that
    no key can match: such a line would not protect what it was written for.
    """
    if path == Path("-"):
        raise UsageError("--protect -: not a file name", "Give --protect the name of a file.")
    file = File(path, forms=Forms(Format.KEYS, has_values=False))
    file.require_readable()
    try:
        entries = [*_entries(Reader([file], key_parsers(Rules(None))))]
    except StreamError as error:
        raise UsageError(error.message, error.hint) from error
    if not entries:
        raise UsageError(
            f"--protect {path}: the file is empty", "Write a key or a glob on each line."
        )
    return entries


def _entries(reader: Reader) -> Iterator[str]:
    for pieces in reader:
        for piece in pieces:
            if isinstance(piece, Problem):
                raise UsageError(f"--protect: {piece.origin}: {piece.message}")
            entry = piece.identity.key
            require_no_table(f"--protect: {piece.origin}", entry.strip().encode(errors="replace"))
            if (why := why_not_protected(entry)) is not None:
                raise UsageError(
                    f"--protect: {piece.origin}: {quoted(entry)}: {why}",
                    "Write a key or a glob on each line. There are no comments.",
                )
            yield entry
            if (inner := entry.strip()) and inner != entry:
                yield inner


def why_not_protected(entry: str) -> str | None:
    """Return why a key or a glob cannot protect any key; None if it can."""
    if _LIST(entry) is not None:
        return "a list: as a glob, it matches one of its characters"
    if GLOB_SPECIAL.search(entry) is not None:
        return why_no_key_matches(entry)
    breach = check_key(entry, DEFAULT_LIMITS)
    return None if breach is None else f"not a key: {breach.message}"
