"""Quotas: units, the three kinds of windows, and what a 429 says."""

from typing import Any

import pytest

from kvsctl.emulator.switches.quota import BucketWindow, FixedWindow, QuotaOptions, RollingWindow
from kvsctl.limits import Limits
from tests.emulator.support import START_MS, Desk, OpenDesk


def test_a_fixed_window_starts_anew_at_multiples_of_its_length() -> None:
    window = FixedWindow(10, 1000)
    window.use(500, 10)
    assert window.wait_ms(900, 1) == 100
    assert window.wait_ms(1000, 10) == 0


def test_a_sliding_window_frees_what_lies_back() -> None:
    window = RollingWindow(10, 1000)
    window.use(0, 4)
    window.use(500, 6)
    assert window.wait_ms(600, 4) == 400
    assert window.wait_ms(600, 5) == 900
    assert window.wait_ms(1000, 4) == 0
    assert window.wait_ms(1000, 5) == 500


def test_a_bucket_refills_evenly() -> None:
    window = BucketWindow(10, 1000)
    window.use(0, 10)
    assert window.wait_ms(0, 1) == 100
    assert window.wait_ms(500, 5) == 0
    window.use(500, 7)
    assert window.wait_ms(500, 1) == 300
    assert window.wait_ms(5000, 10) == 0


@pytest.mark.parametrize("kind", [FixedWindow, RollingWindow, BucketWindow])
def test_a_request_past_the_whole_limit_gets_in_alone(kind: Any) -> None:
    window = kind(10, 1000)
    assert window.wait_ms(0, 11) == 0
    window.use(0, 11)
    assert window.wait_ms(1, 1) > 0


@pytest.mark.parametrize("kind", [FixedWindow, RollingWindow, BucketWindow])
def test_what_is_given_back_may_be_used(kind: Any) -> None:
    window = kind(10, 1000)
    window.use(0, 10)
    window.use(0, -4)
    assert window.wait_ms(0, 4) == 0
    assert window.wait_ms(0, 5) > 0


def limited(desks: OpenDesk, **quota: Any) -> Any:
    options = {"limits": Limits(unit_bytes=100)} | quota.pop("options", {})
    return desks(quota=QuotaOptions(**quota), **options)


def statuses(desk: Desk, path: Any, body: Any, times: Any) -> Any:
    return [desk.post(path, body).status_code for _ in range(times)]


def test_requests_a_second(desks: OpenDesk) -> None:
    desk = limited(desks, requests_per_second=2)
    assert statuses(desk, "/v1/batch/get", [{"key": "a"}], 3) == [200, 200, 429]
    response = desk.post("/v1/batch/get", [{"key": "a"}])
    assert response.json()["code"] == "RATE_LIMIT_EXCEEDED"
    assert response.headers["retry-after"] == "1"
    desk.time.forward(1)
    assert statuses(desk, "/v1/batch/get", [{"key": "a"}], 1) == [200]


def test_writes_cost_by_the_size_of_the_request(desks: OpenDesk) -> None:
    desk = limited(desks, write_units_per_minute=5)
    batch = [{"key": "a", "value": "x" * 250}]  # 3 units of 100 bytes
    assert statuses(desk, "/v1/batch/set", batch, 2) == [200, 429]
    assert statuses(desk, "/v1/batch/set", [{"key": "a", "value": 1}], 3) == [200, 200, 429]
    assert statuses(desk, "/v1/batch/get", [{"key": "a"}], 1) == [200]
    assert desk.post("/v1/batch/set", batch).headers["retry-after"] == "60"


def test_reads_cost_by_the_size_of_the_answer(desks: OpenDesk) -> None:
    desk = limited(desks, read_units_per_minute=4)
    desk.ok("/v1/batch/set", [{"key": "a", "value": "x" * 200}])  # answers of 3 units
    assert statuses(desk, "/v1/batch/get", [{"key": "a"}], 3) == [200, 200, 429]


def test_what_is_refused_costs_no_units(desks: OpenDesk) -> None:
    desk = limited(desks, write_units_per_minute=1)
    assert statuses(desk, "/v1/batch/set", [], 3) == [400, 400, 400]
    assert statuses(desk, "/v1/set", {"key": "a", "value": 1}, 2) == [200, 429]


def test_deletes_cost_by_size_or_nothing(desks: OpenDesk) -> None:
    for cost, expected in (("size", [200, 429]), ("free", [200, 200])):
        desk = limited(desks, write_units_per_minute=1, options={"delete_cost": cost})
        assert statuses(desk, "/v1/batch/delete", [{"key": "a"}], 2) == expected


def test_every_installation_has_its_own_quota(desks: OpenDesk) -> None:
    desk = limited(desks, requests_per_second=1)
    for name in ("i", "j"):
        headers = {"forge-proxy-authorization": f"Forge as=app,installationId={name}"}
        codes = [
            desk.post("/v1/batch/get", [{"key": "a"}], headers=headers).status_code
            for _ in range(2)
        ]
        assert codes == [200, 429]


def test_the_minute_has_the_length_that_is_set(desks: OpenDesk) -> None:
    desk = limited(desks, write_units_per_minute=1, minute_seconds=0.5)
    assert statuses(desk, "/v1/set", {"key": "a", "value": 1}, 2) == [200, 429]
    desk.time.forward(0.5)
    assert statuses(desk, "/v1/set", {"key": "a", "value": 1}, 1) == [200]


@pytest.mark.parametrize("window", ["fixed", "sliding", "bucket"])
def test_every_window_can_be_chosen(desks: OpenDesk, window: Any) -> None:
    desk = limited(desks, write_units_per_minute=2, window=window)
    desk.time.now_ms = START_MS + 30_000
    assert statuses(desk, "/v1/set", {"key": "a", "value": 1}, 3) == [200, 200, 429]
    waits = {"fixed": "30", "sliding": "60", "bucket": "30"}
    response = desk.post("/v1/set", {"key": "a", "value": 1})
    assert response.headers["retry-after"] == waits[window]


def test_a_429_may_say_when_or_nothing(desks: OpenDesk) -> None:
    for announces, name, value in (
        ("reset", "x-ratelimit-reset", "2026-01-01T00:00:01.000Z"),
        ("nothing", "x-ratelimit-reset", None),
        ("nothing", "retry-after", None),
    ):
        desk = limited(desks, requests_per_second=1, announces=announces)
        desk.ok("/v1/query", {})
        assert desk.post("/v1/query", {}).headers.get(name) == value
