"""Sorting entries in bounded memory."""

import errno
import tempfile
from collections.abc import Iterable, Iterator
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.comparison.entries import Entry
from kvsctl.comparison.memory import SortingMemory
from kvsctl.comparison.sorting import Sorter
from kvsctl.errors import StreamError


def _sorted(
    entries: Iterable[Entry], *, most_bytes: int = 48 << 20, most_parts: int = 64
) -> Iterator[Entry]:
    sorter = Sorter(Entry, memory=SortingMemory(most_bytes), most_parts=most_parts)
    for entry in entries:
        sorter.add(entry)
    return sorter.sorted()


_texts = st.text(st.characters(categories=None) | st.sampled_from("ab\ud800\x00"), max_size=3)
_entries = st.lists(
    st.builds(Entry, st.sampled_from(["", "city", "city.x"]), _texts, st.binary(max_size=40))
)


@given(_entries, st.integers(1, 2000), st.integers(2, 4))
def test_entries_are_sorted_and_equal_ones_keep_their_order(
    entries: list[Entry], most_bytes: int, most_parts: int
) -> None:
    found = list(_sorted(entries, most_bytes=most_bytes, most_parts=most_parts))
    assert found == sorted(entries, key=itemgetter(0, 1))
    assert all(type(entry) is Entry for entry in found)


def test_memory_is_bounded_and_there_is_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    open_files: set[int] = set()
    real = tempfile.TemporaryFile

    def counted() -> object:
        file = real()
        open_files.add(id(file))
        made.append(len(open_files))
        close = file.close

        def closing() -> None:
            open_files.discard(id(file))
            close()

        file.close = closing  # type: ignore[method-assign]
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", counted)
    read = 0

    def entries() -> Iterator[Entry]:
        nonlocal read
        for number in range(2000):
            read += 1
            yield Entry("", f"{number * 7919 % 2000:04}", b"x" * 100)

    found = _sorted(entries(), most_bytes=10 * 400, most_parts=5)
    assert next(found).key == "0000"
    assert read == 2000
    assert [entry.key for entry in found] == [f"{number:04}" for number in range(1, 2000)]
    assert set(made) == {1}
    assert not open_files


def test_nothing_is_written_if_all_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    entries = [Entry("", "b", b""), Entry("", "a", b"")]
    assert [one.key for one in _sorted(entries)] == ["a", "b"]


def test_a_full_disk_is_an_error_that_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    entries = [Entry("", "b", b""), Entry("", "a", b"")]
    with pytest.raises(StreamError, match=r"cannot sort the input in .*: No space left"):
        list(_sorted(entries, most_bytes=1))
