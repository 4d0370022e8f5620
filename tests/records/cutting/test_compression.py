import bz2
import gzip
import itertools
import lzma
import sys
import tracemalloc
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import StreamError, UsageError
from kvsctl.records.cutting.compression import Compression, compression_of, decompressed
from kvsctl.records.cutting.lines import Line
from kvsctl.records.sources import File
from tests.records.cutting.chunks import cut_into

CUTS = st.lists(st.integers(0, 200), max_size=6)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "a.gz": gzip.compress,
    "a.bz2": bz2.compress,
    "a.xz": lzma.compress,
    "a.zst": zstd.compress,
}
EITHER = pytest.mark.parametrize("name", list(PACKERS))


def unpacked(chunks: Iterator[bytes], label: str = "-") -> bytes:
    return b"".join(decompressed(chunks, label, lambda found: None))


def until_error(chunks: Iterator[bytes], label: str) -> tuple[bytes, str]:
    out = bytearray()
    pieces = decompressed(chunks, label, lambda found: None)
    with pytest.raises(StreamError) as caught:
        deque(map(out.extend, pieces))
    return bytes(out), caught.value.message


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=3), CUTS, st.sampled_from([*PACKERS]))
def test_consecutive_members_are_one_text(texts: list[bytes], cuts: list[int], name: str) -> None:
    content = b"".join(PACKERS[name](text) for text in texts)
    assert unpacked(cut_into(content, cuts)) == b"".join(texts)


@given(CUTS, st.integers(0x50, 0x5F))
def test_frames_of_zstd_to_skip_are_skipped(cuts: list[int], first: int) -> None:
    skipped = bytes([first]) + b"\x2a\x4d\x18\4\0\0\0\0\n\n\0"
    content = skipped + zstd.compress(b"a\n") + skipped + zstd.compress(b"b\n")
    assert unpacked(cut_into(content, cuts)) == b"a\nb\n"


@given(st.binary(max_size=20).filter(lambda text: compression_of("-", text) is None), CUTS)
def test_a_file_that_is_not_an_archive_is_unchanged(text: bytes, cuts: list[int]) -> None:
    seen: list[Compression | None] = []
    assert b"".join(decompressed(cut_into(text, cuts), "-", seen.append)) == text
    assert seen == [None]


def test_input_of_a_pipe_is_given_before_waiting_for_more() -> None:
    pieces = decompressed(iter([b"a\n", b"", b"b"]), "-", lambda found: None)
    assert next(pieces) == b"a\n"
    assert next(pieces) == b""  # so that it can be sent before waiting for more
    assert list(pieces) == [b"b"]


@EITHER
def test_a_truncated_archive_gives_its_content_so_far_and_an_error(name: str) -> None:
    text = b"".join(b"%d\n" % (number * 7919) for number in range(100_000))
    content = PACKERS[name](text)
    for length in (4, len(content) // 2, len(content) - 1):
        out, message = until_error(iter([content[:length]]), name)
        assert text.startswith(out)
        assert "is truncated after" in message
    assert len(out) > len(text) // 2 or name == "a.bz2"  # which gives blocks of 900 kB
    assert f"is truncated after {len(out):,} decompressed bytes" in message


@EITHER
def test_an_empty_file_with_an_archive_suffix_is_truncated(name: str) -> None:
    assert "is truncated after" in until_error(iter([]), name)[1]


@EITHER
def test_a_corrupt_archive_gives_what_comes_before_the_damage(name: str) -> None:
    content = PACKERS[name](b"first\n") + b"junk, and more than four bytes of it"
    out, message = until_error(iter([content]), name)
    assert out == b"first\n"
    assert "is corrupt after 6 decompressed bytes" in message
    header_bytes = 4 if name == "a.zst" else 10
    broken = PACKERS[name](b"first\n")[:header_bytes] + b"\xff" * 40
    assert "is corrupt after 0 decompressed bytes" in until_error(iter([broken]), name)[1]


@EITHER
@pytest.mark.parametrize("text", [b"plain text", b"B\n", b"BZh9\n", b"\x1f\n"])
def test_a_plain_file_with_an_archive_suffix_is_read_as_it_is(name: str, text: bytes) -> None:
    assert unpacked(iter([text]), name) == text


@pytest.mark.parametrize(
    ("name", "start"), [("a.gz", b"\x1f"), ("a.bz2", b"BZh9"), ("a.bz2", b"B")]
)
def test_a_file_that_ends_in_the_signature_of_its_suffix_is_truncated(
    name: str, start: bytes
) -> None:
    assert "is truncated after 0" in until_error(iter([start]), name)[1]


def test_what_only_begins_like_bzip2_waits_for_no_more_than_it_needs() -> None:
    pieces = decompressed(iter([b"BZh", b"", b"9\n", b"", b"b"]), "-", lambda found: None)
    assert list(pieces) == [b"", b"BZh9\n", b"", b"b"]


def test_an_xz_file_that_asks_for_much_memory_is_refused() -> None:
    content = lzma.compress(b"a", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}])
    assert "Memory usage limit" in until_error(iter([content]), "-")[1]


@pytest.mark.parametrize(("module", "name"), [("bz2", "a.bz2"), ("lzma", "a.xz")])
def test_a_python_without_the_library_says_so(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    content = PACKERS[name](b"a")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match="was built without") as caught:
        unpacked(iter([content]), name)
    assert caught.value.hint is not None
    assert "-dc FILE" in caught.value.hint


def test_a_wrong_checksum_is_an_error() -> None:
    content = bytearray(gzip.compress(b"text"))
    content[-8] ^= 1
    assert "is corrupt after 0 decompressed bytes" in until_error(iter([bytes(content)]), "-")[1]


def test_zeros_that_pad_an_archive_are_skipped() -> None:
    content = gzip.compress(b"a") + b"\0" * 5
    assert unpacked(iter([content, b"\0" * 9, gzip.compress(b"b"), b"\0"])) == b"ab"


@EITHER
def test_a_decompression_bomb_is_given_in_small_parts(name: str) -> None:
    zeros = b"\0" * (64 * 1024 * 1024)
    content = PACKERS[name](zeros)
    assert len(content) < 256 * 1024
    tracemalloc.start()
    try:
        sizes = [len(piece) for piece in decompressed(iter([content]), "-", lambda found: None)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(sizes) == len(zeros)
    assert max(sizes) <= 256 * 1024
    assert peak < 16 * 1024 * 1024


def test_a_member_with_output_left_in_the_decompressor_is_whole() -> None:
    """Covers output whose last part is full when all input was consumed."""
    for size in itertools.chain(range(262_140, 262_150), [524_288]):
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        content = packer.compress(b"a" * size) + packer.flush()
        assert len(unpacked(iter([content]))) == size


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.bin"])
def test_a_file_is_decompressed_and_its_lines_keep_their_numbers(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((zstd if "zst" in name else gzip).compress(b"\xef\xbb\xbf{}\n\n{}"))
    file = File(path)
    assert [line for lines in file.lines() for line in lines] == [Line(1, b"{}"), Line(3, b"{}")]
    expected = Compression.ZSTD if "zst" in name else Compression.GZIP
    assert (file.compression, file.bytes_read) == (expected, path.stat().st_size)
