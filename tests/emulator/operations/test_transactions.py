"""transaction: all or nothing."""

from typing import Any

import pytest

from kvsctl.limits import Limits
from tests.emulator.support import EmulatorClient, OpenClient


def condition(name: Any, *values: Any, of: Any = "n") -> Any:
    return {"and": [{"property": of, "condition": name, "values": list(values)}]}


def stored(client: EmulatorClient, key: Any, entity: Any = "abc") -> Any:
    response = client.post("/v1/entity/get", {"key": key, "entityName": entity})
    return response.json().get("value")


@pytest.fixture
def filled(client: EmulatorClient) -> Any:
    client.ok("/v1/entity/set", {"key": "a", "value": {"n": 1, "s": "x"}, "entityName": "abc"})
    client.ok("/v1/set", {"key": "a", "value": "plain"})
    return client


def test_all_operations_are_applied(filled: Any) -> None:
    response = filled.post(
        "/v1/transaction",
        {
            "set": [
                {"key": "b", "value": 2},
                {"key": "c", "value": {"n": 3}, "entityName": "abc"},
            ],
            "delete": [{"key": "a"}],
            "check": [{"key": "a", "entityName": "abc", "conditions": condition("EQUAL_TO", 1)}],
        },
    )
    assert (response.status_code, response.content) == (204, b"")
    assert filled.ok("/v1/get", {"key": "b"})["value"] == 2
    assert stored(filled, "c") == {"n": 3}
    assert filled.refused("/v1/get", {"key": "a"}) == (404, "KEY_NOT_FOUND")


@pytest.mark.parametrize("verb", ["set", "delete", "check"])
def test_a_false_condition_changes_nothing(filled: Any, verb: Any) -> None:
    held = {"key": "a", "entityName": "abc", "conditions": condition("EQUAL_TO", 2)}
    if verb == "set":
        held["value"] = {"n": 9}
    request = {"set": [{"key": "b", "value": 1}]}
    request[verb] = [*request.get(verb, []), held]
    assert filled.refused("/v1/transaction", request) == (400, "CONDITIONAL_CHECK_FAILED")
    assert filled.refused("/v1/get", {"key": "b"}) == (404, "KEY_NOT_FOUND")
    assert stored(filled, "a") == {"n": 1, "s": "x"}


def test_only_not_exists_holds_for_a_missing_record(filled: Any) -> None:
    for name, values, status in (("NOT_EXISTS", [True], 204), ("EXISTS", [True], 400)):
        check = {"key": "z", "entityName": "abc", "conditions": condition(name, *values)}
        assert filled.post("/v1/transaction", {"check": [check]}).status_code == status


def test_or_needs_one_condition_only(filled: Any) -> None:
    clauses = condition("EQUAL_TO", 5)["and"] + condition("BEGINS_WITH", "x", of="s")["and"]
    check = {"key": "a", "entityName": "abc", "conditions": {"or": clauses}}
    assert filled.post("/v1/transaction", {"check": [check]}).status_code == 204
    check["conditions"] = {"and": clauses}
    assert filled.post("/v1/transaction", {"check": [check]}).status_code == 400


def test_at_most_25_operations_are_accepted(client: EmulatorClient) -> None:
    many = [{"key": f"k{n}", "value": n} for n in range(26)]
    assert client.refused("/v1/transaction", {"set": many}) == (422, "UNPROCESSABLE_ENTITY")
    assert client.post("/v1/transaction", {"set": many[1:]}).status_code == 204


def test_a_transaction_has_a_payload_limit_of_its_own(open_client: OpenClient) -> None:
    client = open_client(limits=Limits(transaction_bytes=100))
    request = {"set": [{"key": "a", "value": "x" * 100}]}
    assert client.refused("/v1/transaction", request) == (413, "PAYLOAD_TOO_LARGE")
    client.ok("/v1/batch/set", request["set"])


def test_a_key_may_occur_only_once(client: EmulatorClient) -> None:
    request = {"set": [{"key": "a", "value": 1}], "delete": [{"key": "a"}]}
    assert client.refused("/v1/transaction", request) == (400, "KEY_DUPLICATION_ERROR")


@pytest.mark.parametrize(
    "request_body",
    [{}, {"set": []}, {"set": {}}, {"check": [{"key": "a", "entityName": "abc"}]}, {"set": [1]}],
)
def test_malformed_transactions_are_refused(client: EmulatorClient, request_body: Any) -> None:
    assert client.refused("/v1/transaction", request_body) == (400, "INVALID_REQUEST")


def test_a_bad_record_refuses_the_transaction(client: EmulatorClient) -> None:
    request = {"set": [{"key": "a", "value": 1}, {"key": "b/c", "value": 1}]}
    assert client.refused("/v1/transaction", request) == (400, "INVALID_KEY")
    assert client.refused("/v1/get", {"key": "a"}) == (404, "KEY_NOT_FOUND")


def test_values_and_ttls_are_kept_exactly(client: EmulatorClient) -> None:
    body = b'{"set":[{"key":"a","value": {"x": 1.0}, "options":{"ttl":{"value":1,"unit":"DAYS"}}}]}'
    assert client.post("/v1/transaction", content=body).status_code == 204
    read = client.post("/v1/get", {"key": "a", "options": {"metadataFields": ["EXPIRE_TIME"]}})
    assert b'"value":{"x": 1.0},' in read.content
    assert read.json()["expireTime"] == "2026-01-02T00:00:00.000Z"


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ({"and": [], "or": []}, "INVALID_FILTER_OPERATORS_COMBINATION"),
        ({"and": []}, "EMPTY_FILTER_OPERATOR"),
        ({}, "EMPTY_FILTER_OPERATOR"),
        (condition("BETWEEN", 1), "INSUFFICIENT_FILTER_VALUES"),
        (condition("EQUAL_TO"), "INVALID_FILTER_VALUES"),
        (condition("EQUAL_TO", 1, 2), "INVALID_FILTER_VALUES"),
        (condition("LIKE", 1), "INVALID_FILTER_CONDITION"),
        (condition("EQUAL_TO", {}), "INVALID_REQUEST"),
        ({"and": [{"condition": "EXISTS"}]}, "INVALID_REQUEST"),
        ({"and": {}}, "EMPTY_FILTER_OPERATOR"),
        ({"and": {"a": 1}}, "INVALID_REQUEST"),
        ({"and": [1]}, "INVALID_REQUEST"),
        ([], "INVALID_REQUEST"),
    ],
)
def test_conditions_are_checked(filled: Any, conditions: Any, code: Any) -> None:
    check = {"key": "a", "entityName": "abc", "conditions": conditions}
    assert filled.refused("/v1/transaction", {"check": [check]}) == (400, code)
