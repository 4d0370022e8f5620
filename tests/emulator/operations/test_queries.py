"""query: order, pages, prefix, metadata, and lying behind the writes."""

from typing import Any

import pytest

from tests.emulator.support import Desk, OpenDesk

FIELDS = {"metadataFields": ["CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"]}


def fill(desk: Desk, keys: Any) -> Any:
    for start in range(0, len(keys), 25):
        batch = [{"key": key, "value": key} for key in keys[start : start + 25]]
        assert desk.ok("/v1/batch/set", batch)["failedKeys"] == []


def begins(prefix: Any) -> Any:
    return {"where": [{"property": "key", "condition": "BEGINS_WITH", "values": [prefix]}]}


def keys_of(answer: Any) -> Any:
    return [record["key"] for record in answer["data"]]


def test_a_page_is_10_by_default_and_at_most_100(desk: Desk) -> None:
    keys = [f"k{n:03}" for n in range(120)]
    fill(desk, keys)
    assert keys_of(desk.ok("/v1/query", {})) == keys[:10]
    assert keys_of(desk.ok("/v1/query", {"limit": 100})) == keys[:100]
    for limit in (0, 101, -1, 1.5, "10", True):
        assert desk.refused("/v1/query", {"limit": limit}) == (400, "LIST_QUERY_LIMIT_EXCEEDED")


def test_cursors_lead_through_everything_once(desk: Desk) -> None:
    keys = sorted(["b", "a", "a b", "B", "a-", "zz", "z"])
    fill(desk, keys)
    found, request = [], {"limit": 3}
    while True:
        answer = desk.ok("/v1/query", request)
        found += keys_of(answer)
        if "cursor" not in answer:
            break
        request = {"limit": 3, "after": answer["cursor"]}
    assert found == keys


def test_a_page_that_ends_where_the_keys_do_has_no_cursor(desk: Desk) -> None:
    fill(desk, ["a", "b"])
    assert "cursor" not in desk.ok("/v1/query", {"limit": 2})


def test_begins_with(desk: Desk) -> None:
    fill(desk, ["a", "ab", "abc", "ac", "b"])
    assert keys_of(desk.ok("/v1/query", begins("ab"))) == ["ab", "abc"]
    page = desk.ok("/v1/query", begins("a") | {"limit": 2})
    rest = desk.ok("/v1/query", begins("a") | {"after": page["cursor"]})
    assert keys_of(page) + keys_of(rest) == ["a", "ab", "abc", "ac"]
    assert desk.ok("/v1/query", begins("x")) == {"data": []}


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
        ({"options": {"metadataFields": ["X"]}}, "INVALID_REQUEST"),
    ],
)
def test_refused_queries(desk: Desk, request_body: Any, code: Any) -> None:
    assert desk.refused("/v1/query", request_body) == (400, code)


@pytest.mark.parametrize(
    ("option", "times"),
    [("current", (0, 1000)), ("stale", (0, 0)), ("omitted", None)],
)
def test_metadata_of_queries_can_be_stale_or_left_out(
    desks: OpenDesk, option: Any, times: Any
) -> None:
    desk = desks(query_metadata=option)
    start = desk.time.now_ms
    ttl = {"ttl": {"value": 1, "unit": "HOURS"}}
    desk.ok("/v1/set", {"key": "a", "value": 1})
    desk.time.forward(1)
    desk.ok("/v1/set", {"key": "a", "value": 1, "options": ttl})
    (record,) = desk.ok("/v1/query", {"options": FIELDS})["data"]
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


def test_queries_can_lie_behind_and_gets_never_do(desks: OpenDesk) -> None:
    desk = desks(query_lag_seconds=5)

    def seen() -> Any:
        return {one["key"]: one["value"] for one in desk.ok("/v1/query", {})["data"]}

    desk.ok("/v1/set", {"key": "a", "value": 1})
    assert seen() == {}
    assert desk.ok("/v1/get", {"key": "a"})["value"] == 1
    desk.time.forward(3)
    desk.ok("/v1/set", {"key": "a", "value": 2})
    desk.ok("/v1/set", {"key": "b", "value": 1})
    desk.time.forward(2)
    assert seen() == {"a": 1}
    desk.time.forward(2.999)
    assert seen() == {"a": 1}
    desk.time.forward(0.001)
    assert seen() == {"a": 2, "b": 1}
    desk.ok("/v1/delete", {"key": "a"})
    assert seen() == {"a": 2, "b": 1}
    assert desk.refused("/v1/get", {"key": "a"}) == (404, "KEY_NOT_FOUND")
    desk.time.forward(5)
    assert seen() == {"b": 1}


def test_strict_expiry_holds_for_queries(desks: OpenDesk) -> None:
    for expiry, left in (("strict", ["b"]), ("lazy", ["a", "b"])):
        desk = desks(expiry=expiry)
        fill(desk, ["b"])
        ttl = {"ttl": {"value": 1, "unit": "SECONDS"}}
        desk.ok("/v1/set", {"key": "a", "value": 1, "options": ttl})
        desk.time.forward(1)
        assert keys_of(desk.ok("/v1/query", {})) == left


def test_what_is_gone_is_purged_by_later_writes(desks: OpenDesk) -> None:
    desk = desks(expiry="strict")
    ttl = {"ttl": {"value": 1, "unit": "SECONDS"}}
    desk.ok("/v1/set", {"key": "a", "value": 1, "options": ttl})
    desk.time.forward(61)
    desk.ok("/v1/set", {"key": "b", "value": 1})
    count = desk.emulator.store.connection.execute("SELECT count(*) FROM record").fetchone()
    assert count == (1,)
