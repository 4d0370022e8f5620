"""Memory that several sorters share."""

import errno
import tempfile
from collections.abc import Iterator
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.comparison.entries import Entry
from kvsctl.comparison.memory import SortingMemory
from kvsctl.comparison.pages import PAGE_BYTES
from kvsctl.comparison.sorting import Sorter
from kvsctl.errors import StreamError

_ENTRIES = 300
"""What an entry counts besides its body."""


def _sorters(memory: SortingMemory, count: int, most_parts: int = 64) -> list[Sorter[Entry]]:
    return [Sorter(Entry, memory=memory, most_parts=most_parts) for _ in range(count)]


def _entry(number: int, size: int = 0) -> Entry:
    return Entry("", f"key{number * 7919 % 10_007:05}", bytes(size))


_steps = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["add", "add", "add", "read", "close"])),
    max_size=80,
)


@given(_steps, st.integers(1, 6000), st.integers(2, 4))
def test_each_yields_its_own_and_all_is_freed(
    steps: list[tuple[int, str]], most_bytes: int, most_parts: int
) -> None:
    memory = SortingMemory(most_bytes)
    sorters = _sorters(memory, 4, most_parts)
    added: list[list[Entry]] = [[] for _ in sorters]
    readers: dict[int, Iterator[Entry]] = {}
    for number, (which, step) in enumerate(steps):
        if step == "add" and which not in readers:
            added[which].append(Entry("", f"k{number % 7}", b"%d" % number))
            sorters[which].add(added[which][-1])
        elif step == "read":
            wanted = sorted(added[which], key=itemgetter(0, 1))
            if which not in readers:
                readers[which] = sorters[which].sorted()
                added[which] = wanted
            found = next(readers[which], None)
            assert found == (added[which].pop(0) if added[which] else None)
        elif step == "close":
            sorters[which].close()
            added[which].clear()
            readers[which] = iter(())
    for which, sorter in enumerate(sorters):
        rest = list(readers.get(which) or sorter.sorted())
        assert rest == sorted(added[which], key=itemgetter(0, 1))
        sorter.close()
    assert memory.held_bytes == memory.pages.pages == 0
    assert memory.pages.descriptor is None


@pytest.mark.parametrize("count", [1, 10, 50])
@pytest.mark.parametrize("entries", [1_000, 4_000])
def test_what_is_held_does_not_grow_with_sorters_or_entries(count: int, entries: int) -> None:
    memory = SortingMemory(4 << 20)
    sorters = _sorters(memory, count)
    for number in range(entries):
        for sorter in sorters:
            sorter.add(_entry(number))
    if count * entries * _ENTRIES < memory.most_bytes:
        assert memory.pages.descriptor is None
    else:
        assert memory.pages.descriptor is not None
    readers = [sorter.sorted() for sorter in sorters]
    assert [len(list(reader)) for reader in readers] == [entries] * count
    assert memory.most_held_bytes <= memory.most_bytes + count * memory.least_bytes
    assert memory.held_bytes == 0


def test_the_largest_goes_to_disk_and_small_ones_stay_in_memory() -> None:
    memory = SortingMemory(1 << 20)
    small, large = _sorters(memory, 2)
    for number in range(10):
        small.add(_entry(number))
    for number in range(5_000):
        large.add(_entry(number))
    assert small.held_bytes == 10 * _ENTRIES
    assert large.held_bytes < memory.most_bytes
    large.close()
    small.close()
    assert memory.held_bytes == 0


def test_many_small_ones_are_not_written_entry_by_entry() -> None:
    """Each part must be worth a request to the disk, though all together hold too much."""
    memory = SortingMemory(1 << 20)
    sorters = _sorters(memory, 100)
    for number in range(300):
        for sorter in sorters:
            sorter.add(_entry(number))
    parts = sum(len(level) for sorter in sorters for level in sorter._levels)
    assert 0 < parts <= 100 * 300 * _ENTRIES / memory.least_bytes
    for sorter in sorters:
        sorter.close()


def test_space_that_was_read_is_used_again() -> None:
    memory = SortingMemory(100_000)
    for round_number in range(5):
        [sorter] = _sorters(memory, 1)
        other = Sorter(Entry, memory=memory)
        for number in range(4_000):
            sorter.add(_entry(number, 50))
        other.add(_entry(1))
        assert memory.pages.pages * PAGE_BYTES < 700_000, round_number
        assert len(list(sorter.sorted())) == 4_000
        other.close()


def test_only_the_sorter_that_lost_entries_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = SortingMemory(200_000)
    large, small = _sorters(memory, 2)
    for number in range(500):
        large.add(_entry(number))

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    for number in range(300):
        small.add(_entry(number))
    assert len(list(small.sorted())) == 300
    with pytest.raises(StreamError, match="No space left"):
        list(large.sorted())
    large.close()
    assert memory.held_bytes == 0
