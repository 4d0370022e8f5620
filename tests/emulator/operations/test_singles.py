"""get, set and delete of one record: plain, of an entity, secret."""

from typing import Any

import pytest

from tests.emulator.support import Desk

A_MINUTE = {"value": 1, "unit": "MINUTES"}
SPACES = [("", {}), ("entity/", {"entityName": "abc"}), ("secret/", {})]


@pytest.mark.parametrize(("space", "named"), SPACES)
def test_a_record_is_set_read_and_deleted(desk: Desk, space: Any, named: Any) -> None:
    response = desk.post(f"/v1/{space}set", {"key": "a", "value": {"n": 1}, **named})
    assert (response.status_code, response.content) == (200, b"")
    read = desk.ok(f"/v1/{space}get", {"key": "a", **named})
    assert read == {"key": "a", "value": {"n": 1}, **named}
    for _ in range(2):
        response = desk.post(f"/v1/{space}delete", {"key": "a", **named})
        assert (response.status_code, response.content) == (200, b"")
    assert desk.refused(f"/v1/{space}get", {"key": "a", **named}) == (404, "KEY_NOT_FOUND")


def test_the_three_spaces_do_not_meet(desk: Desk) -> None:
    desk.ok("/v1/set", {"key": "a", "value": 1})
    desk.ok("/v1/secret/set", {"key": "a", "value": 2})
    desk.ok("/v1/entity/set", {"key": "a", "value": {"n": 3}, "entityName": "abc"})
    assert desk.ok("/v1/get", {"key": "a"})["value"] == 1
    assert desk.ok("/v1/secret/get", {"key": "a"})["value"] == 2
    assert desk.ok("/v1/query", {}) == {"data": [{"key": "a", "value": 1}]}
    assert desk.ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"] == [{"key": "a", "value": 1}]


def test_metadata_is_answered_when_asked_for(desk: Desk) -> None:
    desk.ok("/v1/set", {"key": "a", "value": 1, "options": {"ttl": A_MINUTE}})
    fields = ["CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"]
    read = desk.ok("/v1/get", {"key": "a", "options": {"metadataFields": fields}})
    assert read == {
        "key": "a",
        "value": 1,
        "createdAt": desk.time.now_ms,
        "updatedAt": desk.time.now_ms,
        "expireTime": "2026-01-01T00:01:00.000Z",
    }


def test_fail_if_exists(desk: Desk) -> None:
    request = {"key": "a", "value": 1, "options": {"keyPolicy": "FAIL_IF_EXISTS"}}
    desk.ok("/v1/set", request)
    assert desk.refused("/v1/set", request | {"value": 2}) == (409, "KEY_CONFLICT")
    assert desk.ok("/v1/get", {"key": "a"})["value"] == 1
    desk.ok("/v1/set", {"key": "a", "value": 3, "options": {"keyPolicy": "OVERRIDE"}})


def test_return_value(desk: Desk) -> None:
    def set_one(value: Any, wanted: Any) -> Any:
        options = {
            "keyPolicy": "OVERRIDE",
            "returnValue": wanted,
            "returnMetadataFields": ["UPDATED_AT"],
        }
        return desk.ok("/v1/set", {"key": "a", "value": value, "options": options})

    first = desk.time.now_ms
    assert set_one(1, "PREVIOUS") is None
    desk.time.forward(1)
    assert set_one(2, "PREVIOUS") == {"key": "a", "value": 1, "updatedAt": first}
    assert set_one(3, "LATEST") == {"key": "a", "value": 3, "updatedAt": first + 1000}


@pytest.mark.parametrize(
    "options",
    [
        {"keyPolicy": "MAYBE"},
        {"returnValue": "BOTH"},
        {"keyPolicy": "FAIL_IF_EXISTS", "returnValue": "LATEST"},
        {"returnMetadataFields": ["SIZE"]},
        [],
    ],
)
def test_unknown_set_options_are_refused(desk: Desk, options: Any) -> None:
    request = {"key": "a", "value": 1, "options": options}
    assert desk.refused("/v1/set", request) == (400, "INVALID_REQUEST")
    assert desk.refused("/v1/get", {"key": "a"}) == (404, "KEY_NOT_FOUND")


def test_the_limits_hold_here_too(desk: Desk) -> None:
    assert desk.refused("/v1/set", {"key": "a/b", "value": 1}) == (400, "INVALID_KEY")
    assert desk.refused("/v1/get", {"key": ""}) == (400, "KEY_TOO_SHORT")
    assert desk.refused("/v1/delete", {"key": " "}) == (400, "INVALID_KEY")
    assert desk.refused("/v1/set", {"key": "a"}) == (400, "INVALID_VALUE")
    assert desk.refused("/v1/secret/set", {"key": "a", "value": None}) == (400, "INVALID_VALUE")
    assert desk.refused("/v1/entity/get", {"key": "a"}) == (400, "INVALID_REQUEST")
    zero = {"ttl": {"value": 0, "unit": "DAYS"}}
    assert desk.refused("/v1/set", {"key": "a", "value": 1, "options": zero}) == (
        400,
        "INVALID_TTL",
    )
    assert desk.refused("/v1/get", [{"key": "a"}]) == (400, "INVALID_REQUEST")
