"""Declared entities: types enforced, indexes queried."""

from pathlib import Path
from typing import Any

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.operations.cursors import cursor_of
from kvsctl.emulator.storage.entities import Entity, Index
from tests.emulator.support import EmulatorClient, OpenClient, emulator_client

EMPLOYEE = Entity(
    "employee",
    {"name": "string", "age": "integer", "pay": "float", "boss": "boolean", "x": "any"},
    {
        "age": Index("age", (), "age"),
        "by-team": Index("by-team", ("team", "boss"), "name"),
        "x": Index("x", (), "x"),
    },
)
ENTITIES = {"employee": EMPLOYEE}
PEOPLE = {
    "a": {"name": "Ada", "age": 36, "team": 1, "boss": True},
    "b": {"name": "Bob", "age": 20, "team": 1, "boss": False},
    "c": {"name": "Cy", "age": 36, "team": 1.0, "boss": True, "pay": 1.5},
    "d": {"name": "Al", "age": 50, "team": 2, "boss": True},
    "e": {"name": "No age"},
}


def named(**request: Any) -> Any:
    return {"entityName": "employee"} | request


@pytest.fixture(params=[0, 5])
def staff(request: Any, open_client: OpenClient) -> Any:
    """Return a client of an emulator that holds PEOPLE, once without and once with query lag."""
    client = open_client(entities=ENTITIES, query_lag_seconds=request.param)
    for key, value in PEOPLE.items():
        client.ok("/v1/entity/set", named(key=key, value=value))
    client.time.forward(10)
    return client


def found(client: EmulatorClient, **request: Any) -> Any:
    answer = client.ok("/v1/entity/query", named(**request))
    return "".join(record["key"] for record in answer["data"])


def where(condition: Any, *values: Any) -> Any:
    return {"condition": condition, "values": list(values)}


@pytest.mark.parametrize(
    ("request_body", "keys"),
    [
        ({"indexName": "by-key"}, "abcde"),
        ({"indexName": "by-key", "sort": "DESC"}, "edcba"),
        ({"indexName": "by-key", "range": where("BEGINS_WITH", "c")}, "c"),
        ({"indexName": "by-key", "range": where("GREATER_THAN", "c"), "sort": "DESC"}, "ed"),
        ({"indexName": "age"}, "bacd"),
        ({"indexName": "age", "sort": "DESC"}, "dcab"),
        ({"indexName": "age", "range": where("EQUAL_TO", 36)}, "ac"),
        ({"indexName": "age", "range": where("GREATER_THAN", 36)}, "d"),
        ({"indexName": "age", "range": where("GREATER_THAN_EQUAL_TO", 36)}, "acd"),
        ({"indexName": "age", "range": where("LESS_THAN", 36)}, "b"),
        ({"indexName": "age", "range": where("LESS_THAN_EQUAL_TO", 36)}, "bac"),
        ({"indexName": "age", "range": where("BETWEEN", 20, 40)}, "bac"),
        ({"indexName": "age", "range": where("BEGINS_WITH", 3)}, "ac"),
        ({"indexName": "age", "range": where("GREATER_THAN", "3")}, ""),
        ({"indexName": "by-team", "partition": [1, True]}, "ac"),
        ({"indexName": "by-team", "partition": [2, True]}, "d"),
        ({"indexName": "by-team", "partition": [3, True]}, ""),
        (
            {
                "indexName": "by-team",
                "partition": [1, True],
                "range": where("BEGINS_WITH", "C"),
            },
            "c",
        ),
        (
            {
                "indexName": "age",
                "filters": {
                    "or": [
                        {"property": "name", **where("EQUAL_TO", "Al")},
                        {"property": "pay", **where("EXISTS", True)},
                    ]
                },
            },
            "cd",
        ),
    ],
)
def test_indexes_are_queried(staff: Any, request_body: Any, keys: Any) -> None:
    assert found(staff, **request_body) == keys


@pytest.mark.parametrize("sort", ["ASC", "DESC"])
@pytest.mark.parametrize("index", ["age", "by-key"])
def test_cursors_visit_every_record_of_an_index_once(staff: Any, index: Any, sort: Any) -> None:
    whole = found(staff, indexName=index, sort=sort)
    keys, request = "", named(indexName=index, sort=sort, limit=1)
    while True:
        answer = staff.ok("/v1/entity/query", request)
        keys += "".join(record["key"] for record in answer["data"])
        if "cursor" not in answer:
            break
        request["cursor"] = answer["cursor"]
    assert keys == whole


def test_an_index_follows_updates_and_deletes(staff: Any) -> None:
    staff.ok("/v1/entity/set", named(key="b", value={"age": 99}))
    staff.ok("/v1/entity/delete", named(key="a"))
    staff.ok("/v1/batch/set", [named(key="f", value={"age": 1}), {"key": "plain", "value": 1}])
    staff.time.forward(10)
    assert found(staff, indexName="age") == "fcdb"


