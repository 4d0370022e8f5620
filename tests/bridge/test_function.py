"""The function in a Forge app: who may call it, and that it answers as the service does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.apps import INSTALLATION, READ_TOKEN, TOKEN, Response, call, gateway
from tests.support.commands.command import Command
from tests.support.commands.serving import serving

pytestmark = pytest.mark.slow
_MANIFEST = Path(__file__).parents[1] / "emulator" / "node" / "manifest.yml"
_KEYS = [{"key": "a"}, {"key": "b"}]


@pytest.fixture
def service(kvsctl: Command) -> Iterator[str]:
    with serving(kvsctl, "--manifest", _MANIFEST, "--normalise") as url:
        yield url


@pytest.fixture
def url(app: Path, service: str) -> Iterator[str]:
    with gateway(app, service) as found:
        yield found


def code_of(response: Response) -> tuple[int, str]:
    assert set(response.body) == {"code", "message"}
    return response.status, response.body["code"]


SAME: list[tuple[str, Any]] = [
    ("/v1/batch/set", [{"key": "a", "value": {"n": 1}}, {"key": "b", "value": "x"}]),
    ("/v1/batch/set", [{"key": "a/b", "value": 1}, {"key": "c", "value": 2}]),
    ("/v1/batch/set", [{"key": "t", "value": 1, "options": {"ttl": {"value": 1, "unit": "DAYS"}}}]),
    ("/v1/batch/set", [{"key": "e1", "entityName": "employee", "value": {"name": "x", "age": 1}}]),
    ("/v1/batch/get", [{"key": "a"}, {"key": "missing"}, {"key": "e1", "entityName": "employee"}]),
    ("/v1/batch/get", [{"key": "t", "options": {"metadataFields": ["EXPIRE_TIME"]}}]),
    ("/v1/batch/delete", [{"key": "b"}, {"key": "missing"}]),
    ("/v1/set", {"key": "s", "value": [1], "options": {"keyPolicy": "FAIL_IF_EXISTS"}}),
    ("/v1/set", {"key": "s", "value": [2], "options": {"keyPolicy": "FAIL_IF_EXISTS"}}),
    ("/v1/entity/set", {"key": "e2", "entityName": "employee", "value": {"name": "y", "age": 2}}),
    (
        "/v1/entity/set",
        {
            "key": "e2",
            "entityName": "employee",
            "value": {"name": "z", "age": 2},
            "options": {"keyPolicy": "FAIL_IF_EXISTS"},
        },
    ),
    ("/v1/query", {"limit": 2}),
    ("/v1/query", {"where": [{"property": "key", "condition": "BEGINS_WITH", "values": ["s"]}]}),
    ("/v1/query", {"limit": 1, "options": {"metadataFields": ["EXPIRE_TIME", "CREATED_AT"]}}),
    ("/v1/entity/query", {"entityName": "employee", "indexName": "by-key", "limit": 1}),
    (
        "/v1/entity/query",
        {
            "entityName": "employee",
            "indexName": "age",
            "sort": "DESC",
            "range": {"condition": "GREATER_THAN", "values": [0]},
        },
    ),
    ("/v1/entity/query", {"entityName": "nobody", "indexName": "by-key"}),
    ("/v1/query", {"limit": 1000}),
    ("/v1/batch/set", []),
    ("/v1/batch/set", [{"key": f"k{n}", "value": n} for n in range(26)]),
]


def test_it_answers_as_the_service_does(kvsctl: Command, app: Path, service: str) -> None:
    """Each request to one store, and through the bridge to another, has the same answer."""
    statuses = set()
    other = serving(kvsctl, "--manifest", _MANIFEST, "--normalise")
    with other as store, gateway(app, store) as url:
        for path, body in SAME:
            direct, bridged = call(service, path, body), call(url, path, body)
            assert bridged.status == direct.status, (path, body, bridged)
            assert shape(bridged.body) == shape(direct.body), (path, body)
            assert bridged.headers["content-type"] == "application/json"
            if direct.status >= 400:
                assert len(bridged.headers["x-b3-traceid"]) == 16
            statuses.add(direct.status)
    assert statuses == {200, 204, 400, 404, 409}


def shape(body: object) -> object:
    """Return an answer without what differs between two stores: times and cursors."""
    if isinstance(body, dict):
        times = {"createdAt", "updatedAt", "expireTime", "cursor"}
        return {name: name if name in times else shape(one) for name, one in body.items()}
    return [shape(one) for one in body] if isinstance(body, list) else body


def test_pages_follow_each_other(url: str) -> None:
    items = [{"key": f"k{n}", "value": n} for n in range(5)]
    assert call(url, "/v1/batch/set", items).status == 200
    found: list[str] = []
    body: dict[str, object] = {"limit": 2}
    while True:
        page = call(url, "/v1/query", body).body
        found += [one["key"] for one in page["data"]]
        if not page.get("cursor"):
            break
        body["after"] = page["cursor"]
    assert found == [one["key"] for one in items]


@pytest.mark.parametrize("token", [None, "", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper()])
def test_a_wrong_token_is_refused(url: str, token: str | None) -> None:
    response = call(url, "/v1/batch/set", [{"key": "a", "value": 1}], token=token)
    assert code_of(response) == (401, "UNAUTHORIZED")
    assert "x-kvsctl-installation" not in response.headers
    assert call(url, "/v1/query", {}).body == {"data": []}


def test_another_scheme_than_bearer_is_refused(url: str) -> None:
    response = call(url, "/v1/query", {}, token=None, Authorization=f"Basic {TOKEN}")
    assert code_of(response) == (401, "UNAUTHORIZED")
    assert call(url, "/v1/query", {}, token=None, AUTHORIZATION=f"bearer {TOKEN}").status == 200


def test_the_read_only_token_reads_and_writes_nothing(url: str) -> None:
    assert call(url, "/v1/batch/set", [{"key": "a", "value": 1}]).status == 200
    reads: list[tuple[str, Any]] = [
        ("/v1/batch/get", _KEYS),
        ("/v1/query", {}),
        ("/v1/entity/query", {"entityName": "employee", "indexName": "by-key"}),
    ]
    for path, body in reads:
        assert call(url, path, body, token=READ_TOKEN).status == 200
    writes: list[tuple[str, Any]] = [
        ("/v1/batch/set", [{"key": "b", "value": 1}]),
        ("/v1/batch/delete", _KEYS),
        ("/v1/set", {"key": "b", "value": 1}),
        ("/v1/entity/set", {"key": "b", "entityName": "employee", "value": {"age": 1}}),
    ]
    for path, body in writes:
        assert code_of(call(url, path, body, token=READ_TOKEN)) == (403, "READ_ONLY_TOKEN")
    assert [one["key"] for one in call(url, "/v1/query", {}).body["data"]] == ["a"]


@pytest.mark.parametrize("token", ["", "x" * 31])
def test_without_a_long_token_it_refuses_everything(app: Path, service: str, token: str) -> None:
    settings = {"KVSCTL_BRIDGE_TOKEN": token, "KVSCTL_BRIDGE_READ_TOKEN": token}
    with gateway(app, service, **settings) as url:
        for given in (token, "", TOKEN, None):
            response = call(url, "/v1/query", {}, token=given)
            assert code_of(response) == (403, "BRIDGE_NOT_CONFIGURED")
            assert "KVSCTL_BRIDGE_TOKEN" in response.body["message"]
            assert token not in response.body["message"] or not token


def test_a_bridge_may_have_a_read_only_token_alone(app: Path, service: str) -> None:
    with gateway(app, service, KVSCTL_BRIDGE_TOKEN="") as url:
        assert call(url, "/v1/query", {}, token=READ_TOKEN).status == 200
        refused = call(url, "/v1/set", {"key": "a", "value": 1}, token=READ_TOKEN)
        assert code_of(refused) == (403, "READ_ONLY_TOKEN")
        assert code_of(call(url, "/v1/query", {})) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""), ("POST", "/"), ("POST", "/v1"), ("POST", "/v1/secret/get"),
        ("POST", "/v1/transaction"), ("POST", "/v1/batch/get/"), ("POST", "/v1/__proto__"),
        ("POST", "/constructor"), ("GET", "/v1/query"), ("DELETE", "/v1/query"),
        ("PUT", "/v1/batch/set"),
    ],
)  # fmt: skip
def test_other_paths_and_methods_are_refused(url: str, method: str, path: str) -> None:
    assert code_of(call(url, path, {"key": "a"}, method=method)) == (403, "NOT_BRIDGED")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_a_body_that_is_not_json_is_refused(url: str, body: bytes) -> None:
    assert code_of(call(url, "/v1/query", body)) == (400, "INVALID_REQUEST")


def test_every_answer_names_the_installation(url: str) -> None:
    for path in ("/v1/query", "/v1/nothing"):
        assert call(url, path, {}).headers["x-kvsctl-installation"] == INSTALLATION


def test_without_an_installation_it_names_the_site(app: Path, service: str) -> None:
    with gateway(app, service, GATEWAY_INSTALLATION="") as url:
        named = call(url, "/v1/query", {}).headers["x-kvsctl-installation"]
        assert named.startswith("ari:cloud:jira::site/")


def test_a_call_that_is_meant_for_another_installation_is_refused(url: str) -> None:
    ari = f"ari:cloud:ecosystem::installation/{INSTALLATION}"
    for name in (INSTALLATION, ari):
        assert call(url, "/v1/query", {}, x_kvsctl_installation=name).status == 200
    elsewhere = call(url, "/v1/query", {}, x_kvsctl_installation="another")
    assert code_of(elsewhere) == (403, "WRONG_INSTALLATION")


def test_a_service_that_does_not_answer_is_no_answer_of_the_service(app: Path) -> None:
    with gateway(app, "http://127.0.0.1:9") as url:
        assert code_of(call(url, "/v1/query", {})) == (502, "BRIDGE_FAILED")


@pytest.mark.parametrize("waits", ["retry-after=7", "reset=7"])
def test_a_429_of_the_service_keeps_its_code_and_trace_id_and_loses_when_to_retry(
    app: Path, kvsctl: Command, waits: str
) -> None:
    """The errors of the vendor's client have no headers: docs/bridge.md says so."""
    with serving(kvsctl, "--faults", f"429=1,{waits}") as service, gateway(app, service) as url:
        direct, bridged = call(service, "/v1/query", {}), call(url, "/v1/query", {})
    assert (bridged.status, bridged.body) == (direct.status, direct.body)
    assert len(bridged.headers["x-b3-traceid"]) == 16
    lost = {name.lower() for name in direct.headers} - {name.lower() for name in bridged.headers}
    assert lost & {"retry-after", "x-ratelimit-reset"}


def test_an_answer_that_is_not_json_is_passed_on_with_its_status(
    app: Path, kvsctl: Command
) -> None:
    faulty = serving(kvsctl, "--faults", "script=503:502-html:429:cut")
    with faulty as service, gateway(app, service) as url:
        responses = [call(url, "/v1/query", {}) for _ in range(5)]
    assert [one.status for one in responses] == [503, 502, 429, 502, 200]
    assert responses[1].body["code"] == "UNKNOWN_ERROR"
    assert responses[2].body["code"] in ("RATE_LIMIT_EXCEEDED", "TOO_MANY_REQUESTS")
