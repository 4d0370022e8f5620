"""/_emulator/: control of the emulator by a test."""

from json import dumps
from typing import Any

import pytest

from kvsctl.emulator.options import Token
from tests.emulator.storage.test_entities import ENTITIES, found, named
from tests.emulator.support import EmulatorClient, OpenClient


def act(client: EmulatorClient, action: Any, json: Any = None) -> Any:
    return client.ok(f"/_emulator/{action}", json)


def keys(client: EmulatorClient) -> Any:
    return [record["key"] for record in client.ok("/v1/query", {})["data"]]


def test_reset_deletes_every_record(client: EmulatorClient) -> None:
    other = {"authorization": "Bearer x"}
    client.ok("/v1/set", {"key": "a", "value": 1})
    client.ok("/v1/set", {"key": "a", "value": 1}, headers=other)
    assert act(client, "reset") == {}
    assert keys(client) == []
    assert client.ok("/v1/query", {}, headers=other)["data"] == []


def test_reset_of_one_installation_leaves_the_others(open_client: OpenClient) -> None:
    client = open_client(query_lag_seconds=60, entities=ENTITIES)
    for name in ("one", "two"):
        headers = {"forge-proxy-authorization": f"Forge as=app,installationId={name}"}
        client.ok("/v1/set", {"key": "a", "value": 1}, headers=headers)
        client.ok("/v1/secret/set", {"key": "s", "value": 1}, headers=headers)
        client.ok("/v1/entity/set", named(key="e", value={"age": 1}), headers=headers)
        client.ok("/v1/set", {"key": "a", "value": 2}, headers=headers)
    assert act(client, "reset", {"installation": "one"}) == {}
    records = client.request("GET", "/_emulator/stats").json()["records"]
    assert sum(records["one"].values()) == 0
    assert sum(records["two"].values()) == 3
    assert act(client, "reset", {"installation": "never seen"}) == {}


@pytest.mark.parametrize("wrong", ["", 1, None, "\ud800", ["one"]], ids=repr)
def test_a_malformed_installation_resets_nothing(client: EmulatorClient, wrong: Any) -> None:
    client.ok("/v1/set", {"key": "a", "value": 1})
    refused = client.refused("/_emulator/reset", {"installation": wrong})
    assert refused == (400, "INVALID_REQUEST")
    assert client.refused("/_emulator/reset", {"instalation": "x"}) == (400, "INVALID_REQUEST")
    assert keys(client) == ["a"]


@pytest.mark.parametrize("action", ["reset", "snapshot", "restore", "import", "export", "clock"])
def test_parameters_that_would_be_ignored_are_refused(client: EmulatorClient, action: str) -> None:
    client.ok("/v1/set", {"key": "a", "value": 1})
    refused = client.refused(f"/_emulator/{action}?installation=other", {})
    assert refused == (400, "INVALID_REQUEST")
    assert keys(client) == ["a"]


def test_snapshots_can_be_restored(open_client: OpenClient) -> None:
    client = open_client(entities=ENTITIES)
    assert act(client, "snapshot", {"name": "empty"}) == {"name": "empty", "records": 0}
    client.ok("/v1/set", {"key": "a", "value": 1})
    client.ok("/v1/entity/set", named(key="e", value={"age": 1}))
    assert act(client, "snapshot") == {"name": "default", "records": 2}
    client.ok("/v1/set", {"key": "b", "value": 1})
    act(client, "reset")
    assert act(client, "restore") == {"name": "default", "records": 2}
    assert keys(client) == ["a"]
    assert found(client, indexName="age") == "e"
    act(client, "restore", {"name": "empty"})
    assert keys(client) == []
    assert client.refused("/_emulator/restore", {"name": "none"}) == (404, "SNAPSHOT_NOT_FOUND")


