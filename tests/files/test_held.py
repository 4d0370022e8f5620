"""Output to a stream that is held back until it is complete."""

import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.files.held import HeldSink
from kvsctl.files.sinks import ByteSink, DescriptorWriter
from tests.files.conftest import MEGABYTE, read_exactly

_CHUNKS = st.lists(st.binary(max_size=50) | st.just(MEGABYTE[:300_000]), max_size=8)


def _into(fd: int) -> HeldSink:
    def opened(moved: Callable[[], None]) -> ByteSink:
        return DescriptorWriter(fd, moved)

    return HeldSink(opened)


@given(_CHUNKS)
def test_everything_arrives_in_order_once_it_is_complete(chunks: list[bytes]) -> None:
    with tempfile.TemporaryFile() as file:
        sink = _into(file.fileno())
        for chunk in chunks:
            sink.write(chunk)
            assert os.fstat(file.fileno()).st_size == 0
        assert sink.pending_bytes == 0
        sink.complete()
        assert (sink.broken, sink.lost_bytes) == (None, 0)
        file.seek(0)
        assert file.read() == b"".join(chunks)


def test_nothing_of_it_arrives_if_it_is_abandoned() -> None:
    with tempfile.TemporaryFile() as file:
        sink = _into(file.fileno())
        for _ in range(3):
            sink.write(MEGABYTE)
        sink.abandon()
        assert sink.broken is None
        assert os.fstat(file.fileno()).st_size == 0


def test_a_slow_reader_gets_it_in_bounded_memory(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    most = 0
    sinks: list[ByteSink] = []

    def opened(moved: Callable[[], None]) -> ByteSink:
        def note() -> None:
            nonlocal most
            most = max(most, sinks[0].pending_bytes)
            moved()

        sinks.append(DescriptorWriter(writer, note))
        return sinks[0]

    sink = HeldSink(opened)
    for _ in range(4):
        sink.write(MEGABYTE)
    completing = threading.Thread(target=sink.complete)
    completing.start()
    assert read_exactly(reader, 4 * len(MEGABYTE)) == MEGABYTE * 4
    completing.join()
    assert sink.broken is None
    assert most < len(MEGABYTE)


def test_a_reader_that_is_gone_ends_it(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    sink = _into(writer)
    sink.write(MEGABYTE)
    sink.complete()
    assert isinstance(sink.broken, BrokenPipeError)
    assert sink.lost_bytes > 0


def test_a_folder_without_room_is_named_and_nothing_arrives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with tempfile.TemporaryFile() as file:
        sink = _into(file.fileno())
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        sink.write(MEGABYTE * 2)
        sink.write(b"more")
        assert str(tmp_path / "missing") in str(sink.broken)
        sink.complete()
        assert sink.lost_bytes == 2 * len(MEGABYTE) + 4
        assert os.fstat(file.fileno()).st_size == 0