@pytest.mark.parametrize(
    ("request_body", "code"),
    [
        (named(indexName="none"), "INVALID_ENTITY_INDEX"),
        (named(indexName="age", limit=0), "COMPLEX_QUERY_PAGE_LIMIT_NOT_IN_RANGE"),
        (named(indexName="age", limit=101), "COMPLEX_QUERY_PAGE_LIMIT_NOT_IN_RANGE"),
        (named(indexName="age", partition=[1]), "INVALID_REQUEST"),
        (named(indexName="by-team"), "INVALID_REQUEST"),
        (named(indexName="by-team", partition=[[], 1]), "INVALID_REQUEST"),
        (named(indexName="age", sort="UP"), "INVALID_REQUEST"),
        (named(indexName="age", range=[]), "INVALID_REQUEST"),
        (named(indexName="age", range=where("CONTAINS", 1)), "INVALID_FILTER_CONDITION"),
        (named(indexName="age", range=where("BETWEEN", 1)), "INSUFFICIENT_FILTER_VALUES"),
        (named(indexName="age", cursor="WzFd"), "INVALID_CURSOR"),
        (named(indexName="age", cursor=cursor_of(None, "a")), "INVALID_CURSOR"),
        (named(indexName="age", cursor=cursor_of(1, 2)), "INVALID_CURSOR"),
        (named(indexName="age", cursor=cursor_of(2**63, "a")), "INVALID_CURSOR"),
        ({"indexName": "age"}, "INVALID_REQUEST"),
    ],
)
def test_refused_entity_queries(staff: Any, request_body: Any, code: Any) -> None:
    assert staff.refused("/v1/entity/query", request_body) == (400, code)


def test_undeclared_entities_are_refused(staff: Any) -> None:
    other = {"entityName": "other"}
    for path in ("entity/get", "entity/set", "entity/delete", "entity/query"):
        request = other | {"key": "a", "value": {}, "indexName": "by-key"}
        assert staff.refused(f"/v1/{path}", request) == (404, "SCHEMA_NOT_FOUND")
    batch = [other | {"key": "a", "value": {}}]
    (failed,) = staff.ok("/v1/batch/set", batch)["failedKeys"]
    assert failed["error"]["code"] == "SCHEMA_NOT_FOUND"


@pytest.mark.parametrize(
    ("value", "name", "kind"),
    [
        ({"age": 2**31}, "age", "integer"),
        ({"age": -(2**31) - 1}, "age", "integer"),
        ({"age": "5"}, "age", "integer"),
        ({"age": 1.5}, "age", "integer"),
        ({"age": True}, "age", "integer"),
        ({"name": 1}, "name", "string"),
        ({"boss": 1}, "boss", "boolean"),
        ({"pay": "1"}, "pay", "float"),
    ],
)
def test_types_are_enforced(staff: Any, value: Any, name: Any, kind: Any) -> None:
    response = staff.post("/v1/entity/set", named(key="z", value=value))
    assert response.status_code == 400
    assert response.json() == {
        "code": "INCORRECT_PROPERTY_TYPE",
        "message": f'Data type for property "{name}" is defined as "{kind}"',
    }


