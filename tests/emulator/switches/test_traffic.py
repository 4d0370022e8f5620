"""The limits on the traffic to one key, and to one value of an index, per second."""

import json
from typing import Any

import pytest

from kvsctl.emulator.switches.quota import QuotaOptions
from kvsctl.emulator.switches.traffic import WINDOWS_MOST, Traffic
from tests.emulator.support import OpenClient

HEAVY = "x" * 240_000
PLENTY = QuotaOptions(read_units_per_minute=10**6, write_units_per_minute=10**6)


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        ("set", {"key": "a", "value": HEAVY}),
        ("secret/set", {"key": "a", "value": HEAVY}),
        ("entity/set", {"key": "a", "value": {"v": HEAVY[:-9]}, "entityName": "abc"}),
        ("batch/set", [{"key": "a", "value": HEAVY}, {"key": "b", "value": 1}]),
        ("transaction", {"set": [{"key": "a", "value": HEAVY}]}),
    ],
)
def test_a_key_takes_one_megabyte_of_writes_per_second(
    open_client: OpenClient, path: str, request_body: Any
) -> None:
    client = open_client(quota=PLENTY)
    statuses = [client.post(f"/v1/{path}", request_body).status_code for _ in range(5)]
    assert [status < 300 for status in statuses] == [True] * 4 + [False]
    refused = client.post(f"/v1/{path}", request_body)
    assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert refused.headers["retry-after"] == "1"
    assert client.post("/v1/set", {"key": "other", "value": HEAVY}).status_code == 204
    client.time.forward(1)
    assert client.post(f"/v1/{path}", request_body).status_code < 300


def test_a_key_takes_twelve_megabytes_of_reads_per_second(open_client: OpenClient) -> None:
    client = open_client(quota=PLENTY)
    for key in "ab":
        client.ok("/v1/set", {"key": key, "value": HEAVY})
    for n in range(49):
        path, asked = ("get", {"key": "a"}) if n % 2 else ("batch/get", [{"key": "a"}])
        client.ok(f"/v1/{path}", asked)
    assert client.refused("/v1/get", {"key": "a"}) == (429, "RATE_LIMIT_EXCEEDED")
    client.ok("/v1/get", {"key": "b"})
    assert client.refused("/v1/batch/get", [{"key": key} for key in "ab"])[0] == 429
    client.time.forward(1)
    client.ok("/v1/get", {"key": "a"})


def test_a_value_of_an_index_takes_24_megabytes_of_queries_per_second(
    open_client: OpenClient,
) -> None:
    client = open_client(quota=PLENTY)
    for n in range(10):
        client.ok("/v1/set", {"key": f"k{n}", "value": HEAVY})
    for _ in range(9):
        client.ok("/v1/query", {})
    assert client.refused("/v1/query", {}) == (429, "RATE_LIMIT_EXCEEDED")
    client.ok("/v1/entity/query", {"entityName": "abc", "indexName": "by-key"})
    client.time.forward(1)
    client.ok("/v1/query", {})


def test_installations_do_not_share_the_traffic_of_a_key() -> None:
    traffic, sent = Traffic(), body({"key": "a", "value": HEAVY})
    for _ in range(4):
        assert traffic.wait_to_write("one", "set", sent, 0) == 0
    assert traffic.wait_to_write("one", "set", sent, 0) == 1000
    assert traffic.wait_to_write("two", "set", sent, 0) == 0


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"null", b"\xff", b'{"key":1}', b"[" * 5000])
@pytest.mark.parametrize("route", ["batch/set", "set", "transaction", "delete", "batch/delete"])
def test_what_is_no_write_carries_nothing(route: str, text: bytes) -> None:
    assert Traffic().wait_to_write("i", route, text, 0) == 0


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"null", b"\xff"])
@pytest.mark.parametrize("route", ["batch/get", "get", "query", "entity/query"])
def test_what_is_no_answer_carries_nothing(route: str, text: bytes) -> None:
    assert Traffic().wait_to_read("i", route, text, text, 0) == 0


def test_keys_that_are_quiet_are_forgotten() -> None:
    traffic = Traffic()
    for n in range(3 * WINDOWS_MOST):
        traffic.wait_to_write("i", "set", body({"key": f"k{n}", "value": 1}), n)
    assert len(traffic._windows) <= WINDOWS_MOST + 1


def test_many_keys_within_a_second_are_swept_rarely() -> None:
    traffic, sweeps = Traffic(), 0
    for n in range(5 * WINDOWS_MOST // 2):
        before = traffic._windows
        traffic.wait_to_write("i", "set", body({"key": f"k{n}", "value": 1}), 0)
        sweeps += traffic._windows is not before
    assert sweeps == 2
    assert len(traffic._windows) == 5 * WINDOWS_MOST // 2
    for n in range(3 * WINDOWS_MOST):
        traffic.wait_to_write("i", "set", body({"key": f"later{n}", "value": 1}), 1000 + n)
    assert len(traffic._windows) <= WINDOWS_MOST + 1
