"""Recognise input that is not text, by its first bytes: archives, databases, UTF-16 and others.

Such input must not be read line by line: the lines of a tar file are keys, and would be deleted.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from kvsctl.errors import StreamError, UsageError
from kvsctl.records.cutting.compression import Compression, compression_of

_TAR_BYTES: Final = 512
_HEAD_BYTES: Final = _TAR_BYTES
"""The most bytes that are needed to recognise a kind."""


class Kind(NamedTuple):
    """What a file is, and how to convert it to text.

    `command` has `{}` where the file's name belongs. If `reads_pipes` is True, the name may be
    `-`, for stdin.
    """

    name: str
    command: str
    reads_pipes: bool = False


_TAR: Final = Kind("a tar archive", "tar -xOf {}", reads_pipes=True)
_ZIP: Final = Kind("a zip archive", "unzip -p {}")
_OFFICE: Final = Kind("an Excel workbook or another Office document", "xlsx2csv {}")


def _unicode(encoding: str) -> Kind:
    """Return the kind of text in an encoding, by the name that iconv has for it.

    Without a byte order mark in the text, the name must say the order: iconv would assume one.
    """
    name = f"text in {encoding.removesuffix('LE').removesuffix('BE')}"
    return Kind(name, f"iconv -f {encoding} -t UTF-8 {{}}", reads_pipes=True)


_UTF16: Final = _unicode("UTF-16")
_UTF32: Final = _unicode("UTF-32")
_PARQUET: Final = Kind("a Parquet file", "parquet cat {}")
_PICTURE: Final = Kind("a picture", "")
_PROGRAM: Final = Kind("a program", "")

# No text in UTF-8 and no key begins with these bytes.
_STARTS: Final = (
    (b"PK\x03\x04", _ZIP),
    (b"PK\x05\x06", _ZIP),
    (b"PK\x07\x08", _ZIP),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7z archive", "7z x -so {}")),
    (b"Rar!\x1a\x07", Kind("a RAR archive", "unrar p -inul {}")),
    (b"\x1f\x9d", Kind("a file of compress", "uncompress -c {}")),
    (b"\x04\x22\x4d\x18", Kind("an lz4 archive", "lz4 -dc {}", reads_pipes=True)),
    (b"LZIP\x01", Kind("an lzip archive", "lzip -dc {}", reads_pipes=True)),
    (b"\x5d\x00\x00", Kind("an lzma archive", "xz --format=lzma -dc {}", reads_pipes=True)),
    (b"\xff\x06\x00\x00sNaPpY", Kind("a snappy archive", "snzip -dc {}")),
    (b"!<arch>\n", Kind("an ar archive", "ar p {}")),
    (b"\xed\xab\xee\xdb", Kind("an RPM package", "")),
    (b"SQLite format 3\0", Kind("a SQLite database", "sqlite3 -csv -header {} 'SELECT …'")),
    (b"Obj\x01", Kind("an Avro file", "avro-tools tojson {}")),
    (b"ARROW1\0\0", Kind("an Arrow file", "")),
    (b"\x89HDF\r\n\x1a\n", Kind("an HDF5 file", "")),
    (b"%PDF-", Kind("a PDF document", "pdftotext -layout {} -")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind("an old Excel or Word document", "xls2csv {}")),
    (b"\x89PNG\r\n\x1a\n", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"\x7fELF", _PROGRAM),
    (b"\xcf\xfa\xed\xfe", _PROGRAM),
    (b"\x00\x00\xfe\xff", _UTF32),
    (b"\xff\xfe\x00\x00", _UTF32),
    (b"\xff\xfe", _UTF16),
    (b"\xfe\xff", _UTF16),
)
# A key may begin with these, so bytes that no text has must follow.
_NAMES: Final = (
    (b"PAR1", _PARQUET),
    (b"PARE", _PARQUET),
    (b"ORC", Kind("an ORC file", "orc-contents {}")),
    (b"PGDMP", Kind("a dump of pg_dump", "pg_restore -f - {}")),
    (b"GIF87a", _PICTURE),
    (b"GIF89a", _PICTURE),
    (b"bplist0", Kind("a binary property list", "plutil -convert json -o - {}")),
)
_NOT_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]").search
_OFFICE_PARTS: Final = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"word/")
_ENTRY_NAME_AT: Final = 30
# Without a byte order mark, ASCII in UTF-16 and UTF-32 has NUL bytes at fixed places.
_ASCII: Final = rb"[\t\n\r -~]"
_WIDE: Final = (
    (re.compile(rb"(?:%b\0\0\0){2}" % _ASCII), _unicode("UTF-32LE")),
    (re.compile(rb"(?:\0\0\0%b){2}" % _ASCII), _unicode("UTF-32BE")),
    (re.compile(rb"(?:%b\0){3}" % _ASCII), _unicode("UTF-16LE")),
    (re.compile(rb"(?:\0%b){3}" % _ASCII), _unicode("UTF-16BE")),
)


def kind_of(head: bytes, *, has_nul: bool = False) -> Kind | None:
    """Return what a file with these first bytes is; None if it may be text.

    `has_nul`: NUL ends each key, so it is not a sign of UTF-16 or UTF-32.
    """
    for start, kind in _STARTS:
        if head.startswith(start):
            is_office = kind is _ZIP and head.startswith(_OFFICE_PARTS, _ENTRY_NAME_AT)
            return _OFFICE if is_office else kind
    for start, kind in _NAMES:
        if head.startswith(start) and _NOT_TEXT(head[len(start) : 64]):
            return kind
    if _is_tar(head):
        return _TAR
    if (compression := compression_of("", head)) is not None:
        return Kind(_archive(compression), f"{compression.command} {{}}", reads_pipes=True)
    if not has_nul:
        for pattern, kind in _WIDE:
            if pattern.match(head):
                return kind
    return None


def _archive(compression: Compression) -> str:
    article = "an" if compression is Compression.XZ else "a"
    return f"{article} {compression.value} archive"


def _is_tar(head: bytes) -> bool:
    """Return whether the first block has the checksum of a tar header, in any of its formats."""
    if len(head) < _TAR_BYTES or head[0] == 0:
        return False
    try:
        stored = int(head[148:156].strip(b" \0"), 8)
    except ValueError:
        return False
    return stored == sum(head[:148]) + 8 * ord(" ") + sum(head[156:_TAR_BYTES])


def only_text(
    chunks: Iterator[bytes],
    label: str,
    compression: Callable[[], Compression | None],
    end: bytes = b"\n",
) -> Iterator[bytes]:
    """Yield the chunks of a file, already decompressed, unchanged.

    Raise UsageError, before the first chunk, if they are not text. It says what they are, and names
    the command that converts them to text. `compression` returns how the file itself is compressed,
    and `end` is the byte that ends each key.
    """
    head, is_paused, broken = b"", False, None
    try:
        for chunk in chunks:
            head += chunk
            if len(head) >= _HEAD_BYTES:
                break
            if not chunk:
                has_piece = end in head or head.startswith((b"[", b"{"))
                if has_piece and not any(start.startswith(head) for start, _ in _STARTS):
                    is_paused = True
                    break
                yield b""
    except StreamError as error:
        broken = error  # what comes before the damage is text or not, and is read
    kind = kind_of(head, has_nul=end == b"\0")
    if kind is not None:
        raise _refusal(label, kind, compression())
    if head:
        yield head
    if broken is not None:
        raise broken
    if is_paused:
        yield b""  # the empty chunk that ended the loop above
    yield from chunks


def _refusal(label: str, kind: Kind, compression: Compression | None) -> UsageError:
    file = "FILE" if label == "-" else shlex.quote(label)
    hint, inside = "Give text in UTF-8: JSON Lines, a JSON array, CSV, TSV or plain keys.", ""
    if kind.command:
        hint = f"Convert it to text first: {kind.command.format(file)}"
    if compression is not None:
        inside = f" inside {_archive(compression)}"
        hint = f"Decompress it first: {compression.command} {file}"
        if kind.command and kind.reads_pipes:
            hint = (
                f"Convert it to text first: {compression.command} {file} | "
                + kind.command.format("-")
            )
    return UsageError(f"{label}: this is {kind.name}{inside}, which kvsctl does not read", hint)
