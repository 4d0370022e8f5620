"""Compressed output: whole archives at every moment, and nothing lost."""

import errno
import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kvsctl.errors import UsageError
from kvsctl.files.compressed import CompressedSink, MarkedCompressedSink, compressor_of
from kvsctl.files.sinks import PartFile
from kvsctl.records.cutting.compression import decompressed

_LINE = b'{"key":"k","value":"%d"}\n'
_SUFFIXES = pytest.mark.parametrize("suffix", [".gz", ".gzip", ".zst", ".ZST"])


class _Memory:
    """A sink in memory, which fails from a given size on."""

    def __init__(self, most_bytes: int = 10**9) -> None:
        self.content = b""
        self.broken: OSError | None = None
        self.pending_bytes = 3
        self.lost_bytes = 0
        self.ends: list[str] = []
        self._most_bytes = most_bytes

    def write(self, chunk: bytes) -> None:
        if len(self.content) + len(chunk) > self._most_bytes:
            self.broken = OSError(errno.ENOSPC, "No space left on device")
        if self.broken is None:
            self.content += chunk
        else:
            self.lost_bytes += len(chunk)

    def complete(self) -> None:
        self.ends.append("complete")

    def abandon(self) -> None:
        self.ends.append("abandon")


def _compress(suffix: str) -> Callable[[bytes], bytes]:
    compress = compressor_of(Path(f"out{suffix}"))
    assert compress is not None
    return compress


def _read(content: bytes) -> bytes:
    return b"".join(decompressed(iter([content]), "x.gz", lambda _: None))


@_SUFFIXES
@pytest.mark.parametrize("count", [0, 1, 200_000])
def test_it_is_read_back_as_it_was(suffix: str, count: int) -> None:
    memory = _Memory()
    sink = CompressedSink(memory, _compress(suffix))
    lines = [_LINE % place for place in range(count)]
    for line in lines:
        sink.write(line)
    assert sink.pending_bytes == 3
    sink.complete()
    assert memory.ends == ["complete"]
    assert memory.content
    assert _read(memory.content) == b"".join(lines)
    assert len(memory.content) < max(200, 10 * count)


@_SUFFIXES
def test_it_is_a_whole_archive_at_every_moment(suffix: str) -> None:
    memory = _Memory()
    sink = CompressedSink(memory, _compress(suffix))
    whole = 0
    for place in range(100_000):
        sink.write(_LINE % place)
        if len(memory.content) != whole:
            whole = len(memory.content)
            assert _read(memory.content).endswith(b"}\n")
    assert whole
    sink.abandon()
    assert memory.ends == ["abandon"]
    assert _read(memory.content) == b"".join(_LINE % place for place in range(100_000))


def test_a_full_disk_leaves_a_whole_archive() -> None:
    memory = _Memory(most_bytes=300_000)
    sink = CompressedSink(memory, _compress(".gz"))
    for place in range(200_000):
        sink.write(_LINE % place)
    assert sink.broken is not None
    assert _read(memory.content).endswith(b"}\n")


def test_a_mark_is_the_end_of_an_archive(tmp_path: Path) -> None:
    path, compress = tmp_path / "out.gz", _compress(".gz")
    sink = MarkedCompressedSink(PartFile(path), compress)
    sink.write(b"a\n")
    mark = sink.mark()
    assert sink.mark() == mark, "nothing new is written"
    sink.sync()
    assert gzip.decompress((tmp_path / "out.gz.part").read_bytes()) == b"a\n"
    sink.write(b"lost\n")
    sink.abandon()
    resumed = MarkedCompressedSink(PartFile(path, kept_bytes=mark), compress)
    resumed.write(b"b\n")
    resumed.complete()
    assert gzip.decompress(path.read_bytes()) == b"a\nb\n"


def test_nothing_more_is_an_empty_archive_only_if_there_is_nothing(tmp_path: Path) -> None:
    path, compress = tmp_path / "out.gz", _compress(".gz")
    MarkedCompressedSink(PartFile(path), compress).complete()
    assert gzip.decompress(path.read_bytes()) == b""
    sink = MarkedCompressedSink(PartFile(path), compress)
    sink.write(b"a\n")
    mark = sink.mark()
    sink.abandon()
    MarkedCompressedSink(PartFile(path, kept_bytes=mark), compress).complete()
    assert path.stat().st_size == mark


@pytest.mark.parametrize("name", ["out", "out.jsonl", "gz", "out.gz.part"])
def test_other_names_are_not_compressed(name: str) -> None:
    assert compressor_of(Path(name)) is None


@pytest.mark.parametrize("suffix", [".bz2", ".xz"])
def test_what_cannot_be_written_is_refused(suffix: str) -> None:
    with pytest.raises(UsageError, match="compressed as gzip or zstd only"):
        compressor_of(Path(f"out{suffix}"))


def test_without_the_library_it_says_so() -> None:
    code = (
        "import sys; sys.modules['backports'] = sys.modules['compression'] = None\n"
        "from pathlib import Path\n"
        "from kvsctl.files.compressed import compressor_of\n"
        "try: compressor_of(Path('x.zst'))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert printed == b"UsageError cannot write x.zst: this Python was built without zstd\n"
