"""batch/set, batch/get and batch/delete, by the contract."""

from typing import Any

import pytest

from kvsctl.limits import Limits
from tests.emulator.support import EmulatorClient, OpenClient

A_MINUTE = {"ttl": {"value": 1, "unit": "MINUTES"}}
ALL_FIELDS = {"metadataFields": ["CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"]}


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1", "/forge/storage/kvs/v1"])
def test_set_get_and_delete_work_under_every_prefix(client: EmulatorClient, prefix: Any) -> None:
    assert client.ok(f"{prefix}/batch/set", [{"key": "a", "value": 1}]) == {
        "successfulKeys": [{"key": "a"}],
        "failedKeys": [],
    }
    assert client.ok(f"{prefix}/batch/get", [{"key": "a"}])["successfulKeys"] == [
        {"key": "a", "value": 1}
    ]
    assert client.ok(f"{prefix}/batch/delete", [{"key": "a"}])["successfulKeys"] == [{"key": "a"}]
    assert client.ok(f"{prefix}/batch/get", [{"key": "a"}])["successfulKeys"] == []


def test_values_are_returned_byte_for_byte(client: EmulatorClient) -> None:
    values = [
        b'{"b" : 1.0,"a":2}',
        b"12345678901234567890",
        b'"\\ud800"',
        b"1e400",
        b'{"a":1,"a":2}',
    ]
    body = b",".join(b'{"key":"k%d","value":%s}' % (n, value) for n, value in enumerate(values))
    assert client.post("/v1/batch/set", content=b"[" + body + b"]").json()["failedKeys"] == []
    keys = [{"key": f"k{n}"} for n in range(len(values))]
    answer = client.post("/v1/batch/get", keys).content
    for value in values:
        assert b'"value":' + value in answer


def test_a_bad_record_fails_alone(client: EmulatorClient) -> None:
    answer = client.ok(
        "/v1/batch/set",
        [{"key": "a/b", "value": 1}, {"key": "b", "value": 2}, {"key": "c", "entityName": "x"}],
    )
    assert answer["successfulKeys"] == [{"key": "b"}]
    assert [(one["key"], one["error"]["code"]) for one in answer["failedKeys"]] == [
        ("a/b", "INVALID_KEY"),
        ("c", "ENTITY_TYPE_TOO_SHORT"),
    ]


def test_a_key_that_is_not_unicode_is_named_beside_values(client: EmulatorClient) -> None:
    client.ok("/v1/batch/set", [{"key": "a", "value": {"n": 1}}])
    answer = client.ok("/v1/batch/get", [{"key": "a"}, {"key": "\ud800"}])
    assert answer["successfulKeys"] == [{"key": "a", "value": {"n": 1}}]
    assert [(one["key"], one["error"]["code"]) for one in answer["failedKeys"]] == [
        ("\ud800", "INVALID_KEY")
    ]


def test_a_bad_record_can_refuse_the_batch(open_client: OpenClient) -> None:
    client = open_client(bad_record="refuses-batch")
    batch = [{"key": "b", "value": 2}, {"key": "a/b", "value": 1}]
    assert client.refused("/v1/batch/set", batch) == (400, "INVALID_KEY")
    assert client.ok("/v1/batch/get", [{"key": "b"}])["successfulKeys"] == []


def test_a_missing_key_fails_with_the_live_message(client: EmulatorClient) -> None:
    assert client.ok("/v1/batch/get", [{"key": "a"}]) == {
        "successfulKeys": [],
        "failedKeys": [
            {
                "key": "a",
                "error": {"code": "KEY_NOT_FOUND", "message": "Provided key does not exist"},
            }
        ],
    }


def test_a_missing_key_can_be_in_neither_list(open_client: OpenClient) -> None:
    client = open_client(missing_keys="left-out")
    assert client.ok("/v1/batch/get", [{"key": "a"}]) == {"successfulKeys": [], "failedKeys": []}


def test_deleting_a_missing_key_succeeds(client: EmulatorClient) -> None:
    named = {"key": "a", "entityName": "abc"}
    assert client.ok("/v1/batch/delete", [named]) == {"successfulKeys": [named], "failedKeys": []}


def test_entities_and_plain_keys_are_separate(client: EmulatorClient) -> None:
    batch = [{"key": "a", "value": 1}, {"key": "a", "value": {"n": 2}, "entityName": "abc"}]
    assert len(client.ok("/v1/batch/set", batch)["successfulKeys"]) == 2
    read = client.ok("/v1/batch/get", [{"key": "a"}, {"key": "a", "entityName": "abc"}])
    assert read["successfulKeys"] == [
        {"key": "a", "value": 1},
        {"key": "a", "value": {"n": 2}, "entityName": "abc"},
    ]


