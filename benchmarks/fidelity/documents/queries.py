"""Entity queries and transactions: contract, section "Endpoints"."""

from typing import Any, Final

from benchmarks.fidelity.question import Page
from benchmarks.fidelity.wire import Emulated, Wire

QUERIES: Final = Page("entity query", "contract, Endpoints: /v1/entity/query")
TRANSACTIONS: Final = Page("transaction", "contract, Endpoints: /v1/transaction")
_NAME: Final = {"entityName": "employee"}
_PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "ada": {"name": "Ada", "age": 36, "team": "red", "tags": "a,b"},
    "bob": {"name": "Bob", "age": 20, "team": "red"},
    "cy": {"name": "Cy", "age": 41, "team": "blue"},
    "di": {"name": "Di", "age": 36, "team": "blue", "tags": "b"},
}


def _staff(wire: Wire) -> Emulated:
    staff = wire.at("staff")
    items = [{"key": key, "value": value} | _NAME for key, value in _PEOPLE.items()]
    assert staff.post("batch/set", items).json["failedKeys"] == []
    return staff


def _found(staff: Emulated, **request: Any) -> str:
    answer = staff.post("entity/query", _NAME | {"indexName": "age"} | request)
    assert answer.status == 200, answer
    return " ".join(one["key"] for one in answer.json["data"])


def _finds(sentence: str, expected: str, **request: Any) -> None:
    def ask(wire: Wire) -> None:
        found = _found(_staff(wire), **request)
        assert found == expected, found

    QUERIES.add(sentence, ask)


_finds("an index lists in the order of its range attribute", "bob ada di cy")
_finds("sort DESC lists backwards", "cy di ada bob", sort="DESC")
_finds("sort ASC lists forwards", "bob ada di cy", sort="ASC")
_finds("the index by-key lists in the order of keys", "ada bob cy di", indexName="by-key")
_finds(
    "a partition chooses the records of an index with its values",
    "ada bob",
    indexName="by-team",
    partition=["red"],
)
_finds("limit bounds a page", "bob ada", limit=2)
_RANGES: Final[tuple[tuple[str, list[Any], str], ...]] = (
    ("BETWEEN", [20, 36], "bob ada di"),
    ("EQUAL_TO", [36], "ada di"),
    ("GREATER_THAN", [36], "cy"),
    ("GREATER_THAN_EQUAL_TO", [36], "ada di cy"),
    ("LESS_THAN", [36], "bob"),
    ("LESS_THAN_EQUAL_TO", [36], "bob ada di"),
)
for _condition, _values, _expected in _RANGES:
    _finds(
        f"range takes {_condition}", _expected, range={"condition": _condition, "values": _values}
    )
_finds(
    "range takes BEGINS_WITH",
    "bob",
    indexName="by-team",
    partition=["red"],
    range={"condition": "BEGINS_WITH", "values": ["B"]},
)
_FILTERS: Final[tuple[tuple[str, str, list[Any], str], ...]] = (
    ("BEGINS_WITH", "name", ["D"], "di"),
    ("BETWEEN", "age", [30, 40], "ada di"),
    ("CONTAINS", "tags", ["a"], "ada"),
    ("NOT_CONTAINS", "tags", ["a"], "bob di cy"),
    ("EQUAL_TO", "team", ["red"], "bob ada"),
    ("NOT_EQUAL_TO", "team", ["red"], "di cy"),
    ("EXISTS", "tags", [True], "ada di"),
    ("NOT_EXISTS", "tags", [True], "bob cy"),
    ("GREATER_THAN", "age", [36], "cy"),
    ("GREATER_THAN_EQUAL_TO", "age", [36], "ada di cy"),
    ("LESS_THAN", "age", [36], "bob"),
    ("LESS_THAN_EQUAL_TO", "age", [36], "bob ada di"),
)
for _condition, _property, _values, _expected in _FILTERS:
    _clause = {"property": _property, "condition": _condition, "values": _values}
    _finds(f"filters take {_condition}", _expected, filters={"and": [_clause]})
_RED: Final = {"property": "team", "condition": "EQUAL_TO", "values": ["red"]}
_OLD: Final = {"property": "age", "condition": "GREATER_THAN", "values": [30]}
_finds("filters of and must all hold", "ada", filters={"and": [_RED, _OLD]})
_finds("of the filters of or, one must hold", "bob ada di cy", filters={"or": [_RED, _OLD]})


