from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.limits import DEFAULT_LIMITS as LIMITS
from kvsctl.records.checks import Breach
from kvsctl.records.ttl import Ttl, parse_expire_time, parse_ttl
from tests.support.naming import short

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["value", "unit", "x"]), inner),
    max_leaves=4,
)
YEAR_SECONDS = LIMITS.ttl_seconds


class TestParseTtl:
    @pytest.mark.parametrize(
        ("given", "ttl"),
        [
            ("45s", Ttl(45, "SECONDS")),
            ("30m", Ttl(30, "MINUTES")),
            ("12h", Ttl(12, "HOURS")),
            ("7d", Ttl(7, "DAYS")),
            ("365d", Ttl(365, "DAYS")),
            ({"value": 7, "unit": "DAYS"}, Ttl(7, "DAYS")),
            ({"unit": "SECONDS", "value": YEAR_SECONDS}, Ttl(YEAR_SECONDS, "SECONDS")),
        ],
    )
    def test_reads_its_forms(self, given: Any, ttl: Ttl) -> None:
        assert parse_ttl(given, LIMITS) == ttl

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "7",
            "7 d",
            "7w",
            "-7d",
            "1.5h",
            "0s",
            "366d",
            "999999999999d",
            "9999999999999d",
            "\u0667d",
            "7d\n",
            "9" * 5_000,
            "9" * 5_000 + "d",
            7,
            None,
            [],
            {"value": 0, "unit": "DAYS"},
            {"value": -1, "unit": "DAYS"},
            {"value": 366, "unit": "DAYS"},
            {"value": True, "unit": "DAYS"},
            {"value": 1.0, "unit": "DAYS"},
            {"value": "9" * 5_000, "unit": "DAYS"},
            {"value": 10**4_000, "unit": "DAYS"},
            {"value": 1, "unit": "days"},
            {"value": 1, "unit": "WEEKS"},
            {"value": 1, "unit": []},
            {"value": 1},
            {"value": 1, "unit": "DAYS", "x": 1},
        ],
        ids=short,
    )
    def test_refuses_the_rest(self, given: Any) -> None:
        breach = parse_ttl(given, LIMITS)
        assert isinstance(breach, Breach)
        assert breach.code == "INVALID_TTL"
        assert len(breach.message) < 200

    @given(ANYTHING)
    def test_never_raises(self, given: Any) -> None:
        assert isinstance(parse_ttl(given, LIMITS), Ttl | Breach)

    def test_its_json_is_what_the_service_reads(self) -> None:
        assert Ttl(7, "DAYS").json == b'{"ttl":{"value":7,"unit":"DAYS"}}'


class TestParseExpireTime:
    @given(
        st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=-30))]))
    )
    def test_reads_any_instant(self, moment: datetime) -> None:
        assert parse_expire_time(moment.isoformat()) == moment

    def test_reads_what_the_service_writes(self) -> None:
        moment = datetime(2026, 1, 1, 0, 0, 0, 500_000, UTC)
        assert parse_expire_time("2026-01-01T00:00:00.500Z") == moment

    @pytest.mark.parametrize(
        "given", ["", "soon", "2026-01-01", "2026-01-01T00:00:00", 1_767_225_600, {}, "\ud800", "Z"]
    )
    def test_refuses_text_that_is_not_an_instant(self, given: Any) -> None:
        breach = parse_expire_time(given)
        assert isinstance(breach, Breach)
        assert breach.code == "INVALID_TTL"
        assert "2026-12-31T23:59:59Z" in breach.message

    @given(ANYTHING)
    def test_never_raises(self, given: Any) -> None:
        assert isinstance(parse_expire_time(given), datetime | Breach)
