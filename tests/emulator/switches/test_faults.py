"""Fault specs, and the faults that requests get."""

import json
from pathlib import Path
from typing import Any

import pytest

from kvsctl.emulator import ConnectionLost, EmulatorError
from kvsctl.emulator.options import Token
from kvsctl.emulator.switches.fault_spec import FaultPlan, read_faults
from kvsctl.emulator.switches.faults import Faults
from tests.emulator.support import EmulatorClient, OpenClient

SET = [{"key": "a", "value": 1}, {"key": "b", "value": 2}]


def test_a_spec_is_read() -> None:
    assert read_faults(
        "seed=7,429=0.05, retry-after=1,500=0.02,leave-out=0.02,refuse-cursor=0.5,"
        "refuse=x:y:CODE,refuse=:ALL,latency-ms=5..50,payload-limit=1000,token-lifetime=60,"
        "only=batch/set+get,first=9,"
        "script=429:ok"
    ) == FaultPlan(
        seed=7,
        rates={"429": 0.05, "500": 0.02},
        announces="retry-after",
        announced_seconds=1,
        leave_out=0.02,
        refuse_cursor=0.5,
        refuse=(("x:y", "CODE"), ("", "ALL")),
        latency_ms=(5, 50),
        payload_limit=1000,
        token_lifetime=60,
        only=frozenset({"batch/set", "get"}),
        first=9,
        script=("429", "ok"),
    )


def test_files_use_the_same_names_as_specs(tmp_path: Path) -> None:
    toml, text = tmp_path / "f.toml", tmp_path / "f.json"
    toml.write_text('429 = 0.5\nlatency-ms = 5\nrefuse = ["a:B"]\nscript = ["cut"]\n')
    text.write_text(json.dumps({"429": 0.5, "latency-ms": 5, "refuse": ["a:B"], "script": ["cut"]}))
    expected = FaultPlan(
        rates={"429": 0.5}, latency_ms=(5, 5), refuse=(("a", "B"),), script=("cut",)
    )
    assert read_faults(str(toml)) == read_faults(str(text)) == expected


@pytest.mark.parametrize(
    "spec",
    [
        "bogus=1", "429", "429=2", "429=x", "429=-1", "429=nan", "429=0.6,500=0.6", "429=0,429=0",
        "latency-ms=9..1", "refuse=a", "script=nope", "retry-after=1,reset=1", "none.toml",
        "seed=1.5", "first=x", "retry-after=1e300", "reset=1e10", "retry-after-date=1e12",
        "first=5s", "retry-after=5y", "token-lifetime=9999999h",
        "token-lifetime=1e300", "latency-ms=1e300", "429=1e999",
    ],
)  # fmt: skip
def test_invalid_specs_are_refused(spec: Any) -> None:
    with pytest.raises(EmulatorError):
        read_faults(spec)


def test_a_file_without_a_known_suffix_is_said_to_be_no_spec() -> None:
    with pytest.raises(EmulatorError, match=r'"f" has no value; .* ends in \.toml or \.json'):
        read_faults("f")


def test_invalid_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    for content in (
        "", "{", "[]", "1", "null", '"429=1"', '{"refuse": "a:B"}', '{"only": [1]}',
        '{"429": true}', '{"429": []}', '{"429": 1, "429": 0}', '{"seed": 1%s}' % ("0" * 400),
        "[" * 100_000, '{"latency-ms": [1, 2]}', '{"latency-ms": {}}', '{"429": NaN}',
        "\x00", "\ud800",
    ):  # fmt: skip
        path.write_bytes(content.encode(errors="surrogatepass"))
        with pytest.raises(EmulatorError):
            read_faults(str(path))
    toml = tmp_path / "f.toml"
    for content in ("a = " + "[" * 100_000, "429 = 1\n429 = 1\n", "429"):
        toml.write_text(content)
        with pytest.raises(EmulatorError):
            read_faults(str(toml))


def kinds(spec: Any, count: Any = 200) -> Any:
    faults = Faults(read_faults(spec))
    return [draw.kind for _ in range(count) if (draw := faults.draw("get"))]


