"""Quotas: units, the three kinds of windows, and the header of a 429."""

from typing import Any

import pytest

from kvsctl.emulator.switches.quota import BucketWindow, FixedWindow, QuotaOptions, RollingWindow
from kvsctl.limits import Limits
from tests.emulator.support import START_MS, EmulatorClient, OpenClient


def test_a_fixed_window_starts_again_at_multiples_of_its_length() -> None:
    window = FixedWindow(10, 1000)
    window.use(500, 10)
    assert window.wait_ms(900, 1) == 100
    assert window.wait_ms(1000, 10) == 0


def test_a_sliding_window_frees_uses_older_than_its_length() -> None:
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
def test_a_request_above_the_whole_limit_is_admitted_alone(kind: Any) -> None:
    window = kind(10, 1000)
    assert window.wait_ms(0, 11) == 0
    window.use(0, 11)
    assert window.wait_ms(1, 1) > 0


@pytest.mark.parametrize("kind", [FixedWindow, RollingWindow, BucketWindow])
def test_units_given_back_can_be_used_again(kind: Any) -> None:
    window = kind(10, 1000)
    window.use(0, 10)
    window.use(0, -4)
    assert window.wait_ms(0, 4) == 0
    assert window.wait_ms(0, 5) > 0


def limited(open_client: OpenClient, **quota: Any) -> Any:
    options = {"limits": Limits(unit_bytes=100)} | quota.pop("options", {})
    return open_client(quota=QuotaOptions(**quota), **options)


def statuses(client: EmulatorClient, path: Any, body: Any, times: Any) -> Any:
    return [client.post(path, body).status_code for _ in range(times)]


def test_requests_per_second_are_limited(open_client: OpenClient) -> None:
    client = limited(open_client, requests_per_second=2)
    assert statuses(client, "/v1/batch/get", [{"key": "a"}], 3) == [200, 200, 429]
    response = client.post("/v1/batch/get", [{"key": "a"}])
    assert response.json()["code"] == "RATE_LIMIT_EXCEEDED"
    assert response.headers["retry-after"] == "1"
    client.time.forward(1)
    assert statuses(client, "/v1/batch/get", [{"key": "a"}], 1) == [200]


def test_writes_cost_by_the_size_of_the_request(open_client: OpenClient) -> None:
    client = limited(open_client, write_units_per_minute=5)
    batch = [{"key": "a", "value": "x" * 250}]  # 3 units of 100 bytes
    assert statuses(client, "/v1/batch/set", batch, 2) == [200, 429]
    assert statuses(client, "/v1/batch/set", [{"key": "a", "value": 1}], 3) == [200, 200, 429]
    assert statuses(client, "/v1/batch/get", [{"key": "a"}], 1) == [200]
    assert client.post("/v1/batch/set", batch).headers["retry-after"] == "60"


def test_reads_cost_by_the_size_of_the_answer(open_client: OpenClient) -> None:
    client = limited(open_client, read_units_per_minute=4)
    client.ok("/v1/batch/set", [{"key": "a", "value": "x" * 200}])  # answers of 3 units
    assert statuses(client, "/v1/batch/get", [{"key": "a"}], 3) == [200, 200, 429]


def test_batches_per_minute_are_limited_if_asked(open_client: OpenClient) -> None:
    client = limited(open_client, batches_per_minute=2)
    assert statuses(client, "/v1/batch/get", [{"key": "a"}], 1) == [200]
    assert statuses(client, "/v1/batch/set", [{"key": "a", "value": 1}], 1) == [200]
    assert statuses(client, "/v1/batch/delete", [{"key": "a"}], 1) == [429]
    assert statuses(client, "/v1/set", {"key": "a", "value": 1}, 3) == [204] * 3
    assert statuses(client, "/v1/query", {}, 1) == [200]
    client.time.forward(60)
    assert statuses(client, "/v1/batch/get", [{"key": "a"}], 3) == [200, 200, 429]
    unlimited = limited(open_client)
    assert statuses(unlimited, "/v1/batch/get", [{"key": "a"}], 50) == [200] * 50


def test_a_batch_that_another_quota_refuses_is_not_counted(open_client: OpenClient) -> None:
    client = limited(open_client, batches_per_minute=2, requests_per_second=1)
    assert statuses(client, "/v1/batch/get", [{"key": "a"}], 4) == [200, 429, 429, 429]
    client.time.forward(1)
    assert statuses(client, "/v1/batch/get", [{"key": "a"}], 1) == [200]
    client.time.forward(1)
    refused = client.post("/v1/batch/get", [{"key": "a"}])
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "58")
    assert statuses(client, "/v1/query", {}, 1) == [200], "a refused batch is no request"


def test_refused_requests_cost_no_units(open_client: OpenClient) -> None:
    client = limited(open_client, write_units_per_minute=1)
    assert statuses(client, "/v1/batch/set", [], 3) == [400, 400, 400]
    assert statuses(client, "/v1/set", {"key": "a", "value": 1}, 2) == [204, 429]


def test_deletes_cost_by_size_or_nothing(open_client: OpenClient) -> None:
    for cost, expected in (("size", [200, 429]), ("free", [200, 200])):
        client = limited(open_client, write_units_per_minute=1, options={"delete_cost": cost})
        assert statuses(client, "/v1/batch/delete", [{"key": "a"}], 2) == expected


def test_every_installation_has_its_own_quota(open_client: OpenClient) -> None:
    client = limited(open_client, requests_per_second=1)
    for name in ("i", "j"):
        headers = {"forge-proxy-authorization": f"Forge as=app,installationId={name}"}
        codes = [
            client.post("/v1/batch/get", [{"key": "a"}], headers=headers).status_code
            for _ in range(2)
        ]
        assert codes == [200, 429]


def test_the_length_of_the_minute_can_be_set(open_client: OpenClient) -> None:
    client = limited(open_client, write_units_per_minute=1, minute_seconds=0.5)
    assert statuses(client, "/v1/set", {"key": "a", "value": 1}, 2) == [204, 429]
    client.time.forward(0.5)
    assert statuses(client, "/v1/set", {"key": "a", "value": 1}, 1) == [204]


@pytest.mark.parametrize("window", ["fixed", "sliding", "bucket"])
def test_every_window_can_be_chosen(open_client: OpenClient, window: Any) -> None:
    client = limited(open_client, write_units_per_minute=2, window=window)
    client.time.now_ms = START_MS + 30_000
    assert statuses(client, "/v1/set", {"key": "a", "value": 1}, 3) == [204, 204, 429]
    waits = {"fixed": "30", "sliding": "60", "bucket": "30"}
    response = client.post("/v1/set", {"key": "a", "value": 1})
    assert response.headers["retry-after"] == waits[window]


def test_a_429_announces_a_reset_or_nothing(open_client: OpenClient) -> None:
    for announces, name, value in (
        ("reset", "x-ratelimit-reset", "2026-01-01T00:00:01.000Z"),
        ("nothing", "x-ratelimit-reset", None),
        ("nothing", "retry-after", None),
    ):
        client = limited(open_client, requests_per_second=1, announces=announces)
        client.ok("/v1/query", {})
        assert client.post("/v1/query", {}).headers.get(name) == value
