"""Sorted entries in a file that many read at the same time."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.comparison import stored
from kvsctl.comparison.entries import Block, Entry
from kvsctl.comparison.stored import StoredEntries
from kvsctl.errors import StreamError
from tests.support.needs import IS_POSIX, only_on

_NAMES = st.text(st.sampled_from("ab\ud800é\x00"), max_size=3)
_ENTRIES = st.dictionaries(st.tuples(_NAMES, _NAMES), st.binary(max_size=90), max_size=40).map(
    lambda drawn: [Entry(*identity, drawn[identity]) for identity in sorted(drawn)]
)


def _kept(entries: Sequence[Entry]) -> StoredEntries:
    kept = StoredEntries("the records", "Make room.")
    half = len(entries) // 2
    kept.add(entries[:half])
    kept.add(iter(entries[half:]))
    return kept


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_BLOCK_BYTES", 120)
    monkeypatch.setattr(stored, "_BLOCK_ENTRIES", 3)


def _all(blocks: Iterator[Block]) -> list[Entry]:
    return [entry for block in blocks for entry in block]


@given(_ENTRIES)
def test_all_entries_are_read_as_often_as_they_are_wanted(entries: list[Entry]) -> None:
    kept = _kept(entries)
    assert _all(kept.blocks()) == entries
    one, other = kept.blocks(), kept.blocks()
    pairs = zip(one, other, strict=True)
    assert _all(block for pair in pairs for block in pair[:1]) == entries
    assert _all(kept.blocks()) == entries
    kept.close()


@given(_ENTRIES, st.tuples(_NAMES, _NAMES))
def test_reading_begins_at_the_block_of_an_identity(
    entries: list[Entry], start: tuple[str, str]
) -> None:
    kept = _kept(entries)
    found = _all(kept.blocks(start))
    rest = [one for one in entries if one[:2] >= start]
    assert found[len(found) - len(rest) :] == rest
    assert sum(one[:2] < start for one in found) <= 3
    kept.close()


@only_on(IS_POSIX, "files that are open can be removed there")
def test_the_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = _kept([Entry("", "a", b"1")])
    assert list(tmp_path.iterdir()) == []
    assert _all(kept.blocks()) == [Entry("", "a", b"1")]
    kept.close()


def test_a_folder_that_is_missing_is_an_error_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(StreamError, match=r"cannot keep the records in .*none: No such file"):
        _kept([Entry("", "a", b"1")])


def test_nothing_is_left_of_a_closed_one() -> None:
    kept = _kept([Entry("", "a", b"1")])
    kept.close()
    kept.close()
    assert _all(kept.blocks()) == []