@QUERIES.asks("the cursor of a page leads to the next, in both directions")
def _(wire: Wire) -> None:
    staff = _staff(wire)
    for sort, expected in (("ASC", "bob ada di cy"), ("DESC", "cy di ada bob")):
        found: list[str] = []
        more: dict[str, str] = {}
        while True:
            request = _NAME | {"indexName": "age", "limit": 1, "sort": sort} | more
            answer = staff.post("entity/query", request).json
            found += [one["key"] for one in answer["data"]]
            if "cursor" not in answer:
                break
            more = {"cursor": answer["cursor"]}
        assert " ".join(found) == expected, found


@QUERIES.asks("answers have key and value, and expireTime if it is asked for")
def _(wire: Wire) -> None:
    staff = wire.at("staff")
    options = {"ttl": {"value": 1, "unit": "DAYS"}}
    staff.post("entity/set", _NAME | {"key": "a", "value": {"age": 1}, "options": options})
    fields = {"options": {"metadataFields": ["EXPIRE_TIME"]}}
    for more, expected in (({}, {"key", "value"}), (fields, {"key", "value", "expireTime"})):
        answer = staff.post("entity/query", _NAME | {"indexName": "age"} | more)
        assert [set(one) for one in answer.json["data"]] == [expected], answer


def _check(condition: str, *values: Any) -> dict[str, Any]:
    return {"and": [{"property": "age", "condition": condition, "values": list(values)}]}


@TRANSACTIONS.asks("set, delete and check are applied together, and answered with 204")
def _(wire: Wire) -> None:
    staff = _staff(wire)
    staff.post("set", {"key": "old", "value": 1})
    answer = staff.post(
        "transaction",
        {
            "set": [{"key": "new", "value": 2}, {"key": "ada", "value": {"age": 37}} | _NAME],
            "delete": [{"key": "old"}],
            "check": [{"key": "bob", "conditions": _check("EQUAL_TO", 20)} | _NAME],
        },
    )
    assert (answer.status, answer.json) == (204, None), answer
    assert staff.post("get", {"key": "new"}).json["value"] == 2
    assert staff.post("get", {"key": "old"}).status == 404
    assert staff.post("entity/get", {"key": "ada"} | _NAME).json["value"] == {"age": 37}


@TRANSACTIONS.asks("a set takes a ttl")
def _(wire: Wire) -> None:
    plain, options = wire.at(), {"ttl": {"value": 1, "unit": "DAYS"}}
    plain.post("transaction", {"set": [{"key": "a", "value": 1, "options": options}]})
    asked = {"key": "a", "options": {"metadataFields": ["EXPIRE_TIME"]}}
    assert "expireTime" in plain.post("get", asked).json


for _verb, _item in (
    ("set", {"key": "ada", "value": {"age": 1}}),
    ("delete", {"key": "ada"}),
    ("check", {"key": "ada"}),
):

    @TRANSACTIONS.asks(f"a false condition of a {_verb} changes nothing: CONDITIONAL_CHECK_FAILED")
    def _(wire: Wire, verb: str = _verb, item: dict[str, Any] = _item) -> None:
        staff = _staff(wire)
        request = {"set": [{"key": "never", "value": 1}]}
        guarded = item | _NAME | {"conditions": _check("LESS_THAN", 5)}
        request[verb] = [*request.get(verb, []), guarded]
        answer = staff.post("transaction", request)
        assert (answer.status, answer.json["code"]) == (400, "CONDITIONAL_CHECK_FAILED"), answer
        assert staff.post("get", {"key": "never"}).status == 404
        assert staff.post("entity/get", {"key": "ada"} | _NAME).json["value"] == _PEOPLE["ada"]


@TRANSACTIONS.asks("one bad set changes nothing")
def _(wire: Wire) -> None:
    plain = wire.at()
    answer = plain.post(
        "transaction", {"set": [{"key": "a", "value": 1}, {"key": "/", "value": 1}]}
    )
    assert (answer.status, answer.json["code"]) == (400, "INVALID_KEY"), answer
    assert plain.post("get", {"key": "a"}).status == 404
