"""Times in keys."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.selection.content.key_times import KeyTimes

_DAY = datetime(2026, 1, 31, tzinfo=UTC).timestamp()
_FORMATS = [
    *("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%Y-%j", "%Y-%m", "log-%Y-%m-%d", "%Y%m%d:%H", "x%m-%Yx"),
    *("%Y-%m-%d-%H-%M", "%Y%m%d%H%M%S", "%H:%M:%S.%f %Y-%m-%d", "%Y-%m-%d 50%%"),
]


@pytest.mark.parametrize(
    ("form", "key", "epoch"),
    [
        ("log-%Y-%m-%d", "log-2026-01-31", _DAY),
        ("log-%Y-%m-%d", "log-2026-01-31T12", _DAY),
        ("log-%Y-%m-%d", "app:log-2026-01-31:7", _DAY),
        ("%Y%m%d", "log:20260131", _DAY),
        ("%Y%m%d", "20260131", _DAY),
        ("%Y%m%d", "v2:20260131:v3", _DAY),
        ("%Y-%j", "2026-031", _DAY),
        ("%Y-%m", "2026-01-31", datetime(2026, 1, 1, tzinfo=UTC).timestamp()),
        ("%Y-%m-%d %H:%M", "2026-01-31 06:30", _DAY + 6.5 * 3600),
        ("%s", "job:1769817600:1", _DAY),
        ("%s", "job:1769817600123:1", _DAY + 0.123),
        ("%Y-%m-%d", "2026-01-31_2026-01-31", _DAY),
    ],
)
def test_the_time_may_stand_anywhere_in_the_key(form: str, key: str, epoch: float) -> None:
    assert KeyTimes(form, "--age-from").epoch_of(key) == epoch


@pytest.mark.parametrize(
    ("form", "key"),
    [
        ("log-%Y-%m-%d", "log"),
        ("log-%Y-%m-%d", "log-2026-1-31"),
        ("log-%Y-%m-%d", "log-2026-01-311"),
        ("%Y-%m-%d", "12026-01-31"),
        ("%Y-%m-%d", "2026-02-30"),
        ("%Y-%m-%d", "2026-13-01"),
        ("%Y-%j", "2026-366"),
        ("%Y-%j", "2026-000"),
        ("%Y%m%d", "120260131"),
        ("%Y-%m-%d", "1970-01-01"),
        ("%Y-%m-%d", "9999-12-31"),
        ("%Y-%m-%d", "0000-01-01"),
        ("%Y-%m-%d", "2026-01-31:2026-02-01"),
        ("%Y-%m-%d", "2026-02-30:2026-01-01"),
        ("%Y-%j", "2026-001:2026-366"),
        ("%Y-%m-%d", "٢٠٢٦-01-31"),
        ("%s", "job:176981760"),
        ("%s", "job:17698176001"),
    ],
)
def test_a_key_without_a_time_or_with_several_has_none(form: str, key: str) -> None:
    assert KeyTimes(form, "--age-from").epoch_of(key) is None


@given(
    st.datetimes(datetime(2001, 10, 1), datetime(2286, 1, 1)),
    st.sampled_from(_FORMATS),
    st.text("abcxyz:_#.-", max_size=6),
    st.text("abcxyz:_#.-", max_size=6),
)
def test_it_reads_what_strptime_reads(time: datetime, form: str, before: str, after: str) -> None:
    text = time.strftime(form)
    meant = datetime.strptime(text, form).replace(tzinfo=UTC)
    assert KeyTimes(form, "--x").epoch_of(before + text + after) == meant.timestamp()


@given(st.text("0123456789-:% Ymd", max_size=24), st.sampled_from(_FORMATS))
def test_no_key_makes_it_fail(key: str, form: str) -> None:
    epoch = KeyTimes(form, "--x").epoch_of(key)
    assert epoch is None or 10**9 <= epoch < 10**10


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("", "no time without"),
        ("log", "no time without"),
        ("%Y", "no time without"),
        ("%m", "%m needs %Y"),
        ("%Y-%d", "no time without"),
        ("%Y-%m-%H", "%H needs %d or %j"),
        ("%Y-%m-%d %M", "%M needs %H"),
        ("%Y-%m-%d %H:%M.%f", "%f needs %S"),
        ("%Y-%j-%d", "%j excludes %m and %d"),
        ("%Y-%Y-%m", "%Y is there twice"),
        ("%s-%Y", "%s excludes other directives"),
        ("%Q", 'unknown directive "%Q"'),
        ("%Y-%m-%", 'unknown directive "%"'),
    ],
)
def test_what_is_wrong_with_a_format_is_said(form: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f'--age-from "key:{form}": {reason}') as refused:
        KeyTimes(form, "--age-from")
    assert "key:log-%Y-%m-%d" in (refused.value.hint or "")
