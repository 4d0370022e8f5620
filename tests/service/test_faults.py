import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.service.faults import (
    Fault,
    FaultKind,
    http_date,
    kind_of_status,
    means_full_storage,
    means_later,
    retry_after,
)
from tests.support.naming import short

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@pytest.fixture(params=["UTC", "America/New_York"])
def zone(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The meaning of a header does not depend on the time zone of the machine."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "RATE_LIMIT_EXCEEDED", FaultKind.THROTTLED),
        (429, "HTTP_429", FaultKind.THROTTLED),
        (400, "TOO_MANY_REQUESTS", FaultKind.THROTTLED),
        (503, "REQUEST_THROTTLED", FaultKind.THROTTLED),
        (401, "UNAUTHORIZED", FaultKind.UNAUTHORISED),
        (403, "FORBIDDEN", FaultKind.FORBIDDEN),
        (407, "HTTP_407", FaultKind.PROXY_REFUSED),
        (500, "INTERNAL_SERVER_ERROR", FaultKind.TROUBLED),
        (502, "HTTP_502", FaultKind.TROUBLED),
        (503, "HTTP_503", FaultKind.TROUBLED),
        (504, "HTTP_504", FaultKind.TROUBLED),
        (599, "HTTP_599", FaultKind.TROUBLED),
        (408, "HTTP_408", FaultKind.TROUBLED),
        (425, "HTTP_425", FaultKind.TROUBLED),
        (400, "TOO_MANY_BATCH_ENTITIES", FaultKind.REFUSED),
        (404, "SCHEMA_NOT_FOUND", FaultKind.REFUSED),
        (413, "HTTP_413", FaultKind.REFUSED),
        (422, "UNPROCESSABLE_ENTITY", FaultKind.REFUSED),
        (301, "HTTP_301", FaultKind.MISDIRECTED),
        (204, "HTTP_204", FaultKind.MISDIRECTED),
        (101, "HTTP_101", FaultKind.MISDIRECTED),
    ],
)
def test_the_kind_of_a_status(status: int, code: str, kind: FaultKind) -> None:
    assert kind_of_status(status, code) is kind


@pytest.mark.parametrize(
    ("status", "code", "is_throttled", "is_rate_limited"),
    [
        (429, "RATE_LIMIT_EXCEEDED", True, True),
        (429, "HTTP_429", True, True),
        (503, "TOO_MANY_REQUESTS", True, True),
        (429, "REQUEST_THROTTLED", True, False),
        (503, "REQUEST_THROTTLED", True, False),
        (503, "SERVICE_UNAVAILABLE", False, False),
        (400, "INVALID_KEY", False, False),
        (401, "UNAUTHORIZED", False, False),
    ],
)
def test_full_storage_is_throttling_that_slowing_down_does_not_cure(
    status: int, code: str, is_throttled: bool, is_rate_limited: bool
) -> None:
    fault = Fault(kind_of_status(status, code), code, "m", status)
    assert (fault.is_throttled, fault.is_rate_limited) == (is_throttled, is_rate_limited)
    assert means_full_storage(code) == (code == "REQUEST_THROTTLED")


@pytest.mark.parametrize("kind", FaultKind)
def test_unanswered_and_troubled_requests_may_be_applied(kind: FaultKind) -> None:
    assert Fault(kind, "X", "m").may_be_applied == (kind.name in ("UNANSWERED", "TROUBLED"))


@pytest.mark.parametrize(
    ("status", "may_be"), [(101, True), (201, True), (204, True), (302, False), (403, False)]
)
def test_an_unexpected_2xx_or_a_protocol_switch_may_be_applied(status: int, may_be: bool) -> None:
    kind = kind_of_status(status, f"HTTP_{status}")
    assert Fault(kind, f"HTTP_{status}", "m", status).may_be_applied is may_be


