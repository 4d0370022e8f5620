"""The options of requests and items: unknown ones are refused, known ones taken where they fit."""

from typing import Any

import pytest

from tests.emulator.support import EmulatorClient

TTL = {"ttl": {"value": 1, "unit": "DAYS"}}
FIELDS = {"metadataFields": ["CREATED_AT"]}
POLICY = {"keyPolicy": "OVERRIDE"}
RETURNED = {"returnValue": "LATEST", "returnMetadataFields": ["CREATED_AT"]}
ALL = (TTL, FIELDS, POLICY, RETURNED, {"tll": 1}, {"": 1})
PLAIN: dict[str, Any] = {"key": "a"}
SET: dict[str, Any] = {"key": "a", "value": {}}
ENTITY = {"entityName": "abc"}
QUERY = {"entityName": "abc", "indexName": "by-key"}


@pytest.mark.parametrize(
    ("path", "request_body", "known"),
    [
        ("set", SET, (TTL, POLICY, RETURNED)),
        ("secret/set", SET, (TTL, POLICY, RETURNED)),
        ("entity/set", SET | ENTITY, (TTL, POLICY, RETURNED)),
        ("get", PLAIN, (FIELDS,)),
        ("secret/get", PLAIN, (FIELDS,)),
        ("entity/get", PLAIN | ENTITY, (FIELDS,)),
        ("delete", PLAIN, ()),
        ("secret/delete", PLAIN, ()),
        ("entity/delete", PLAIN | ENTITY, ()),
        ("query", {}, (FIELDS,)),
        ("entity/query", QUERY, (FIELDS,)),
    ],
)
def test_options_of_a_request(
    client: EmulatorClient, path: str, request_body: Any, known: Any
) -> None:
    for space in ("", "secret/"):
        client.ok(f"/v1/{space}set", SET)
    client.ok("/v1/entity/set", SET | ENTITY)
    for options in ALL:
        if options not in known:
            body = request_body | {"options": options}
            assert client.refused(f"/v1/{path}", body) == (400, "INVALID_REQUEST"), options
    for options in (*known, {}, None):
        client.ok(f"/v1/{path}", request_body | {"options": options})


@pytest.mark.parametrize(("verb", "known"), [("set", (TTL,)), ("get", (FIELDS,)), ("delete", ())])
def test_an_unknown_option_of_an_item_fails_alone(
    client: EmulatorClient, verb: str, known: Any
) -> None:
    client.ok("/v1/set", SET)
    for options in ALL:
        batch = [SET | {"options": options}, SET | {"key": "b", "options": {}}]
        answer = client.ok(f"/v1/batch/{verb}", batch)
        codes = {one["key"]: one["error"]["code"] for one in answer["failedKeys"]}
        assert codes.get("a") == (None if options in known else "INVALID_REQUEST"), options
        client.ok("/v1/set", SET)


def test_options_of_a_transaction(client: EmulatorClient) -> None:
    condition = {"and": [{"property": "n", "condition": "NOT_EXISTS"}]}
    for verb, step, known in (
        ("set", SET, (TTL,)),
        ("delete", PLAIN, ()),
        ("check", PLAIN | {"conditions": condition}, ()),
    ):
        for options in ALL:
            body = {verb: [step | {"options": options}]}
            if options in known:
                client.ok("/v1/transaction", body)
            else:
                assert client.refused("/v1/transaction", body) == (400, "INVALID_REQUEST")