@pytest.mark.parametrize(
    ("attribute", "text", "code"),
    [
        ("name", '"x"', None),
        ("name", '" \\u00e9 "', None),
        ("name", '""', "INVALID_ENTITY_VALUE"),
        ("name", '" \\t\\n\\u00a0\\ufeff"', "INVALID_ENTITY_VALUE"),
        ("name", '"\\u0085"', None),
        ("x", '""', None),
        ("undeclared", '""', None),
        ("pay", "0", None),
        ("pay", "-0.0e5", None),
        ("pay", "0e9999", None),
        ("pay", "1E-130", None),
        ("pay", "-1e-130", None),
        ("pay", "9.9E-131", "INVALID_ENTITY_VALUE"),
        ("pay", "9.9999999999999999999999999999999999999E125", None),
        ("pay", "1E126", "INVALID_ENTITY_VALUE"),
        ("pay", "-1E126", "INVALID_ENTITY_VALUE"),
        ("pay", "1e999999999999999999999", "INVALID_ENTITY_VALUE"),
        ("pay", "1" * 38, None),
        ("pay", "1" * 39, "INVALID_ENTITY_VALUE"),
        ("pay", "1" * 38 + "0" * 20, None),
        ("pay", "1" * 10_000, "INVALID_ENTITY_VALUE"),
        ("pay", "0." + "1" * 38, None),
        ("pay", "0." + "1" * 39, "INVALID_ENTITY_VALUE"),
        ("pay", "0.000" + "1" * 38 + "000", None),
        ("age", "1.0", None),
        ("age", "1.000000000000000000000000000000000000001", "INCORRECT_PROPERTY_TYPE"),
        ("age", "1e999999999999999999999", "INCORRECT_PROPERTY_TYPE"),
        ("age", "2147483648", "INCORRECT_PROPERTY_TYPE"),
        ("age", "1" * 10_000, "INCORRECT_PROPERTY_TYPE"),
        ("pay", "true", "INCORRECT_PROPERTY_TYPE"),
    ],
)
def test_attributes_keep_the_documented_rules(
    open_client: OpenClient, attribute: str, text: str, code: str | None
) -> None:
    client = open_client(entities=ENTITIES)
    content = f'{{"entityName":"employee","key":"z","value":{{"{attribute}":{text}}}}}'.encode()
    response = client.request("POST", "/v1/entity/set", content=content)
    if code is None:
        assert response.status_code == 204, response.text
    else:
        assert (response.status_code, response.json()["code"]) == (400, code)
    batch = client.request("POST", "/v1/batch/set", content=b"[%b]" % content).json()
    assert [one["error"]["code"] for one in batch["failedKeys"]] == ([code] if code else [])


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        ({"city": "é" * 450}, False),
        ({"city": "é" * 450 + "a"}, True),
        ({"city": "a", "street": "s" * 1000, "town": "t" * 700}, False),
        ({"city": "a", "street": "s" * 1000, "town": "t" * 701}, True),
        ({"town": "t" * 5000}, True),
        ({"free": "f" * 5000}, False),
    ],
)
def test_indexed_values_are_limited_in_size(
    open_client: OpenClient, value: Any, refused: bool
) -> None:
    names = ("city", "street", "town", "free")
    by_place = Index("by-place", ("street", "town"), "city")
    place = Entity("place", dict.fromkeys(names, "string"), {"by-place": by_place})
    client = open_client(entities={"place": place})
    body = {"entityName": "place", "key": "a", "value": value}
    if refused:
        assert client.refused("/v1/entity/set", body) == (400, "INVALID_ENTITY_VALUE")
    else:
        client.ok("/v1/entity/set", body)


@pytest.mark.parametrize("value", [1, "x", True, [], [{}], '{"a":1}'])
def test_the_value_of_an_entity_is_an_object_without_a_manifest_too(
    client: EmulatorClient, value: Any
) -> None:
    item = {"key": "a", "value": value, "entityName": "abc"}
    for path, body in (("entity/set", item), ("transaction", {"set": [item]})):
        assert client.refused(f"/v1/{path}", body) == (400, "INVALID_ENTITY_VALUE")
    answer = client.ok("/v1/batch/set", [item, item | {"key": "b", "value": {}}])
    assert [one["error"]["code"] for one in answer["failedKeys"]] == ["INVALID_ENTITY_VALUE"]
    assert [one["key"] for one in answer["successfulKeys"]] == ["b"]
    client.ok("/v1/batch/set", [{"key": "a", "value": value}])


def test_values_of_the_declared_types_are_accepted(staff: Any) -> None:
    value = {"age": 2**31 - 1, "pay": 1, "x": [1], "boss": None, "more": 1}
    staff.ok("/v1/entity/set", named(key="z", value=value))
    assert staff.refused("/v1/entity/set", named(key="z", value=[])) == (
        400,
        "INVALID_ENTITY_VALUE",
    )


def test_numbers_and_strings_share_an_index(staff: Any) -> None:
    values = {"a": "b", "b": 2, "c": 10**30, "d": {}, "e": 1.5}
    for key, value in values.items():
        staff.ok("/v1/entity/set", named(key=key, value={"x": value}))
    staff.time.forward(10)
    assert found(staff, indexName="x") == "ebca"


def test_without_a_manifest_the_only_index_is_by_key(client: EmulatorClient) -> None:
    client.ok("/v1/entity/set", named(key="a", value={"n": 1}))
    assert found(client, indexName="by-key") == "a"
    assert client.refused("/v1/entity/query", named(indexName="n")) == (400, "INVALID_ENTITY_INDEX")


def test_another_manifest_rebuilds_the_indexes(tmp_path: Path) -> None:
    path = tmp_path / "kvs.db"
    plain = emulator_client(path)
    for key, value in PEOPLE.items():
        plain.ok("/v1/entity/set", named(key=key, value=value))
    plain.emulator.close()
    declared = emulator_client(path, entities=ENTITIES)
    assert found(declared, indexName="age") == "bacd"
    declared.emulator.close()
    again = embedded(path, EmulatorOptions(entities=ENTITIES))
    assert again.service.indexing.is_current()
    again.close()