def test_stats_count_records_responses_and_faults(client: EmulatorClient) -> None:
    client.ok("/v1/batch/set", [{"key": "a", "value": 1}, {"key": "b", "value": 1}])
    client.refused("/v1/get", {"key": "z"})
    act(client, "faults", {"spec": "script=500"})
    client.refused("/v1/get", {"key": "z"})
    stats = client.request("GET", "/_emulator/stats").json()
    assert stats["records"] == {"default": {"": 2}}
    assert stats["answers"] == {"200": 2, "404": 1, "500": 1}
    assert stats["faults"] == {"500": 1}


def test_the_clock_is_set_moved_and_resumed(client: EmulatorClient) -> None:
    start = client.time.now_ms
    shown = client.request("GET", "/_emulator/clock").json()
    assert shown == {"now": start, "iso": "2026-01-01T00:00:00.000Z"}
    assert act(client, "clock", {"advance_ms": 1500})["now"] == start + 1500
    assert act(client, "clock", {"now": 5, "frozen": True})["now"] == 5
    client.time.forward(1)
    assert act(client, "clock", {"advance_ms": 1})["now"] == 6
    assert act(client, "clock", {"now": 5})["now"] == 5
    client.time.forward(1)
    assert client.request("GET", "/_emulator/clock").json()["now"] == 1005
    assert act(client, "clock", {"resume": True})["now"] == start + 2000


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"now": -1}, {"now": "x"}, {"advance_ms": 1.5}, {"now": True}, {"now": 10**14},
        {"now": None}, {"now": 10**400}, {"now": -(10**13)}, {"advance_ms": -(10**13)},
        {"advance_ms": 10**14}, {"advance_ms": -(10**30)}, {"advance_ms": None},
        {"now": 5, "advance_ms": 1}, {"now": 5, "frozen": 1}, {"resume": False}, {"resume": 1},
        {"resume": True, "frozen": True}, {"now": 5, "frosen": True}, [], "now", None, 5,
    ],
    ids=str,
)  # fmt: skip
def test_a_clock_that_cannot_be_set_is_left_alone(client: EmulatorClient, wrong: Any) -> None:
    content = dumps(wrong).encode()
    response = client.request("POST", "/_emulator/clock", content=content)
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")
    assert client.request("GET", "/_emulator/clock").json()["now"] == client.time.now_ms


def test_the_clock_moves_between_its_ends(client: EmulatorClient) -> None:
    shown = act(client, "clock", {"now": 0})
    assert shown == {"now": 0, "iso": "1970-01-01T00:00:00.000Z"}
    assert client.refused("/_emulator/clock", {"advance_ms": -1}) == (400, "INVALID_REQUEST")
    assert act(client, "clock", {"now": 10**14 - 1})["iso"] == "5138-11-16T09:46:39.999Z"
    client.ok(
        "/v1/set", {"key": "a", "value": 1, "options": {"ttl": {"value": 365, "unit": "DAYS"}}}
    )
    fields = {"metadataFields": ["EXPIRE_TIME", "CREATED_AT"]}
    found = client.ok("/v1/get", {"key": "a", "options": fields})
    assert found["expireTime"] == "5139-11-16T09:46:39.999Z"
    client.time.forward(86_400)
    assert client.post("/v1/query", {}).status_code == 200


@pytest.mark.parametrize("action", ["snapshot", "restore"])
@pytest.mark.parametrize("body", [b'{"name": "\\ud800"}', b'{"name": ""}', b'{"name": 1}',
                                  b'{"name": null}', b'{"nam": "x"}', b"[]", b"{", b"\xff", b"1",
                                  b'{"name":' + b"[" * 100_000])  # fmt: skip
def test_malformed_snapshot_requests_are_refused(
    client: EmulatorClient, action: str, body: bytes
) -> None:
    response = client.request("POST", f"/_emulator/{action}", content=body)
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")


def test_any_unicode_names_a_snapshot(client: EmulatorClient) -> None:
    for name in ("a\x00b", "\n", "\u202e", "\U0001f600", "n" * 100_000):
        assert act(client, "snapshot", {"name": name})["name"] == name
        assert act(client, "restore", {"name": name})["name"] == name


