"""What the page changes."""

from typing import Any

import pytest

from kvsctl.emulator.operations.service import Write
from kvsctl.emulator.page import changing
from tests.emulator.page.asking import answer, ask, fill, keys_of, refusal
from tests.emulator.storage.test_entities import ENTITIES, found, named
from tests.emulator.support import EmulatorClient, OpenClient

DAY_MS = 24 * 3600 * 1000
DAY = {"options": {"ttl": {"value": 1, "unit": "DAYS"}}}


def save(client: EmulatorClient, value: str, **more: Any) -> dict[str, Any]:
    return {"key": "a", "value": value, "version": version(client), **more}


def version(client: EmulatorClient) -> Any:
    return ask(client, "record", key="a")["version"]


@pytest.mark.parametrize(
    "text", ["1.0", "123456789012345678901234567890", '{"a": 1,\n "a":1e400}', '"\\u202e\u202e"']
)
def test_a_value_is_saved_character_by_character(client: EmulatorClient, text: str) -> None:
    fill(client, "a")
    saved = ask(client, "save", **save(client, f" \n{text}\t"))
    assert saved["value"] == text
    assert saved == ask(client, "record", key="a")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "INVALID_VALUE"),
        ("null", "INVALID_VALUE"),
        ("{", "INVALID_REQUEST"),
        ("NaN", "INVALID_REQUEST"),
        ("1 2", "INVALID_REQUEST"),
        ('1,"key":"b"', "INVALID_REQUEST"),
        ("1\0", "INVALID_REQUEST"),
        ("\ufeff1", "INVALID_REQUEST"),
        ("\u00a01", "INVALID_REQUEST"),
        ("'a'", "INVALID_REQUEST"),
        ("[" * 40 + "]" * 40, "MAX_DEPTH"),
        ("[" * 100_000, "MAX_DEPTH"),
        (f'"{"x" * 250_000}"', "MAX_SIZE"),
    ],
)
def test_what_a_set_would_refuse_is_refused(client: EmulatorClient, text: str, code: str) -> None:
    fill(client, "a")
    assert refusal(client, "save", **save(client, text)) == (400, code)
    assert keys_of(ask(client, "records")) == ["a"]
    assert ask(client, "record", key="a")["value"] == "1"


def test_a_mistake_in_the_json_has_its_place(client: EmulatorClient) -> None:
    fill(client, "a")
    response = answer(client, "save", **save(client, '{"a": 1,\n "b" 2}'))
    assert response.json()["message"] == (
        "The value is not JSON: Expecting ':' delimiter at line 2, column 6"
    )


def test_a_record_that_has_changed_is_not_overwritten(client: EmulatorClient) -> None:
    fill(client, "a")
    edit = save(client, "2")
    fill(client, "a", value="theirs")
    assert refusal(client, "save", **edit) == (409, "RECORD_CHANGED")
    assert ask(client, "record", key="a")["value"] == '"theirs"'
    client.ok("/v1/delete", {"key": "a"})
    assert refusal(client, "save", **edit) == (404, "KEY_NOT_FOUND")


@pytest.mark.parametrize("ttl_less_set", ["clears-expiry", "keeps-expiry"])
def test_an_expiry_is_kept_removed_or_set(open_client: OpenClient, ttl_less_set: str) -> None:
    client = open_client(ttl_less_set=ttl_less_set)
    fill(client, "a", **DAY)
    start = client.time.now_ms
    client.time.forward(10)
    kept = ask(client, "save", **save(client, "2"))
    assert (kept["expiresAt"], kept["createdAt"]) == (start + DAY_MS, start)
    later = {"value": 2, "unit": "DAYS"}
    after = ask(client, "save", **save(client, "3", expiry=later))["expiresAt"]
    assert after == client.time.now_ms + 2 * DAY_MS
    never = ask(client, "save", **save(client, "4", expiry="never"))
    assert (never["value"], never["expiresAt"], never["createdAt"]) == ("4", None, start)


@pytest.mark.parametrize(
    ("expiry", "code"),
    [
        ({"value": 0, "unit": "DAYS"}, "INVALID_TTL"),
        ({"value": 1.5, "unit": "DAYS"}, "INVALID_TTL"),
        ({"value": 1, "unit": "YEARS"}, "INVALID_TTL"),
        ({"value": 366, "unit": "DAYS"}, "INVALID_TTL"),
        ("soon", "INVALID_REQUEST"),
        (5, "INVALID_REQUEST"),
    ],
)
def test_an_expiry_that_a_set_would_refuse_is_refused(
    client: EmulatorClient, expiry: Any, code: str
) -> None:
    fill(client, "a")
    assert refusal(client, "save", **save(client, "2", expiry=expiry)) == (400, code)


