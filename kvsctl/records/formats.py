"""Which form a file has: as it was asked for, by its name, or by its first bytes."""

from enum import Enum
from pathlib import PurePath
from typing import Final

import msgspec

from kvsctl.records.shapes import Shape

_BLANK: Final = b" \t\r\n"
_HEAD_BYTES: Final = 64 * 1024
"""A first line that is longer is looked at no further: it is no header."""


class Format(Enum):
    """The forms of input; the value is what `--format` takes and what a report says."""

    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"
    KEYS = "keys"

    @property
    def is_table(self) -> bool:
        """Whether it has a header, rows and cells."""
        return self in (Format.CSV, Format.TSV)


_BY_SUFFIX: Final = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".keys": Format.KEYS,
}
_ARCHIVES: Final = (".gz", ".gzip", ".zst", ".zstd")


class Forms(msgspec.Struct, frozen=True):
    """How the form of each file of a command is found.

    `given` is what `--format` says and decides alone. `has_values`: the command needs values
    (set), so plain lines of keys are no input for it.
    """

    given: Format | None = None
    shape: Shape = msgspec.field(default_factory=Shape)
    has_values: bool = True

    def find(self, label: str, head: bytes, *, is_whole: bool) -> Format | None:
        """The form of the file named `label` that begins with `head`, decompressed, without mark.

        None: more of it has to be seen, which is never said when `is_whole`. The suffix decides,
        a suffix of compression aside; `.json` and others leave it to the first bytes: `{` begins
        JSON Lines, `[` an array, and a first line with commas or tabs (or the delimiter that was
        given) between cells that name the key begins a table. All else is JSON Lines for a
        command that needs values, and plain keys for one that does not.
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
        return self._of_header(first) or (Format.JSONL if self.has_values else Format.KEYS)

    def delimiter(self, found: Format) -> str:
        """What stands between the cells of a table of the form `found`."""
        return self.shape.delimiter or ("\t" if found is Format.TSV else ",")

    def _of_header(self, line: bytes) -> Format | None:
        # No legal key holds a comma, but one may hold a tab.
        candidates = (Format.CSV, Format.TSV) if self.has_values else (Format.CSV,)
        for candidate in candidates:
            delimiter = self.delimiter(candidate).encode()
            cells = {cell.strip(b'"\r') for cell in line.split(delimiter)}
            if delimiter in line and cells.issuperset(
                name.encode(errors="replace") for name in self.shape.key_members
            ):
                return candidate
        return None


def _suffix(label: str) -> str:
    name = PurePath(label)
    while name.suffix.lower() in _ARCHIVES:
        name = name.with_suffix("")
    return name.suffix.lower()
