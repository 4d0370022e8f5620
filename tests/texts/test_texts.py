"""Counts and moments as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.texts import counted, utc_text

_moments = st.datetimes(
    min_value=datetime(1900, 1, 2),
    max_value=datetime(2900, 1, 1),
    timezones=st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23))),
)


@given(_moments)
def test_the_text_is_the_same_moment_in_utc_to_the_millisecond(moment: datetime) -> None:
    text = utc_text(moment)
    assert text.endswith("Z")
    assert len(text) == len("2026-01-31T12:00:00.000Z")
    lost = moment - datetime.fromisoformat(text)
    assert timedelta(0) <= lost < timedelta(milliseconds=1)


def test_seconds_are_enough_for_people() -> None:
    moment = datetime(2026, 1, 31, 13, 30, 5, 987_654, timezone(timedelta(hours=1)))
    assert utc_text(moment, timespec="seconds") == "2026-01-31T12:30:05Z"
    assert utc_text(moment.astimezone(UTC)) == "2026-01-31T12:30:05.987Z"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 records"), (1, "1 record"), (2, "2 records"), (1_204, "1,204 records")],
)
def test_a_count_has_its_noun(count: int, text: str) -> None:
    assert counted(count, "record") == text
