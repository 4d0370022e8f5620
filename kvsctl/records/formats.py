"""Find the format of a file: from `--format`, from its name, or from its first bytes."""

import re
from enum import Enum
from pathlib import PurePath
from typing import Final

import msgspec

from kvsctl.errors import UsageError
from kvsctl.records.cutting.compression import COMPRESSION_SUFFIXES
from kvsctl.records.cutting.separator import take_separator
from kvsctl.records.shapes import Shape

_BLANK: Final = b" \t\r\n"
_HEAD_BYTES: Final = 64 * 1024
"""A longer first line is not taken for a table's header, and no more of it is read."""


class Format(Enum):
    """The input formats. The value is the name in `--format` and in reports."""

    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"
    KEYS = "keys"

    @property
    def is_table(self) -> bool:
        """Whether the format has a header, rows and cells."""
        return self in (Format.CSV, Format.TSV)


_BY_SUFFIX: Final = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".keys": Format.KEYS,
}


_IN_NO_KEY: Final = ",;|"
"""Delimiters that a legal key cannot hold. It can hold a tab."""
_HEADING: Final = re.compile(
    rb"(?:SIZE  CREATED +UPDATED +EXPIRES +(?:ENTITY  )?|ENTITY  )KEY\r?"
).fullmatch
"""The heading of a table that list prints, if it has several columns."""
_MOMENT: Final = rb"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z| {20})"
_ROW: Final = re.compile(rb"[0-9]+(?:  %b){3}  ." % _MOMENT).match
"""A row of `list --long`, which is the first line if another program removed the heading."""
_LONE_HEADINGS: Final = (b"key", b"KEY")
"""The first lines of `list --as csv` and `list --as table`, which are also legal keys."""


class Forms(msgspec.Struct, frozen=True):
    """How to find the format of each input file of a command.

    `given` is the value of `--format`; if set, it decides alone. `has_values` is True for a
    command that needs values (set): such a command does not read plain lines of keys.
    """

    given: Format | None = None
    shape: Shape = msgspec.field(default_factory=Shape)
    has_values: bool = True

    def find(self, label: str, head: bytes, *, is_whole: bool) -> Format | None:
        """Return the format of the file `label`, or None if more of the file is needed to tell.

        `head` is the start of the file, decompressed and without a byte order mark. If `is_whole`
        is True, it is the whole file, and the result is never None.

        A known suffix decides; a compression suffix is ignored. For `.json` and all other
        suffixes, the first bytes decide. `{` starts JSON Lines and `[` starts an array. A first
        line with commas or tabs (or the delimiter that was given) between cells that name the key
        starts a table, and so does one that names the delimiter, such as `sep=;`. With `;` or `|`
        between the cells, it is taken for a table too: its header tells which delimiter to give.
        Everything else is JSON Lines for a command that needs values, and plain keys for other
        commands.

        Raise UsageError if the lines would be plain keys, but the first one is that of a table
        of `list`: its lines are not the keys that the user means.
        """
        if self.given is not None:
            return self.given
        by_name = _BY_SUFFIX.get(_suffix(label))
        if by_name is not None and (self.has_values <= (by_name is not Format.KEYS)):
            return by_name
        start = head.lstrip(_BLANK)
        if start.startswith(b"["):
            return Format.JSON
        if start.startswith(b"{"):
            return Format.JSONL
        first, ended, _ = start.partition(b"\n")
        if not (ended or is_whole or len(start) > _HEAD_BYTES):
            return None
        if take_separator(first)[0] is not None:
            return Format.CSV
        found = self._of_header(first)
        if found is None and not self.has_values:
            if self.shape.key is not None and {first.strip(b'"\r')} == self._wanted:
                return Format.CSV
            _require_keys(label, first)
        return found or (Format.JSONL if self.has_values else Format.KEYS)

    def delimiter(self, found: Format) -> str:
        """Return the delimiter between the cells of a table in the format `found`."""
        return self.shape.delimiter or ("\t" if found is Format.TSV else ",")

    @property
    def _wanted(self) -> set[bytes]:
        """The columns that the key is made from."""
        return {name.encode(errors="replace") for name in self.shape.key_members}

    def _of_header(self, line: bytes) -> Format | None:
        given = self.shape.delimiter
        candidates = {given: Format.CSV} if given else dict.fromkeys(_IN_NO_KEY, Format.CSV)
        if self.has_values and not given:
            candidates["\t"] = Format.TSV
        for delimiter, found in candidates.items():
            mark = delimiter.encode()
            if mark in line and self._wanted <= {cell.strip(b'"\r') for cell in line.split(mark)}:
                return found
        return None


def require_no_table(label: str, line: bytes) -> None:
    """Raise UsageError if a line is one of a table that list prints."""
    if _HEADING(line) or _ROW(line):
        raise UsageError(
            f"{label}: this is a table for people, as list --long prints it, not a list of keys",
            "List without --long or --as table, or with --as jsonl.",
        )


def _require_keys(label: str, first: bytes) -> None:
    """Raise UsageError if the first line may be the first of a table that list prints."""
    require_no_table(label, first)
    name = first.rstrip(b"\r")
    if name in _LONE_HEADINGS:
        raise UsageError(
            f'{label}: the first line, "{name.decode()}", may be a key or the header of a table',
            "Give --format csv if it is a header, or --format keys if it is a key.",
        )


def _suffix(label: str) -> str:
    name = PurePath(label)
    while name.suffix.lower() in COMPRESSION_SUFFIXES:
        name = name.with_suffix("")
    return name.suffix.lower()
