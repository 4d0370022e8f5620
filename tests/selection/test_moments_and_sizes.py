"""Durations, times and sizes as people write them."""

import pytest

from kvsctl.durations import duration_seconds, duration_text, fractional_seconds
from kvsctl.errors import UsageError
from kvsctl.selection.moments import Age, epoch_of, moment_of
from kvsctl.selection.sizes import size_bytes

_NOW = 1_000_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("30m", 1800), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600), ("45", 45)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert duration_seconds(text, "--max-duration") == seconds


@pytest.mark.parametrize(("text", "seconds"), [("45s", 45), ("30m", 1800), ("7d", 604_800)])
def test_an_age_counts_back_from_now(text: str, seconds: int) -> None:
    age = moment_of(text, "--older-than")
    assert age == Age(seconds)
    assert epoch_of(age, _NOW) == _NOW - seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5.0), ("2m", 120.0), ("0.5", 0.5), ("1.5m", 90.0), ("0.25s", 0.25), ("1e3", 1000.0)],
)
def test_some_durations_have_a_fraction(text: str, seconds: float) -> None:
    assert fractional_seconds(text, "--timeout") == seconds


@pytest.mark.parametrize("text", ["", "s", "5 s", "5y", "5ms", "1e3s", "soon"])
def test_other_texts_are_no_duration_with_a_fraction(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--timeout .*: not a duration$") as refused:
        fractional_seconds(text, "--timeout")
    assert refused.value.hint == "Write it as 0.5s, 45s or 2m."


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("2026-01-31", 1_769_817_600),
        ("2026-01-31T12:00:00Z", 1_769_860_800),
        ("2026-01-31T12:00:00+02:00", 1_769_853_600),
        ("2026-01-31 12:00", 1_769_860_800),
    ],
)
def test_a_time_without_an_offset_is_utc(text: str, epoch: int) -> None:
    moment = moment_of(text, "--newer-than")
    assert moment == epoch_of(moment, _NOW) == epoch


@pytest.mark.parametrize("text", ["", "1e3", "d", "30 d", "-3d", "1.5d", "30y", "yesterday"])
def test_anything_else_is_refused_with_the_option(text: str) -> None:
    with pytest.raises(UsageError, match="--older-than") as refused:
        moment_of(text, "--older-than")
    assert "30d" in (refused.value.hint or "")
    with pytest.raises(UsageError, match="not a duration"):
        duration_seconds(text, "--older-than")


@pytest.mark.parametrize("text", ["0", "30", "2026", "20260131"])
def test_a_number_is_no_age_as_it_may_mean_days_seconds_or_a_date(text: str) -> None:
    with pytest.raises(UsageError, match=f'^--older-than "{text}": an age without a unit$'):
        moment_of(text, "--older-than")
    assert duration_seconds(text, "--max-duration") == int(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500", 500),
        ("10k", 10_000),
        ("10Ki", 10_240),
        ("10KiB", 10_240),
        ("1.5M", 1_500_000),
        ("2g", 2 * 10**9),
    ],
)
def test_a_size_has_a_decimal_or_binary_unit(text: str, size: int) -> None:
    assert size_bytes(text, "--larger-than") == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1x", "1i", "1e3", "0x10"])
def test_what_is_not_a_size_is_refused_with_the_option(text: str) -> None:
    with pytest.raises(UsageError, match=r"--larger-than .*: not a size"):
        size_bytes(text, "--larger-than")


@pytest.mark.parametrize("text", ["45s", "61s", "55m", "90m", "12h", "1d", "7d", "0s"])
def test_a_duration_is_shown_in_its_shortest_form(text: str) -> None:
    assert duration_text(duration_seconds(text, "--x")) == text
    assert duration_text(3600) == "1h"
