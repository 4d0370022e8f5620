"""Samples: a stable part of the entries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.comparison.entries import Entry
from kvsctl.comparison.sampling import Sample, sample_of
from kvsctl.errors import UsageError


def test_a_sample_has_about_its_part_of_the_entries() -> None:
    sample = sample_of("3/20")
    chosen = [n for n in range(10_000) if sample.chooses(Entry("", f"k{n}", b""))]
    assert 1350 < len(chosen) < 1650
    assert (str(sample), sample.is_all) == ("3/20", False)


def test_a_sample_is_the_same_in_every_run() -> None:
    sample = Sample(1, 5)
    chosen = [n for n in range(30) if sample.chooses(Entry("city", f"k{n}", b""))]
    assert chosen == [n for n in range(30) if sample.chooses(Entry("city", f"k{n}", b"other"))]
    assert chosen == [3, 6, 13, 18]


@given(st.integers(1, 9), st.text(max_size=5))
def test_a_whole_sample_has_every_entry(count: int, key: str) -> None:
    sample = sample_of(f"{count}/{count}")
    assert sample.chooses(Entry("", key, b""))
    assert str(sample) == "all"


@pytest.mark.parametrize("text", ["", "1", "1/", "0/5", "6/5", "-1/5", "1/5/6", "0.5", "1/0"])
def test_what_is_not_a_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a part"):
        sample_of(text)


def test_a_sample_may_be_very_small() -> None:
    assert sample_of("1/999999999") == Sample(1, 999_999_999)