@pytest.mark.parametrize(
    ("code", "later"),
    [
        ("RATE_LIMIT_EXCEEDED", True),
        ("TOO_MANY_REQUESTS", True),
        ("REQUEST_THROTTLED", True),
        ("INTERNAL_SERVER_ERROR", True),
        ("SERVICE_UNAVAILABLE", True),
        ("KEY_NOT_FOUND", False),
        ("INVALID_KEY", False),
        ("", False),
    ],
)
def test_which_codes_may_succeed_on_a_retry(code: str, later: bool) -> None:
    assert means_later(code) == later


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": " 30 "}, 30.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after": "1767225630"}, 30.0),
        ({"retry-after": "1767225630000"}, 30.0),
        ({"retry-after": "1767225630000000"}, 30.0),
        ({"retry-after": "1767225630000000000"}, 30.0),
        ({"retry-after": "1767225500"}, 0.0),
        ({"retry-after": "1767225500000"}, 0.0),
        ({"retry-after": "100000000"}, 100_000_000.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:20 GMT"}, 20.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:20 -0000"}, 20.0),
        ({"retry-after": "Thursday, 01-Jan-26 00:00:20 GMT"}, 20.0),
        ({"retry-after": "Wed, 31 Dec 2025 23:59:00 GMT"}, 0.0),
        ({"x-ratelimit-reset": "1767225630"}, 30.0),
        ({"x-ratelimit-reset": "1767225630.5"}, 30.5),
        ({"x-ratelimit-reset": "1767225630000"}, 30.0),
        ({"x-ratelimit-reset": "2026-01-01T00:00:30Z"}, 30.0),
        ({"x-ratelimit-reset": "2026-01-01T00:00:30.250+00:00"}, 30.25),
        ({"x-ratelimit-reset": "2026-01-01T01:00:30+01:00"}, 30.0),
        ({"x-ratelimit-reset": "2026-01-01T00:00:30"}, 30.0),
        ({"x-ratelimit-reset": "2026-01-01T00:00Z"}, 0.0),
        ({"x-ratelimit-reset": "1767225500"}, 0.0),
        ({"x-ratelimit-reset": "45"}, 45.0),
        ({"retry-after": "5", "x-ratelimit-reset": "1767225630"}, 5.0),
        ({"retry-after": "soon", "x-ratelimit-reset": "1767225630"}, 30.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "9" * 5_000}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"x-ratelimit-reset": "later"}, None),
        ({"x-ratelimit-reset": "nan"}, None),
        ({"x-ratelimit-reset": ""}, None),
    ],
    ids=short,
)
def test_the_requested_wait_is_read_in_every_form(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers, NOW) == seconds


_WORDS = st.lists(
    st.sampled_from(
        [
            "Mon,",
            "Thu",
            "01",
            "31",
            "Jan",
            "Feb",
            "2026",
            "0001",
            "9999",
            "00:00:00",
            "24:61:99",
            "GMT",
            "-0000",
            "+9999",
            "-",
            ":",
            "T",
            "Z",
            "99999999999",
        ]
    ),
    max_size=7,
)


@given(st.text(max_size=20) | _WORDS.map(" ".join) | _WORDS.map("".join))
def test_no_header_raises_or_gives_a_negative_wait(text: str) -> None:
    for name in ("retry-after", "x-ratelimit-reset"):
        seconds = retry_after({name: text}, NOW)
        assert seconds is None or seconds >= 0


@given(st.datetimes(min_value=datetime(1900, 1, 1)), st.data())
def test_a_common_date_is_the_one_that_the_email_package_reads(
    moment: datetime, data: st.DataObject
) -> None:
    written = format_datetime(moment.replace(tzinfo=UTC), usegmt=True)
    assert http_date(written) == moment.replace(microsecond=0, tzinfo=UTC).timestamp()
    place = data.draw(st.integers(0, len(written) - 1))
    changed = written[:place] + data.draw(st.sampled_from("019 :Jx")) + written[place + 1 :]
    try:
        expected = parsedate_to_datetime(changed)
    except (ValueError, TypeError, IndexError, OverflowError):
        assert http_date(changed) is None
    else:
        assert http_date(changed) == expected.replace(tzinfo=expected.tzinfo or UTC).timestamp()
