"""The last requests."""

from typing import Any

import httpx
import pytest

from kvsctl.emulator import ConnectionLost, EmulatorOptions
from kvsctl.emulator.page import recent
from kvsctl.emulator.page.recent import RecentRequests
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.emulator.switches.quota import QuotaOptions
from kvsctl.emulator.web.serve import ServeOptions, running
from tests.emulator.page.asking import API
from tests.emulator.support import EmulatorClient, OpenClient


@pytest.fixture
def watched(open_client: OpenClient) -> OpenClient:
    """Return a function that opens emulators which keep their last requests, as a server does."""

    def opener(**options: Any) -> EmulatorClient:
        client = open_client(**options)
        client.emulator.recent = RecentRequests()
        return client

    return opener


def requests(client: EmulatorClient, query: str = "") -> list[Any]:
    response = client.request("GET", f"{API}requests{query}")
    assert response.status_code == 200, response.text
    found: list[Any] = response.json()["requests"]
    return found


def last(client: EmulatorClient, *names: str) -> list[Any]:
    entry = requests(client)[0]
    return [entry[name] for name in names]


def test_a_request_is_kept_with_its_status_and_units(watched: OpenClient) -> None:
    client = watched()
    client.ok("/v1/set", {"key": "a", "value": "x" * 25_000})
    assert last(client, "method", "path", "installation", "status", "code", "cost", "units") == [
        "POST", "/v1/set", "default", 204, None, "write", 3,
    ]  # fmt: skip
    client.ok("/v1/batch/get", [{"key": "a"}], headers={"authorization": "Bearer x"})
    assert last(client, "status", "cost", "units") == [200, "read", 1]
    assert last(client, "installation")[0].startswith("token-")
    client.ok("/v1/get", {"key": "a"})
    assert last(client, "cost", "units") == ["read", 3]
    assert last(client, "at", "faults") == [client.time.now_ms, []]
    assert last(client, "milliseconds")[0] >= 0


def test_a_refused_request_is_kept_with_its_code(watched: OpenClient) -> None:
    client = watched(quota=QuotaOptions(requests_per_second=2))
    client.refused("/v1/get", {"key": "a"})
    assert last(client, "status", "code", "units") == [404, "KEY_NOT_FOUND", 0]
    client.request("GET", "/v1/set")
    assert last(client, "method", "status", "code") == ["GET", 405, "METHOD_NOT_ALLOWED"]
    client.request("GET", "/v1/installations")
    assert last(client, "path", "status", "installation") == ["/v1/installations", 200, "default"]
    client.refused("/v1/get", {"key": "a"})
    client.refused("/v1/get", {"key": "a"})
    assert last(client, "status", "code", "units") == [429, "RATE_LIMIT_EXCEEDED", None]


@pytest.mark.parametrize(("cost", "units"), [("size", 2), ("keys", 1), ("free", 0)])
def test_a_delete_costs_what_the_options_say(watched: OpenClient, cost: str, units: int) -> None:
    client = watched(delete_cost=cost)
    body = b'{"key":"a"' + b" " * 15_000 + b"}"
    client.request("POST", "/v1/delete", content=body)
    assert last(client, "cost", "units") == ["write", units]


@pytest.mark.parametrize(
    ("spec", "status", "code", "faults"),
    [
        ("script=429", 429, "TOO_MANY_REQUESTS", ["429"]),
        ("script=503-after", 503, "SERVICE_UNAVAILABLE", ["503-after"]),
        ("script=502-html", 502, None, ["502-html"]),
        ("latency-ms=1", 204, None, ["latency-ms"]),
        ("refuse=a:INVALID_KEY", 400, "INVALID_KEY", ["refuse"]),
        ("refuse-installation=default:403", 403, "FORBIDDEN", ["refuse-installation"]),
    ],
)
def test_a_request_is_kept_with_its_faults(
    watched: OpenClient, spec: str, status: int, code: str | None, faults: list[str]
) -> None:
    client = watched(faults=read_faults(spec))
    client.post("/v1/set", {"key": "a", "value": 1})
    assert last(client, "status", "code", "faults") == [status, code, faults]


def test_keys_that_were_left_out_are_a_fault(watched: OpenClient) -> None:
    client = watched(faults=read_faults("leave-out=1"))
    client.ok("/v1/batch/get", [{"key": "a"}])
    assert last(client, "status", "faults") == [200, ["leave-out"]]


def test_a_lost_connection_is_kept(watched: OpenClient) -> None:
    client = watched(faults=read_faults("script=reset-before:cut"))
    for status in (None, 404):
        with pytest.raises(ConnectionLost):
            client.post("/v1/get", {"key": "a"})
        assert last(client, "status") == [status]
    assert last(client, "faults") == [["cut"]]


def test_only_newer_requests_are_sent(watched: OpenClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client = watched()
    for _ in range(3):
        client.ok("/v1/query", {})
    assert [one["number"] for one in requests(client)] == [3, 2, 1]
    assert [one["number"] for one in requests(client, "?after=1")] == [3, 2]
    for wrong in ("x", "-1", "1.5", "", "9" * 19, "%D9%A1"):
        assert client.request("GET", f"{API}requests?after={wrong}").status_code == 400


def test_a_few_hundred_are_kept() -> None:
    kept = RecentRequests()
    for _ in range(recent.MOST + 5):
        kept.end(kept.begin("GET", "/", 0), None, ())
    numbers = [entry.number for entry in kept.after(0)]
    assert numbers == list(range(recent.MOST + 5, 5, -1))


def test_the_page_itself_is_not_among_them(watched: OpenClient) -> None:
    client = watched()
    client.request("GET", "/")
    client.request("GET", "/_emulator/stats")
    assert requests(client) == []


def test_a_server_keeps_them_and_an_embedded_emulator_does_not(client: EmulatorClient) -> None:
    client.ok("/v1/query", {})
    assert requests(client) == []
    with running(ServeOptions(port=0, emulator=EmulatorOptions())) as server:
        httpx.post(f"{server.url}/v1/query", json={})
        assert len(httpx.get(f"{server.url}{API}requests").json()["requests"]) == 1
