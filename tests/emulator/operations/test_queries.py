"""query: order, pages, prefix, metadata and lag."""

from typing import Any

import pytest

from tests.emulator.support import EmulatorClient, OpenClient

FIELDS = {"metadataFields": ["CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"]}


def fill(client: EmulatorClient, keys: Any) -> Any:
    for start in range(0, len(keys), 25):
        batch = [{"key": key, "value": key} for key in keys[start : start + 25]]
        assert client.ok("/v1/batch/set", batch)["failedKeys"] == []


def begins(prefix: Any) -> Any:
    return {"where": [{"property": "key", "condition": "BEGINS_WITH", "values": [prefix]}]}


def keys_of(answer: Any) -> Any:
    return [record["key"] for record in answer["data"]]


def test_a_page_is_10_by_default_and_at_most_100(client: EmulatorClient) -> None:
    keys = [f"k{n:03}" for n in range(120)]
    fill(client, keys)
    assert keys_of(client.ok("/v1/query", {})) == keys[:10]
    assert keys_of(client.ok("/v1/query", {"limit": 100})) == keys[:100]
    for limit in (0, 101, -1, 1.5, "10", True):
        assert client.refused("/v1/query", {"limit": limit}) == (400, "LIST_QUERY_LIMIT_EXCEEDED")


def test_cursors_visit_every_record_once(client: EmulatorClient) -> None:
    keys = sorted(["b", "a", "a b", "B", "a-", "zz", "z"])
    fill(client, keys)
    found, request = [], {"limit": 3}
    while True:
        answer = client.ok("/v1/query", request)
        found += keys_of(answer)
        if "cursor" not in answer:
            break
        request = {"limit": 3, "after": answer["cursor"]}
    assert found == keys


def test_the_last_page_has_no_cursor(client: EmulatorClient) -> None:
    fill(client, ["a", "b"])
    assert "cursor" not in client.ok("/v1/query", {"limit": 2})


def test_begins_with(client: EmulatorClient) -> None:
    fill(client, ["a", "ab", "abc", "ac", "b"])
    assert keys_of(client.ok("/v1/query", begins("ab"))) == ["ab", "abc"]
    page = client.ok("/v1/query", begins("a") | {"limit": 2})
    rest = client.ok("/v1/query", begins("a") | {"after": page["cursor"]})
    assert keys_of(page) + keys_of(rest) == ["a", "ab", "abc", "ac"]
    assert client.ok("/v1/query", begins("x")) == {"data": []}


@pytest.mark.parametrize(
    ("request_body", "code"),
    [
        ({"where": [{}, {}]}, "QUERY_WHERE_INVALID"),
        ({"where": {}}, "QUERY_WHERE_INVALID"),
        ({"where": [{"property": "value"}]}, "QUERY_WHERE_FIELD_INVALID"),
        ({"where": [{"property": "key", "condition": "X"}]}, "INVALID_FILTER_CONDITION"),
        ({"where": [{"property": "key", "condition": "BEGINS_WITH"}]}, "INVALID_FILTER_VALUES"),
        ({"where": [1]}, "INVALID_REQUEST"),
        (begins("\ud800"), "INVALID_REQUEST"),
        ({"after": "%%%"}, "INVALID_CURSOR"),
        ({"after": "WzEsMl0"}, "INVALID_CURSOR"),
        ({"after": 1}, "INVALID_REQUEST"),
        ({"options": {"metadataFields": ["X"]}}, "BAD_REQUEST"),
    ],
)
def test_refused_queries(client: EmulatorClient, request_body: Any, code: Any) -> None:
    assert client.refused("/v1/query", request_body) == (400, code)


@pytest.mark.parametrize(
    ("option", "times"),
    [("current", (0, 1000)), ("stale", (0, 0)), ("omitted", None)],
)
def test_metadata_of_queries_can_be_stale_or_omitted(
    open_client: OpenClient, option: Any, times: Any
) -> None:
    client = open_client(query_metadata=option)
    start = client.time.now_ms
    ttl = {"ttl": {"value": 1, "unit": "HOURS"}}
    client.ok("/v1/set", {"key": "a", "value": 1})
    client.time.forward(1)
    client.ok("/v1/set", {"key": "a", "value": 1, "options": ttl})
    (record,) = client.ok("/v1/query", {"options": FIELDS})["data"]
    assert record.pop("expireTime") == "2026-01-01T01:00:01.000Z"
    expected = (
        {}
        if times is None
        else {
            "createdAt": start + times[0],
            "updatedAt": start + times[1],
        }
    )
    assert record == {"key": "a", "value": 1} | expected


def test_queries_can_lag_and_gets_never_do(open_client: OpenClient) -> None:
    client = open_client(query_lag_seconds=5)

    def seen() -> Any:
        return {one["key"]: one["value"] for one in client.ok("/v1/query", {})["data"]}

    client.ok("/v1/set", {"key": "a", "value": 1})
    assert seen() == {}
    assert client.ok("/v1/get", {"key": "a"})["value"] == 1
    client.time.forward(3)
    client.ok("/v1/set", {"key": "a", "value": 2})
    client.ok("/v1/set", {"key": "b", "value": 1})
    client.time.forward(2)
    assert seen() == {"a": 1}
    client.time.forward(2.999)
    assert seen() == {"a": 1}
    client.time.forward(0.001)
    assert seen() == {"a": 2, "b": 1}
    client.ok("/v1/delete", {"key": "a"})
    assert seen() == {"a": 2, "b": 1}
    assert client.refused("/v1/get", {"key": "a"}) == (404, "KEY_NOT_FOUND")
    client.time.forward(5)
    assert seen() == {"b": 1}


def test_strict_expiry_holds_for_queries(open_client: OpenClient) -> None:
    for expiry, left in (("strict", ["b"]), ("lazy", ["a", "b"])):
        client = open_client(expiry=expiry)
        fill(client, ["b"])
        ttl = {"ttl": {"value": 1, "unit": "SECONDS"}}
        client.ok("/v1/set", {"key": "a", "value": 1, "options": ttl})
        client.time.forward(1)
        assert keys_of(client.ok("/v1/query", {})) == left


def test_later_writes_purge_expired_records(open_client: OpenClient) -> None:
    client = open_client(expiry="strict")
    ttl = {"ttl": {"value": 1, "unit": "SECONDS"}}
    client.ok("/v1/set", {"key": "a", "value": 1, "options": ttl})
    client.time.forward(61)
    client.ok("/v1/set", {"key": "b", "value": 1})
    count = client.emulator.store.connection.execute("SELECT count(*) FROM record").fetchone()
    assert count == (1,)