def test_faults_can_be_changed(client: EmulatorClient) -> None:
    act(client, "faults", {"spec": "500=1"})
    assert client.refused("/v1/query", {}) == (500, "INTERNAL_SERVER_ERROR")
    act(client, "faults", {"spec": ""})
    assert keys(client) == []
    for wrong in (
        {}, {"spec": "bogus=1"}, {"spec": "/etc/passwd.json"}, {"spec": "a.toml"}, {"spec": None},
        {"spec": "\ud800"}, {"spec": "\x00"}, {"spec": "", "x": 1}, {"spec": "seed=" + "9" * 400},
    ):  # fmt: skip
        assert client.refused("/_emulator/faults", wrong) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_loopback_callers_are_accepted(client: EmulatorClient, host: Any) -> None:
    assert client.post("/_emulator/reset", address=(host, 1)).status_code == 200


@pytest.mark.parametrize("host", ["10.0.0.1", "::ffff:10.0.0.1", "", "localhost"])
def test_other_callers_are_refused(client: EmulatorClient, host: Any) -> None:
    response = client.post("/_emulator/reset", address=(host, 1))
    assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")


def test_web_pages_are_refused(client: EmulatorClient) -> None:
    response = client.post("/_emulator/reset", headers={"origin": "http://localhost"})
    assert response.status_code == 403


@pytest.mark.parametrize("admin_token", [None, "admin"])
@pytest.mark.parametrize("action", ["export", "stats", "clock"])
def test_what_a_page_asks_for_without_an_origin_is_refused(
    open_client: OpenClient, action: str, admin_token: str | None
) -> None:
    client = open_client(admin_token=admin_token)
    allowed = {"authorization": "Bearer admin"}
    for site, status in (("cross-site", 403), ("same-site", 403), ("", 403),
                         ("same-origin", 200), ("none", 200)):  # fmt: skip
        headers = allowed | {"sec-fetch-site": site}
        response = client.request("GET", f"/_emulator/{action}", headers=headers)
        assert response.status_code == status, site
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("POST", "reset"), ("POST", "snapshot"), ("POST", "restore"), ("GET", "stats"),
        ("GET", "clock"), ("POST", "clock"), ("POST", "faults"),
    ],
)  # fmt: skip
def test_with_tokens_the_control_requests_need_one(
    open_client: OpenClient, method: str, action: str
) -> None:
    client = open_client(tokens=(Token("one", "i"),))
    for headers in ({}, {"authorization": "Bearer two"}):
        response = client.request(method, f"/_emulator/{action}", json={}, headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "UNAUTHORIZED")
    allowed = {"authorization": "Bearer one"}
    response = client.request(method, f"/_emulator/{action}", json={}, headers=allowed)
    assert response.status_code != 401


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1", ""])
def test_with_an_admin_token_it_alone_controls_from_anywhere(
    open_client: OpenClient, address: str
) -> None:
    client = open_client(tokens=(Token("data", "i"),), admin_token="admin")
    where = (address, 1)
    for headers in ({}, {"authorization": "Bearer data"}, {"authorization": "Basic admin"}):
        response = client.post("/_emulator/reset", headers=headers, address=where)
        assert (response.status_code, response.json()["code"]) == (401, "UNAUTHORIZED")
    allowed = {"authorization": "Bearer admin"}
    assert client.post("/_emulator/reset", headers=allowed, address=where).status_code == 200
    page = allowed | {"origin": "http://localhost"}
    assert client.post("/_emulator/reset", headers=page, address=where).status_code == 403
    assert client.refused("/v1/query", {}, headers=allowed) == (401, "UNAUTHORIZED")


def test_the_control_requests_can_be_switched_off(open_client: OpenClient) -> None:
    assert open_client(admin=False).refused("/_emulator/reset", {}) == (403, "FORBIDDEN")


def test_other_actions_are_403(client: EmulatorClient) -> None:
    assert client.refused("/_emulator/explode", {}) == (403, "FORBIDDEN")
    assert client.request("GET", "/_emulator/reset").status_code == 403