def test_the_same_seed_hits_the_same_requests() -> None:
    spec = "429=0.2,cut=0.1,seed="
    assert kinds(spec + "1") == kinds(spec + "1") != kinds(spec + "2")
    drawn = kinds(spec + "1", 2000)
    assert 300 < drawn.count("429") < 500
    assert 130 < drawn.count("cut") < 270


def test_a_script_comes_before_the_rates() -> None:
    assert kinds("429=1,script=500:ok:cut", 5) == ["500", "ok", "cut", "429", "429"]


def test_faults_can_be_limited_to_routes_and_to_the_first_requests() -> None:
    faults = Faults(read_faults("429=1,only=batch/set,first=2"))
    assert faults.draw("get") is None
    drawn = [faults.draw("batch/set") for _ in range(3)]
    assert [draw and draw.kind for draw in drawn] == ["429", "429", None]
    assert faults.counts == {"429": 2}


def armed(open_client: OpenClient, spec: Any, **options: Any) -> Any:
    return open_client(faults=read_faults(spec), **options)


def stored(client: EmulatorClient) -> Any:
    client.emulator.arm(None)
    return len(client.ok("/v1/batch/get", SET)["successfulKeys"])


@pytest.mark.parametrize(
    ("kind", "status", "code", "written"),
    [
        ("429", 429, "TOO_MANY_REQUESTS", 0),
        ("throttled", 429, "REQUEST_THROTTLED", 0),
        ("500", 500, "INTERNAL_SERVER_ERROR", 0),
        ("502", 502, "BAD_GATEWAY", 0),
        ("503", 503, "SERVICE_UNAVAILABLE", 0),
        ("504", 504, "GATEWAY_TIMEOUT", 0),
        ("500-after", 500, "INTERNAL_SERVER_ERROR", 2),
        ("503-after", 503, "SERVICE_UNAVAILABLE", 2),
    ],
)
def test_errors_before_and_after_the_write(
    open_client: OpenClient, kind: Any, status: Any, code: Any, written: Any
) -> None:
    client = armed(open_client, f"script={kind}")
    assert client.refused("/v1/batch/set", SET) == (status, code)
    assert stored(client) == written


@pytest.mark.parametrize(("kind", "written"), [("reset-before", 0), ("reset-after", 2), ("cut", 2)])
def test_lost_connections_are_raised_in_the_process(
    open_client: OpenClient, kind: Any, written: Any
) -> None:
    client = armed(open_client, f"script={kind}")
    with pytest.raises(ConnectionLost):
        client.post("/v1/batch/set", SET)
    assert stored(client) == written


def test_proxy_faults_are_not_json(open_client: OpenClient) -> None:
    client = armed(open_client, "script=502-html:502-empty:200-html")
    html, empty = client.post("/v1/batch/set", SET), client.post("/v1/batch/set", SET)
    assert (html.status_code, html.headers["content-type"]) == (502, "text/html")
    assert html.text.startswith("<html>")
    assert (empty.status_code, empty.content) == (502, b"")
    portal = client.post("/v1/batch/set", SET)
    assert (portal.status_code, portal.headers["content-type"]) == (200, "text/html")
    assert stored(client) == 0


@pytest.mark.parametrize(
    ("wait", "header", "value"),
    [
        ("retry-after=2", "retry-after", "2"),
        ("retry-after=2m", "retry-after", "120"),
        ("retry-after-date=2", "retry-after", "Thu, 01 Jan 2026 00:00:02 GMT"),
        ("reset=2", "x-ratelimit-reset", "2026-01-01T00:00:02.000Z"),
        ("first=1", "retry-after", None),
    ],
)
def test_a_429_announces_its_wait_or_nothing(
    open_client: OpenClient, wait: Any, header: Any, value: Any
) -> None:
    assert armed(open_client, f"429=1,{wait}").post("/v1/query", {}).headers.get(header) == value


