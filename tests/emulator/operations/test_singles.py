"""get, set and delete of one record: plain, secret, or of an entity."""

from typing import Any

import pytest

from tests.emulator.support import EmulatorClient

A_MINUTE = {"value": 1, "unit": "MINUTES"}
SPACES = [("", {}), ("entity/", {"entityName": "abc"}), ("secret/", {})]


@pytest.mark.parametrize(("space", "named"), SPACES)
def test_a_record_is_set_read_and_deleted(client: EmulatorClient, space: Any, named: Any) -> None:
    response = client.post(f"/v1/{space}set", {"key": "a", "value": {"n": 1}, **named})
    assert (response.status_code, response.content) == (204, b"")
    read = client.ok(f"/v1/{space}get", {"key": "a", **named})
    assert read == {"key": "a", "value": {"n": 1}, **named}
    for _ in range(2):
        response = client.post(f"/v1/{space}delete", {"key": "a", **named})
        assert (response.status_code, response.content) == (204, b"")
    assert client.refused(f"/v1/{space}get", {"key": "a", **named}) == (404, "KEY_NOT_FOUND")


def test_the_three_spaces_are_separate(client: EmulatorClient) -> None:
    client.ok("/v1/set", {"key": "a", "value": 1})
    client.ok("/v1/secret/set", {"key": "a", "value": 2})
    client.ok("/v1/entity/set", {"key": "a", "value": {"n": 3}, "entityName": "abc"})
    assert client.ok("/v1/get", {"key": "a"})["value"] == 1
    assert client.ok("/v1/secret/get", {"key": "a"})["value"] == 2
    assert client.ok("/v1/query", {}) == {"data": [{"key": "a", "value": 1}]}
    assert client.ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"] == [
        {"key": "a", "value": 1}
    ]


def test_metadata_is_returned_on_request(client: EmulatorClient) -> None:
    client.ok("/v1/set", {"key": "a", "value": 1, "options": {"ttl": A_MINUTE}})
    fields = ["CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"]
    read = client.ok("/v1/get", {"key": "a", "options": {"metadataFields": fields}})
    assert read == {
        "key": "a",
        "value": 1,
        "createdAt": client.time.now_ms,
        "updatedAt": client.time.now_ms,
        "expireTime": "2026-01-01T00:01:00.000Z",
    }


def test_fail_if_exists(client: EmulatorClient) -> None:
    request = {"key": "a", "value": 1, "options": {"keyPolicy": "FAIL_IF_EXISTS"}}
    client.ok("/v1/set", request)
    assert client.refused("/v1/set", request | {"value": 2}) == (409, "KEY_CONFLICT")
    assert client.ok("/v1/get", {"key": "a"})["value"] == 1
    client.ok("/v1/set", {"key": "a", "value": 3, "options": {"keyPolicy": "OVERRIDE"}})


def test_return_value(client: EmulatorClient) -> None:
    def set_one(value: Any, wanted: Any) -> Any:
        options = {
            "keyPolicy": "OVERRIDE",
            "returnValue": wanted,
            "returnMetadataFields": ["UPDATED_AT"],
        }
        return client.ok("/v1/set", {"key": "a", "value": value, "options": options})

    first = client.time.now_ms
    assert set_one(1, "PREVIOUS") is None
    client.time.forward(1)
    assert set_one(2, "PREVIOUS") == {"key": "a", "value": 1, "updatedAt": first}
    assert set_one(3, "LATEST") == {"key": "a", "value": 3, "updatedAt": first + 1000}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"keyPolicy": "MAYBE"}, "INVALID_REQUEST"),
        ({"returnValue": "BOTH"}, "INVALID_REQUEST"),
        ({"keyPolicy": "FAIL_IF_EXISTS", "returnValue": "LATEST"}, "INVALID_REQUEST"),
        ({"returnMetadataFields": ["SIZE"]}, "BAD_REQUEST"),
        ([], "INVALID_REQUEST"),
    ],
)
def test_unknown_set_options_are_refused(client: EmulatorClient, options: Any, code: str) -> None:
    request = {"key": "a", "value": 1, "options": options}
    assert client.refused("/v1/set", request) == (400, code)
    assert client.refused("/v1/get", {"key": "a"}) == (404, "KEY_NOT_FOUND")


def test_the_limits_are_checked(client: EmulatorClient) -> None:
    assert client.refused("/v1/set", {"key": "a/b", "value": 1}) == (400, "INVALID_KEY")
    assert client.refused("/v1/get", {"key": ""}) == (400, "KEY_TOO_SHORT")
    assert client.refused("/v1/delete", {"key": " "}) == (400, "INVALID_KEY")
    assert client.refused("/v1/set", {"key": "a"}) == (400, "INVALID_VALUE")
    assert client.refused("/v1/secret/set", {"key": "a", "value": None}) == (400, "INVALID_VALUE")
    assert client.refused("/v1/entity/get", {"key": "a"}) == (400, "INVALID_REQUEST")
    zero = {"ttl": {"value": 0, "unit": "DAYS"}}
    assert client.refused("/v1/set", {"key": "a", "value": 1, "options": zero}) == (
        400,
        "INVALID_TTL",
    )
    assert client.refused("/v1/get", [{"key": "a"}]) == (400, "INVALID_REQUEST")
