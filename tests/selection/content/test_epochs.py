"""Times as apps keep them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.selection.content.epochs import EARLIEST, END, epoch_of

_NOON = 1_769_860_800  # 2026-01-31T12:00:00Z
_OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timedelta(minutes=minutes))
_TIMES = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))


@pytest.mark.parametrize(
    ("value", "epoch"),
    [
        (_NOON, _NOON),
        (_NOON * 1000, _NOON),
        (_NOON * 1000 + 1, _NOON + 0.001),
        (float(_NOON) + 0.5, _NOON + 0.5),
        (_NOON * 1000 + 0.5, _NOON + 0.0005),
        (Decimal(_NOON), _NOON),
        (str(_NOON), _NOON),
        (f"{_NOON}.25", _NOON + 0.25),
        (str(_NOON * 1000), _NOON),
        ("2026-01-31T12:00:00Z", _NOON),
        ("2026-01-31t12:00:00z", _NOON),
        ("2026-01-31 12:00", _NOON),
        ("2026-01-31T12:00:00.500Z", _NOON + 0.5),
        ("2026-01-31T12:00:00,500000000Z", _NOON + 0.5),
        ("2026-01-31T14:00:00+02:00", _NOON),
        ("2026-01-31T14:00:00+0200", _NOON),
        ("2026-01-31T14:00+02", _NOON),
        ("2026-01-31T00:00:00-12:00", _NOON),
        ("2026-01-31", _NOON - 12 * 3600),
        (EARLIEST, EARLIEST),
        ("2286-11-20T17:46:39Z", END - 1),
    ],
)
def test_a_time_is_a_number_of_10_or_13_digits_or_iso_8601(value: Any, epoch: float) -> None:
    assert epoch_of(value) == epoch


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, [], {}, [_NOON], {"time": _NOON}),
        *(0, -1, 1, -_NOON, -_NOON * 1000, EARLIEST - 1, END, EARLIEST * 1000 - 1, END * 1000),
        *(2026, 20260131, 202601311200, 20260131120000, _NOON * 10**6, _NOON * 10**9),
        *(10**400, -(10**400), 1e300, float("inf"), float("nan"), Decimal("1e5000")),
        *("", "0", "never", "soon", str(-_NOON), f"+{_NOON}", f" {_NOON}", f"{_NOON}e0"),
        *("20260131", "2026-W05-6", "2026-031", "2026-1-31", "2026-01", "26-01-31"),
        *(
            "2026-02-30",
            "2026-13-01",
            "2026-01-31T24:00",
            "2026-01-31T12:60",
            "2026-01-31T12:00:60",
        ),
        *("2026-01-31T", "2026-01-31T12", "2026-01-31X12:00", "2026-01-31T12:00:00 GMT"),
        *("2026-01-31Z", "2026-01-31T12:00+24:00", "2026-01-31T12:00:00.1234567890Z"),
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1970-01-01", "9999-12-31"),
        *("9999-12-31T23:59:59-23:59", "+002026-01-31T12:00:00Z", "2026-01-31\n", "٢٠٢٦-01-31"),
        "Sat Jan 31 2026 12:00:00 GMT+0000",
    ],
    ids=repr,
)
def test_anything_else_is_not_a_time(value: Any) -> None:
    assert epoch_of(value) is None


@given(_TIMES, _OFFSETS, st.sampled_from(["seconds", "milliseconds", "microseconds"]))
def test_a_text_means_what_its_writer_meant(time: datetime, offset: timedelta, form: str) -> None:
    aware = time.replace(tzinfo=timezone(offset))
    text = aware.isoformat(timespec=form)
    meant = datetime.fromisoformat(text).timestamp()
    expected = meant if EARLIEST <= meant < END else None
    assert epoch_of(text) == expected
    assert epoch_of(text.replace("T", " ")) == expected
    in_utc = aware.astimezone(UTC).isoformat(timespec=form).replace("+00:00", "Z")
    assert epoch_of(in_utc) == expected


@given(st.integers() | st.integers(EARLIEST * 999, END * 1001) | st.integers(0, END * 2))
def test_seconds_and_milliseconds_have_different_numbers_of_digits(number: int) -> None:
    digits = len(str(abs(number))) if number > 0 else 0
    expected = {10: float(number), 13: number / 1000}.get(digits) if digits in (10, 13) else None
    assert epoch_of(number) == epoch_of(Decimal(number)) == expected


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.+Z-]{0,16}"))
def test_no_text_makes_it_fail(text: str) -> None:
    epoch = epoch_of(text)
    assert epoch is None or EARLIEST <= epoch < END