def test_keys_are_left_out_of_both_lists(open_client: OpenClient) -> None:
    client = armed(open_client, "leave-out=1")
    for verb in ("set", "get", "delete"):
        assert client.ok(f"/v1/batch/{verb}", SET) == {"successfulKeys": [], "failedKeys": []}
    assert stored(client) == 0
    some = armed(open_client, "leave-out=0.5,seed=3").ok(
        "/v1/batch/set", [{"key": f"k{n}", "value": n} for n in range(25)]
    )
    assert 4 < len(some["successfulKeys"]) < 21


@pytest.mark.parametrize(
    ("path", "request_", "member"),
    [
        ("/v1/query", {"limit": 1}, "after"),
        ("/v1/entity/query", {"limit": 1, "entityName": "pet", "indexName": "by-key"}, "cursor"),
    ],
)
def test_cursors_are_refused(
    open_client: OpenClient, path: str, request_: dict[str, Any], member: str
) -> None:
    client = armed(open_client, "refuse-cursor=1")
    client.ok("/v1/batch/set", SET)
    pets = [{"key": key, "entityName": "pet", "value": {}} for key in "ab"]
    client.ok("/v1/batch/set", pets)
    cursor = client.ok(path, request_)["cursor"]
    assert client.refused(path, {**request_, member: cursor}) == (400, "INVALID_CURSOR")


def test_single_keys_are_refused(open_client: OpenClient) -> None:
    client = armed(open_client, "refuse=a:INVALID_THING")
    answer = client.ok("/v1/batch/set", SET)
    assert [one["key"] for one in answer["successfulKeys"]] == ["b"]
    assert answer["failedKeys"][0]["error"]["code"] == "INVALID_THING"
    assert client.refused("/v1/set", SET[0]) == (400, "INVALID_THING")
    assert client.refused("/v1/transaction", {"set": SET}) == (400, "INVALID_THING")


def test_latency_is_waited_for(open_client: OpenClient) -> None:
    client = armed(open_client, "latency-ms=50..60")
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    client.emulator.faults.sleep = sleep
    client.ok("/v1/query", {})
    assert len(waited) == 1
    assert 0.05 <= waited[0] <= 0.06


def test_the_payload_limit_can_be_lowered(open_client: OpenClient) -> None:
    client = armed(open_client, "payload-limit=100")
    assert client.refused("/v1/set", {"key": "a", "value": "x" * 100}) == (413, "PAYLOAD_TOO_LARGE")
    client.ok("/v1/set", {"key": "a", "value": "x"})


def test_tokens_expire(open_client: OpenClient) -> None:
    tokens = (Token("one", "i"), Token("two", "i"))
    client = armed(open_client, "token-lifetime=60", tokens=tokens)
    one, two = ({"authorization": f"Bearer {token.secret}"} for token in tokens)
    client.ok("/v1/set", {"key": "a", "value": 1}, headers=one)
    client.time.forward(59)
    client.ok("/v1/get", {"key": "a"}, headers=one)
    client.time.forward(1)
    assert client.refused("/v1/get", {"key": "a"}, headers=one) == (401, "UNAUTHORIZED")
    assert client.ok("/v1/get", {"key": "a"}, headers=two)["value"] == 1


def test_an_installation_is_refused_with_its_status(open_client: OpenClient) -> None:
    plan = read_faults("refuse-installation=gone:404,refuse-installation=shut:403")
    client = open_client(faults=plan)
    for installation, status in (("gone", 404), ("shut", 403), ("open", 200)):
        header = {"forge-proxy-authorization": f"Forge as=app,installationId={installation}"}
        answer = client.post("/v1/query", {}, headers=header)
        assert answer.status_code == status


@pytest.mark.parametrize("value", ["a", "a:200", ":404", "a:"])
def test_a_refusal_of_an_installation_needs_a_status(value: str) -> None:
    with pytest.raises(EmulatorError, match=r"refuse-installation=.* is not ID:STATUS"):
        read_faults(f"refuse-installation={value}")


def test_faults_reach_the_list_of_installations(open_client: OpenClient) -> None:
    client = open_client(faults=read_faults("script=429:502-html:ok,only=installations"))
    statuses = [client.request("GET", "/v1/installations").status_code for _ in range(3)]
    assert statuses == [429, 502, 200]