def test_an_entity_keeps_its_types_and_indexes(open_client: OpenClient) -> None:
    client = open_client(entities=ENTITIES)
    client.ok("/v1/entity/set", named(key="a", value={"age": 1}))
    space = named(key="a")["entityName"]
    read = ask(client, "record", space=space, key="a")
    edit = {"space": space, "key": "a", "version": read["version"]}
    wrong = refusal(client, "save", value='{"age":"x"}', **edit)
    assert wrong == (400, "INCORRECT_PROPERTY_TYPE")
    assert refusal(client, "save", value="1", **edit) == (400, "INVALID_ENTITY_VALUE")
    ask(client, "save", value='{"age":7}', **edit)
    assert found(client, indexName="age") == "a"


def test_keys_are_deleted(client: EmulatorClient) -> None:
    fill(client, "a", "b", "c")
    assert ask(client, "delete", keys=["a", "c", "z"]) == {"records": 2, "isMore": False}
    assert keys_of(ask(client, "records")) == ["b"]


def test_a_prefix_is_deleted_in_parts(
    client: EmulatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "DELETED_AT_ONCE", 3)
    fill(client, "a", "b:1", "b:2", "b:3", "b:4", "c")
    assert ask(client, "delete", prefix="b:", agreed=4) == {"records": 3, "isMore": True}
    second = ask(client, "delete", prefix="b:", agreed=4, deleted=3)
    assert second == {"records": 1, "isMore": False}
    assert keys_of(ask(client, "records")) == ["a", "c"]


def test_no_more_is_deleted_than_was_agreed_to(
    client: EmulatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "DELETED_AT_ONCE", 2)
    added = (409, "RECORDS_ADDED")
    fill(client, "a", "b:1", "b:2", "b:3", "c")
    assert refusal(client, "delete", prefix="b:", agreed=2) == added
    assert ask(client, "delete", prefix="b:", agreed=3) == {"records": 2, "isMore": True}
    fill(client, "b:0")
    assert refusal(client, "delete", prefix="b:", agreed=3, deleted=2) == added
    assert refusal(client, "delete", prefix="b:", agreed=3, deleted=4) == added
    assert refusal(client, "delete", prefix="b:", agreed=1) == added
    assert refusal(client, "delete", prefix="b:", agreed=0) == added
    assert keys_of(ask(client, "records")) == ["a", "b:0", "b:3", "c"]
    assert ask(client, "delete", prefix="b:", agreed=2**53 - 1) == {"records": 2, "isMore": False}
    assert ask(client, "delete", prefix="b:", agreed=0) == {"records": 0, "isMore": False}


def test_more_than_was_agreed_to_is_refused_before_the_first_part(
    client: EmulatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "DELETED_AT_ONCE", 2)
    fill(client, *(f"b:{n}" for n in range(9)))
    assert refusal(client, "delete", prefix="b:", agreed=8) == (409, "RECORDS_ADDED")
    assert len(keys_of(ask(client, "records"))) == 9


def test_a_prefix_is_deleted_in_a_time_in_proportion_to_its_records(
    client: EmulatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "DELETED_AT_ONCE", 10)
    few, many = _steps_of_a_delete(client, 200), _steps_of_a_delete(client, 800)
    assert 2 * few < many < 5 * few


def _steps_of_a_delete(client: EmulatorClient, count: int) -> int:
    """Return how many hundreds of steps SQLite takes to delete so many records under a prefix.

    As many that have expired stand before them.
    """
    service = client.emulator.service
    now_ms = client.time.now_ms
    gone = [Write(f"b:a{n:03}", b"1", now_ms - 3 * DAY_MS) for n in range(count)]
    service.put("default", "", gone, now_ms - 4 * DAY_MS)
    service.put("default", "", [Write(f"b:b{n:03}", b"1") for n in range(count)], now_ms)
    steps: list[None] = []
    service.store.connection.set_progress_handler(lambda: steps.append(None), 100)
    deleted, is_more = 0, True
    while is_more:
        part = ask(client, "delete", prefix="b:", agreed=count, deleted=deleted)
        deleted, is_more = deleted + part["records"], part["isMore"]
    service.store.connection.set_progress_handler(None, 0)
    assert deleted == count
    return len(steps)


@pytest.mark.parametrize(
    "body",
    [
        {"prefix": "b:"},
        {"keys": ["a"], "agreed": 1},
        {"prefix": "b:", "agreed": -1},
        {"prefix": "b:", "agreed": 2**63},
        {"prefix": "b:", "keys": ["a"], "agreed": 1},
        {"agreed": 1},
    ],
)
def test_a_prefix_and_nothing_else_needs_an_agreed_number(
    client: EmulatorClient, body: dict[str, Any]
) -> None:
    fill(client, "a", "b:1")
    assert refusal(client, "delete", **body) == (400, "INVALID_REQUEST")
    assert keys_of(ask(client, "records")) == ["a", "b:1"]


def test_queries_that_lag_still_see_what_was_deleted(open_client: OpenClient) -> None:
    client = open_client(query_lag_seconds=5)
    fill(client, "a")
    client.time.forward(10)
    ask(client, "delete", keys=["a"])
    assert ask(client, "records")["records"] == []
    assert [one["key"] for one in client.ok("/v1/query", {})["data"]] == ["a"]
    client.time.forward(10)
    assert client.ok("/v1/query", {})["data"] == []
