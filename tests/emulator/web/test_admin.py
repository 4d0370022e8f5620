"""/_emulator/: what a test does to the emulator itself."""

from typing import Any

import pytest

from tests.emulator.storage.test_entities import ENTITIES, found, named
from tests.emulator.support import Desk, OpenDesk


def act(desk: Desk, action: Any, json: Any = None) -> Any:
    return desk.ok(f"/_emulator/{action}", json)


def keys(desk: Desk) -> Any:
    return [record["key"] for record in desk.ok("/v1/query", {})["data"]]


def test_reset_forgets_every_record(desk: Desk) -> None:
    other = {"authorization": "Bearer x"}
    desk.ok("/v1/set", {"key": "a", "value": 1})
    desk.ok("/v1/set", {"key": "a", "value": 1}, headers=other)
    assert act(desk, "reset") == {}
    assert keys(desk) == []
    assert desk.ok("/v1/query", {}, headers=other)["data"] == []


def test_snapshots_are_returned_to(desks: OpenDesk) -> None:
    desk = desks(entities=ENTITIES)
    assert act(desk, "snapshot", {"name": "empty"}) == {"name": "empty", "records": 0}
    desk.ok("/v1/set", {"key": "a", "value": 1})
    desk.ok("/v1/entity/set", named(key="e", value={"age": 1}))
    assert act(desk, "snapshot") == {"name": "default", "records": 2}
    desk.ok("/v1/set", {"key": "b", "value": 1})
    act(desk, "reset")
    assert act(desk, "restore") == {"name": "default", "records": 2}
    assert keys(desk) == ["a"]
    assert found(desk, indexName="age") == "e"
    act(desk, "restore", {"name": "empty"})
    assert keys(desk) == []
    assert desk.refused("/_emulator/restore", {"name": "none"}) == (404, "SNAPSHOT_NOT_FOUND")


def test_stats_count(desk: Desk) -> None:
    desk.ok("/v1/batch/set", [{"key": "a", "value": 1}, {"key": "b", "value": 1}])
    desk.refused("/v1/get", {"key": "z"})
    act(desk, "faults", {"spec": "script=500"})
    desk.refused("/v1/get", {"key": "z"})
    stats = desk.request("GET", "/_emulator/stats").json()
    assert stats["records"] == {"default": {"": 2}}
    assert stats["answers"] == {"200": 2, "404": 1, "500": 1}
    assert stats["faults"] == {"500": 1}


def test_the_clock_is_set_moved_and_resumed(desk: Desk) -> None:
    start = desk.time.now_ms
    shown = desk.request("GET", "/_emulator/clock").json()
    assert shown == {"now": start, "iso": "2026-01-01T00:00:00.000Z"}
    assert act(desk, "clock", {"advance_ms": 1500})["now"] == start + 1500
    assert act(desk, "clock", {"now": 5, "frozen": True})["now"] == 5
    desk.time.forward(1)
    assert act(desk, "clock", {"advance_ms": 1})["now"] == 6
    assert act(desk, "clock", {"now": 5})["now"] == 5
    desk.time.forward(1)
    assert desk.request("GET", "/_emulator/clock").json()["now"] == 1005
    assert act(desk, "clock", {"resume": True})["now"] == start + 2000
    for wrong in ({}, {"now": -1}, {"now": "x"}, {"advance_ms": 1.5}, {"now": True}):
        assert desk.refused("/_emulator/clock", wrong) == (400, "INVALID_REQUEST")


def test_faults_can_be_changed(desk: Desk) -> None:
    act(desk, "faults", {"spec": "500=1"})
    assert desk.refused("/v1/query", {}) == (500, "INTERNAL_SERVER_ERROR")
    act(desk, "faults", {"spec": ""})
    assert keys(desk) == []
    for wrong in ({}, {"spec": "bogus=1"}, {"spec": "/etc/passwd.json"}):
        assert desk.refused("/_emulator/faults", wrong) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_loopback_callers_may(desk: Desk, host: Any) -> None:
    assert desk.post("/_emulator/reset", client=(host, 1)).status_code == 200


@pytest.mark.parametrize("host", ["10.0.0.1", "::ffff:10.0.0.1", "", "localhost"])
def test_others_may_not(desk: Desk, host: Any) -> None:
    response = desk.post("/_emulator/reset", client=(host, 1))
    assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")


def test_web_pages_may_not(desk: Desk) -> None:
    response = desk.post("/_emulator/reset", headers={"origin": "http://localhost"})
    assert response.status_code == 403


def test_it_can_be_switched_off(desks: OpenDesk) -> None:
    assert desks(admin=False).refused("/_emulator/reset", {}) == (403, "FORBIDDEN")


def test_other_actions_are_403(desk: Desk) -> None:
    assert desk.refused("/_emulator/explode", {}) == (403, "FORBIDDEN")
    assert desk.request("GET", "/_emulator/reset").status_code == 403
