"""How much may be deleted at most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.guards import MostDeleted


@pytest.mark.parametrize(
    ("text", "most"),
    [("0", MostDeleted(0)), ("1000", MostDeleted(1000)), ("5%", MostDeleted(percent=5.0)),
     ("0.5%", MostDeleted(percent=0.5)), ("100%", MostDeleted(percent=100.0)),
     (None, MostDeleted())],
)  # fmt: skip
def test_is_a_number_or_a_percentage(text: str | None, most: MostDeleted) -> None:
    assert MostDeleted.of(text, None) == most


@pytest.mark.parametrize("text", ["", "x", "-1", "5 %", "101%", "1e3", "%", "1.5", "٣"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--max-delete"):
        MostDeleted.of(text, None)


def test_bytes_are_a_size() -> None:
    assert MostDeleted.of(None, "10k") == MostDeleted(value_bytes=10_000)
    with pytest.raises(UsageError, match="--max-delete-bytes"):
        MostDeleted.of(None, "many")


@pytest.mark.parametrize(
    ("most", "count", "value_bytes", "listed", "is_too_much"),
    [
        (MostDeleted(), 10**9, 10**12, 1, False),
        (MostDeleted(3), 3, 0, 3, False),
        (MostDeleted(3), 4, 0, 100, True),
        (MostDeleted(0), 1, 0, 100, True),
        (MostDeleted(percent=5.0), 1, 0, 20, False),
        (MostDeleted(percent=5.0), 2, 0, 20, True),
        (MostDeleted(percent=5.0), 1, 0, 19, True),
        (MostDeleted(percent=0.1), 1, 0, 1000, False),
        (MostDeleted(percent=5.0), 1, 0, 0, True),
        (MostDeleted(value_bytes=10), 1, 10, 1, False),
        (MostDeleted(value_bytes=10), 1, 11, 1, True),
    ],
)
def test_exactly_the_limit_is_allowed(
    most: MostDeleted, count: int, value_bytes: int, listed: int, is_too_much: bool
) -> None:
    assert (most.excess(count, value_bytes, listed) is not None) is is_too_much


def test_the_reason_names_both_numbers() -> None:
    assert MostDeleted(1000).excess(1234, 0, 5000) == (
        "1,234 records would be deleted, and --max-delete is 1,000"
    )
    assert MostDeleted(percent=5.0).excess(60, 0, 1000) == (
        "60 records would be deleted, 6% of the 1,000 that were listed, and --max-delete is 5%"
    )
    assert MostDeleted(value_bytes=10).excess(1, 1234, 1) == (
        "1,234 bytes would be deleted, and --max-delete-bytes is 10"
    )


@given(st.integers(0, 100), st.integers(0, 1000), st.integers(0, 1000))
def test_a_percentage_is_that_of_what_was_listed(percent: int, count: int, listed: int) -> None:
    allowed = MostDeleted.of(f"{percent}%", None).excess(count, 0, listed) is None
    assert allowed is (100 * count <= percent * listed)
