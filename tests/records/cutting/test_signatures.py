"""Input that is not text is refused by its first bytes; text never is."""

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.errors import StreamError, UsageError
from kvsctl.records.cutting.compression import Compression
from kvsctl.records.cutting.signatures import kind_of, only_text
from tests.records.cutting.chunks import cut_into

LINES = b'{"key":"a","value":1}\n{"key":"b","value":2}\n'
CUTS = st.lists(st.integers(0, 600), max_size=6)


def tar(format_number: int, name: str = "keys.txt") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=format_number) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 6
        archive.addfile(entry, io.BytesIO(b"k1\nk2\n"))
    return packed.getvalue()


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, LINES)
    return packed.getvalue()


def old_tar() -> bytes:
    """A header without `ustar`, as the first versions of tar wrote it."""
    header = bytearray(tar(tarfile.USTAR_FORMAT)[:512])
    header[257:512] = bytes(255)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + b"k1\nk2\n"


def database(folder: Path) -> bytes:
    connection = sqlite3.connect(folder / "s.db")
    with connection:
        connection.execute("CREATE TABLE t (key, value)")
    connection.close()
    return (folder / "s.db").read_bytes()


SIGNED = {
    "tar, ustar": (tar(tarfile.USTAR_FORMAT), "a tar archive"),
    "tar, GNU": (tar(tarfile.GNU_FORMAT, "n" * 150), "a tar archive"),
    "tar, pax": (tar(tarfile.PAX_FORMAT, "ä" * 150), "a tar archive"),
    "tar, old": (old_tar(), "a tar archive"),
    "zip": (zipped("keys.txt"), "a zip archive"),
    "zip, empty": (zipped(), "a zip archive"),
    "xlsx": (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook or another"),
    "xlsx, other order": (zipped("xl/workbook.xml"), "an Excel workbook or another"),
    "gzip": (gzip.compress(LINES), "a gzip archive"),
    "bzip2": (bz2.compress(LINES), "a bzip2 archive"),
    "bzip2, empty": (bz2.compress(b""), "a bzip2 archive"),
    "xz": (lzma.compress(LINES), "an xz archive"),
    "lzma": (lzma.compress(LINES, lzma.FORMAT_ALONE), "an lzma archive"),
    "zstd": (zstd.compress(LINES), "a zstd archive"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive"),
    "rar": (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
    "parquet": (b"PAR1\x15\x04\x15\x10", "a Parquet file"),
    "orc": (b"ORC\x08\x1d\n\x03\x00", "an ORC file"),
    "avro": (b"Obj\x01\x04\x16avro.schema", "an Avro file"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\n", "a PDF document"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word document"),
    "png": (b"\x89PNG\r\n\x1a\n", "a picture"),
    "gif": (b"GIF89a\x01\0\x01\0", "a picture"),
    "UTF-16": ('{"key":"é"}'.encode("utf-16"), "text in UTF-16"),
    "UTF-16, big": (b"\xfe\xff" + "k1".encode("utf-16-be"), "text in UTF-16"),
    "UTF-16, no mark": ("key1\n".encode("utf-16-le"), "text in UTF-16"),
    "UTF-16, big, no mark": ("key1\n".encode("utf-16-be"), "text in UTF-16"),
    "UTF-32": ("k1\n".encode("utf-32"), "text in UTF-32"),
    "UTF-32, big": (b"\0\0\xfe\xff" + "k".encode("utf-32-be"), "text in UTF-32"),
    "UTF-32, no mark": ("k1\n".encode("utf-32-le"), "text in UTF-32"),
    "UTF-32, big, no mark": ("k1\n".encode("utf-32-be"), "text in UTF-32"),
}


def refused(content: bytes, label: str, compression: Compression | None = None) -> UsageError:
    with pytest.raises(UsageError) as caught:
        list(only_text(iter([content]), label, lambda: compression))
    return caught.value


@pytest.mark.parametrize("name", SIGNED)
def test_what_is_not_text_is_refused_by_its_name(name: str) -> None:
    content, expected = SIGNED[name]
    assert f"in: this is {expected}" in refused(content, "in").message


def test_a_database_is_refused(tmp_path: Path) -> None:
    error = refused(database(tmp_path), "s.db")
    assert error.message == "s.db: this is a SQLite database, which kvsctl does not read"
    assert error.hint is not None
    assert "sqlite3 -csv -header s.db" in error.hint


@pytest.mark.parametrize(
    ("content", "label", "inside", "command"),
    [
        (tar(tarfile.USTAR_FORMAT), "my keys.tar", None, "tar -xOf 'my keys.tar'"),
        (tar(tarfile.USTAR_FORMAT), "k.tgz", Compression.GZIP, "gzip -dc k.tgz | tar -xOf -"),
        (gzip.compress(LINES), "a.gz", Compression.GZIP, "gzip -dc a.gz | gzip -dc -"),
        (zipped("a"), "a.xz", Compression.XZ, "Decompress it first: xz -dc a.xz"),
        (SIGNED["UTF-16"][0], "-", None, "iconv -f UTF-16 -t UTF-8 FILE"),
        ("key1\n".encode("utf-16-be"), "a", None, "iconv -f UTF-16BE -t UTF-8 a"),
        ("key1\n".encode("utf-16-le"), "a", None, "iconv -f UTF-16LE -t UTF-8 a"),
        ("k1\n".encode("utf-32-be"), "a", None, "iconv -f UTF-32BE -t UTF-8 a"),
        ("k1\n".encode("utf-32-le"), "a", None, "iconv -f UTF-32LE -t UTF-8 a"),
        (SIGNED["png"][0], "-", None, "Give text in UTF-8: JSON Lines"),
    ],
    ids=range(10),
)
def test_the_hint_has_the_command_that_makes_text_of_it(
    content: bytes, label: str, inside: Compression | None, command: str
) -> None:
    error = refused(content, label, inside)
    assert error.hint is not None
    assert command in error.hint
    article = "an" if inside is Compression.XZ else "a"
    assert (f"inside {article} {inside.value} archive" in error.message) if inside else True


@given(st.text(min_size=1), CUTS)
@example("PAR1\nPAR2", [])
@example("BZh9\n", [])
@example("GIF89a\n", [1])
@example("ORC1:é", [])
@example("ustar  ", [])
def test_text_is_unchanged(text: str, cuts: list[int]) -> None:
    content = text.encode("utf-8", "replace")
    if "\0" not in text and "\1" not in text:
        pieces = only_text(cut_into(content, cuts), "-", lambda: None)
        assert b"".join(pieces) == content


def test_keys_that_end_in_nul_are_not_utf_16() -> None:
    content = b"a\0b\0c\0d\0"
    assert b"".join(only_text(iter([content]), "-", lambda: None, b"\0")) == content
    assert kind_of(content) is not None


@given(st.sampled_from(sorted(SIGNED)), CUTS)
def test_the_chunks_do_not_matter(name: str, cuts: list[int]) -> None:
    content, expected = SIGNED[name]
    with pytest.raises(UsageError, match=expected):
        list(only_text(cut_into(content, cuts), "-", lambda: None))


def test_a_line_from_a_pipe_is_given_before_waiting_for_more() -> None:
    pieces = only_text(iter([b"a", b"", b"b\n", b"", b"c"]), "-", lambda: None)
    assert [next(pieces), next(pieces), next(pieces)] == [b"", b"ab\n", b""]
    assert list(pieces) == [b"c"]


def test_an_element_from_a_pipe_is_given_before_waiting_for_more() -> None:
    pieces = only_text(iter([b'["a",', b"", b'"b"]']), "-", lambda: None)
    assert [next(pieces), next(pieces)] == [b'["a",', b""]


def test_text_before_the_damage_of_an_archive_is_read_however_short_it_is() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"k1\nk2\nk"
        raise StreamError("damaged")

    taken: list[bytes] = []
    with pytest.raises(StreamError, match="damaged"):
        taken.extend(only_text(chunks(), "a.gz", lambda: Compression.GZIP))
    assert taken == [b"k1\nk2\nk"]


def test_a_damaged_archive_that_holds_no_text_is_refused_for_that() -> None:
    def chunks() -> Iterator[bytes]:
        yield SIGNED["zip"][0]
        raise StreamError("damaged")

    with pytest.raises(UsageError, match="this is a zip archive inside a gzip archive"):
        list(only_text(chunks(), "a.gz", lambda: Compression.GZIP))