@pytest.mark.parametrize("verb", ["set", "get", "delete"])
def test_whole_batches_are_refused(client: EmulatorClient, verb: Any) -> None:
    path = f"/v1/batch/{verb}"
    many = [{"key": f"k{n}", "value": n} for n in range(26)]
    assert client.refused(path, many) == (400, "TOO_MANY_BATCH_ENTITIES")
    assert (
        client.post(path, many)
        .json()["message"]
        .startswith(f"Number of entities to {verb} was 26, ")
    )
    assert client.refused(path, []) == (400, "INVALID_REQUEST")
    twice = [{"key": "a", "value": 1}, {"key": "a", "value": 2}]
    assert client.refused(path, twice) == (400, "KEY_DUPLICATION_ERROR")
    assert client.ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"] == []


def test_a_payload_that_is_too_large_is_refused(open_client: OpenClient) -> None:
    batch = [{"key": f"k{n}", "value": "x" * 100} for n in range(20)]
    assert open_client(limits=Limits(batch_bytes=2000)).refused("/v1/batch/set", batch) == (
        413,
        "PAYLOAD_TOO_LARGE",
    )
    other = open_client(limits=Limits(batch_bytes=2000), payload_status=400)
    assert other.refused("/v1/batch/set", batch) == (400, "PAYLOAD_TOO_LARGE")


def test_batch_get_returns_the_requested_metadata(client: EmulatorClient) -> None:
    client.ok("/v1/batch/set", [{"key": "a", "value": 1, "options": A_MINUTE}])
    client.time.forward(1.5)
    client.ok("/v1/batch/set", [{"key": "a", "value": 2, "options": A_MINUTE}])
    (record,) = client.ok("/v1/batch/get", [{"key": "a", "options": ALL_FIELDS}])["successfulKeys"]
    assert record == {
        "key": "a",
        "value": 2,
        "createdAt": 1_767_225_600_000,
        "updatedAt": 1_767_225_601_500,
        "expireTime": "2026-01-01T00:01:01.500Z",
    }


def test_metadata_fields_are_an_array_of_known_names(client: EmulatorClient) -> None:
    for fields in ({"0": "CREATED_AT"}, ["SIZE"], [1]):
        item = {"key": "a", "options": {"metadataFields": fields}}
        for path, body in (("get", item), ("query", {"options": item["options"]})):
            assert client.refused(f"/v1/{path}", body) == (400, "BAD_REQUEST")
        # The whole batch, not the item.
        assert client.refused("/v1/batch/get", [{"key": "b"}, item]) == (400, "BAD_REQUEST")


def read_codes(client: EmulatorClient) -> Any:
    answer = client.ok("/v1/batch/get", [{"key": "a"}])
    return [one["key"] for one in answer["successfulKeys"]]


def test_expired_records_are_served_for_48_hours(client: EmulatorClient) -> None:
    client.ok("/v1/batch/set", [{"key": "a", "value": 1, "options": A_MINUTE}])
    client.time.forward(60 + 48 * 3600 - 1)
    assert read_codes(client) == ["a"]
    client.time.forward(1)
    assert read_codes(client) == []


def test_strict_expiry_hides_expired_records_at_once(open_client: OpenClient) -> None:
    client = open_client(expiry="strict")
    client.ok("/v1/batch/set", [{"key": "a", "value": 1, "options": A_MINUTE}])
    client.time.forward(59.999)
    assert read_codes(client) == ["a"]
    client.time.forward(0.001)
    assert read_codes(client) == []
    client.ok("/v1/batch/set", [{"key": "a", "value": 1}])
    (record,) = client.ok("/v1/batch/get", [{"key": "a", "options": ALL_FIELDS}])["successfulKeys"]
    assert record["createdAt"] == client.time.now_ms


def test_a_set_without_ttl_clears_the_expiry_or_keeps_it(open_client: OpenClient) -> None:
    for option, kept in (("clears-expiry", False), ("keeps-expiry", True)):
        client = open_client(ttl_less_set=option)
        client.ok("/v1/batch/set", [{"key": "a", "value": 1, "options": A_MINUTE}])
        client.ok("/v1/batch/set", [{"key": "a", "value": 2}])
        read = client.ok("/v1/batch/get", [{"key": "a", "options": ALL_FIELDS}])
        assert ("expireTime" in read["successfulKeys"][0]) is kept
