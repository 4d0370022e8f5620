"""What each endpoint takes and answers: contract, section "Endpoints", and the page on batches."""

import re
from typing import Any, Final, Literal

from benchmarks.fidelity.question import Page
from benchmarks.fidelity.wire import Wire, serving
from kvsctl.emulator import EmulatorOptions

ENDPOINTS: Final = Page("endpoints", "contract, Endpoints")
BATCH: Final = Page("batch page", "Forge REST reference, Batch")
_ALL: Final = ["CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"]
_DAY: Final = {"ttl": {"value": 1, "unit": "DAYS"}}
_DAY_MS: Final = 86_400_000
_OK: Final = (200, 204)
_EMPLOYEE: Final = {"entityName": "employee"}


@BATCH.asks("batch/set sets several plain and entity values in one operation")
def _(wire: Wire) -> None:
    staff = wire.at("staff")
    staff.post("batch/set", [{"key": "a", "value": "x"}, {"key": "b", "value": {}} | _EMPLOYEE])
    assert staff.post("get", {"key": "a"}).json["value"] == "x"
    assert staff.post("entity/get", {"key": "b"} | _EMPLOYEE).json["value"] == {}


@BATCH.asks("batch/set answers successfulKeys and failedKeys, with key and entityName")
def _(wire: Wire) -> None:
    items = [{"key": "a", "value": "x"}, {"key": "b", "value": {}} | _EMPLOYEE]
    answer = wire.at("staff").post("batch/set", items)
    assert answer.json == {
        "successfulKeys": [{"key": "a"}, {"key": "b"} | _EMPLOYEE],
        "failedKeys": [],
    }


@BATCH.asks("a failed key of batch/set has key, entityName and an error with code and message")
def _(wire: Wire) -> None:
    items = [{"key": "b", "value": 1} | _EMPLOYEE, {"key": "/", "value": 1}]
    first, second = wire.at("staff").post("batch/set", items).json["failedKeys"]
    assert set(first) == {"key", "entityName", "error"}
    assert set(second) == {"key", "error"}
    assert all(set(one["error"]) == {"code", "message"} for one in (first, second))


@BATCH.asks("each item of batch/set can have a ttl of its own")
def _(wire: Wire) -> None:
    plain = wire.at()
    plain.post("batch/set", [{"key": "a", "value": 1, "options": _DAY}, {"key": "b", "value": 1}])
    asked = [{"key": key, "options": {"metadataFields": _ALL}} for key in "ab"]
    first, second = plain.post("batch/get", asked).json["successfulKeys"]
    assert "expireTime" in first
    assert "expireTime" not in second


@BATCH.asks("batch/delete deletes several plain and entity keys, and answers both lists")
def _(wire: Wire) -> None:
    staff = wire.at("staff")
    staff.post("batch/set", [{"key": "a", "value": "x"}, {"key": "b", "value": {}} | _EMPLOYEE])
    named = [{"key": "a"}, {"key": "b"} | _EMPLOYEE]
    assert staff.post("batch/delete", named).json == {"successfulKeys": named, "failedKeys": []}
    assert staff.post("get", {"key": "a"}).status == 404
    assert staff.post("entity/get", {"key": "b"} | _EMPLOYEE).status == 404


@BATCH.asks("a failed key of batch/delete has an error with code and message")
def _(wire: Wire) -> None:
    answer = wire.at().post("batch/delete", [{"key": "/"}, {"key": "a"}]).json
    assert answer["successfulKeys"] == [{"key": "a"}]
    assert set(answer["failedKeys"][0]["error"]) == {"code", "message"}


@BATCH.asks("batch/get answers the value of each key, plain or of an entity")
def _(wire: Wire) -> None:
    staff = wire.at("staff")
    items = [{"key": "a", "value": "x"}, {"key": "b", "value": {"age": 1}} | _EMPLOYEE]
    staff.post("batch/set", items)
    answer = staff.post("batch/get", [{"key": "a"}, {"key": "b"} | _EMPLOYEE])
    assert answer.json == {"successfulKeys": items, "failedKeys": []}, answer


@BATCH.asks("each item of batch/get gets the metadata that it asks for, and no other")
def _(wire: Wire) -> None:
    plain = wire.at()
    plain.post("batch/set", [{"key": key, "value": 1, "options": _DAY} for key in "abc"])
    wanted: dict[str, list[str]] = {"a": [], "b": ["UPDATED_AT"], "c": _ALL}
    asked = [{"key": key, "options": {"metadataFields": wanted[key]}} for key in wanted]
    found = plain.post("batch/get", asked).json["successfulKeys"]
    assert [set(one) - {"key", "value"} for one in found] == [
        set(), {"updatedAt"}, {"createdAt", "updatedAt", "expireTime"},
    ]  # fmt: skip


@BATCH.asks("requests and answers are application/json")
def _(wire: Wire) -> None:
    for path, item in (("set", {"value": 1}), ("get", {}), ("delete", {})):
        answer = wire.at().post(f"batch/{path}", [{"key": "a"} | item])
        assert answer.headers["content-type"] == "application/json"


for _path in ("batch/set", "batch/get", "batch/delete", "get", "set", "delete", "query"):

    @ENDPOINTS.asks(
        f"{_path} is a POST below /v1, and below /api/v1 as the vendor's client calls it"
    )
    def _(wire: Wire, path: str = _path) -> None:
        plain, item = wire.at(), {"key": "a", "value": 1}
        body: Any = [item] if path.startswith("batch") else {} if path == "query" else item
        assert plain.post("set", {"key": "a", "value": 1}).status in _OK
        statuses = [plain.post(f"{prefix}/v1/{path}", body).status for prefix in ("", "/api")]
        assert statuses[0] in _OK, statuses
        assert statuses[1] in _OK, statuses
        assert plain.get(f"/v1/{path}").status not in _OK


def _rooms(wire: Wire) -> Any:
    return [
        (wire.at(), "", {}),
        (wire.at("staff"), "entity/", _EMPLOYEE),
        (wire.at(), "secret/", {}),
    ]


@ENDPOINTS.asks("get answers key and value")
def _(wire: Wire) -> None:
    for emulated, room, more in _rooms(wire):
        emulated.post(f"{room}set", {"key": "a", "value": {"age": 1}} | more)
        answer = emulated.post(f"{room}get", {"key": "a"} | more).json
        assert (answer["key"], answer["value"]) == ("a", {"age": 1})


@ENDPOINTS.asks("get answers the metadata that options ask for")
def _(wire: Wire) -> None:
    for emulated, room, more in _rooms(wire):
        emulated.post(f"{room}set", {"key": "a", "value": {}, "options": _DAY} | more)
        options = {"options": {"metadataFields": _ALL}}
        answer = emulated.post(f"{room}get", {"key": "a"} | more | options).json
        assert {"createdAt", "updatedAt", "expireTime"} <= set(answer)


@ENDPOINTS.asks("get of a missing key is refused with 404 KEY_NOT_FOUND")
def _(wire: Wire) -> None:
    for emulated, room, more in _rooms(wire):
        answer = emulated.post(f"{room}get", {"key": "none"} | more)
        assert (answer.status, answer.json["code"]) == (404, "KEY_NOT_FOUND")


@ENDPOINTS.asks("set and delete answer an empty body")
def _(wire: Wire) -> None:
    for emulated, room, more in _rooms(wire):
        for path in ("set", "delete"):
            answer = emulated.post(f"{room}{path}", {"key": "a", "value": {}} | more)
            assert answer.status in _OK
            assert answer.json is None


@ENDPOINTS.asks("set answers the record before or after it, if returnValue asks for it")
def _(wire: Wire) -> None:
    for emulated, room, more in _rooms(wire):
        for wanted, value in (("PREVIOUS", None), ("LATEST", {"age": 2}), ("PREVIOUS", {"age": 2})):
            body = {
                "key": "a",
                "value": {"age": 2},
                "options": {"keyPolicy": "OVERRIDE", "returnValue": wanted},
            }
            answer = emulated.post(f"{room}set", body | more).json
            assert (answer and answer["value"]) == value


@ENDPOINTS.asks("returnMetadataFields adds metadata to the record that set answers")
def _(wire: Wire) -> None:
    for emulated, room, more in _rooms(wire):
        options = {"keyPolicy": "OVERRIDE", "returnValue": "LATEST", "returnMetadataFields": _ALL}
        body = {"key": "a", "value": {}, "options": options | _DAY}
        answer = emulated.post(f"{room}set", body | more).json
        assert {"key", "value", "createdAt", "updatedAt", "expireTime"} <= set(answer)


@ENDPOINTS.asks("secrets are a separate space: no query and no batch shows them")
def _(wire: Wire) -> None:
    plain = wire.at()
    plain.post("secret/set", {"key": "a", "value": 1})
    assert plain.post("query", {}).json == {"data": []}
    assert plain.post("batch/get", [{"key": "a"}]).json["successfulKeys"] == []
    assert plain.post("get", {"key": "a"}).status == 404
    for path in ("secret/query", "secret/batch/get"):
        assert plain.post(path, {}).status == 403


def _filled(wire: Wire, count: int = 12) -> Any:
    plain = wire.at()
    items = [{"key": f"{stem}:{n:03}", "value": n} for stem in "pq" for n in range(count)]
    for start in range(0, len(items), 25):
        plain.post("batch/set", items[start : start + 25])
    return plain


@ENDPOINTS.asks("query takes a where clause: the key begins with a prefix")
def _(wire: Wire) -> None:
    where = [{"property": "key", "condition": "BEGINS_WITH", "values": ["q:"]}]
    data = _filled(wire).post("query", {"where": where, "limit": 100}).json["data"]
    assert [one["key"] for one in data] == [f"q:{n:03}" for n in range(12)]


@ENDPOINTS.asks("query takes a limit and, as after, the cursor of the page before")
def _(wire: Wire) -> None:
    plain = _filled(wire)
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        answer = plain.post("query", {"limit": 5} | after).json
        found += [one["key"] for one in answer["data"]]
        assert len(answer["data"]) <= 5
        if "cursor" not in answer:
            break
        after = {"after": answer["cursor"]}
    assert len(found) == len(set(found)) == 24


@ENDPOINTS.asks("the answers of a query always carry values")
def _(wire: Wire) -> None:
    assert all("value" in one for one in _filled(wire).post("query", {}).json["data"])


@ENDPOINTS.asks("query answers expireTime if it is asked for")
def _(wire: Wire) -> None:
    plain = wire.at()
    plain.post("set", {"key": "a", "value": 1, "options": _DAY})
    (found,) = plain.post("query", {"options": {"metadataFields": ["EXPIRE_TIME"]}}).json["data"]
    assert set(found) == {"key", "value", "expireTime"}


_SWITCHES: Final[tuple[Literal["current", "stale", "omitted"], ...]] = (
    "current",
    "stale",
    "omitted",
)


@ENDPOINTS.asks("createdAt and updatedAt of a query are there, stale or left out, by a switch")
def _(_wire: Wire) -> None:
    shown = {}
    for switch in _SWITCHES:
        with serving(EmulatorOptions(query_metadata=switch)) as emulated:
            emulated.admin("clock", {"now": 1_000, "frozen": True})
            emulated.post("set", {"key": "a", "value": 1})
            emulated.admin("clock", {"now": 2_000, "frozen": True})
            emulated.post("set", {"key": "a", "value": 2})
            (found,) = emulated.post("query", {"options": {"metadataFields": _ALL}}).json["data"]
            shown[switch] = found.get("updatedAt")
    assert shown == {"current": 2_000, "stale": 1_000, "omitted": None}, shown


@ENDPOINTS.asks("createdAt and updatedAt are epoch milliseconds; a second write keeps createdAt")
def _(wire: Wire) -> None:
    plain = wire.at()
    for now in (1_700_000_000_000, 1_700_000_001_000):
        plain.admin("clock", {"now": now, "frozen": True})
        plain.post("set", {"key": "a", "value": 1})
    found = plain.post("get", {"key": "a", "options": {"metadataFields": _ALL}}).json
    assert (found["createdAt"], found["updatedAt"]) == (1_700_000_000_000, 1_700_000_001_000)


@ENDPOINTS.asks("expireTime is ISO 8601")
def _(wire: Wire) -> None:
    plain = wire.at()
    plain.admin("clock", {"now": 1_700_000_000_000, "frozen": True})
    plain.post("set", {"key": "a", "value": 1, "options": _DAY})
    found = plain.post("get", {"key": "a", "options": {"metadataFields": _ALL}}).json["expireTime"]
    assert re.fullmatch(r"2023-11-15T22:13:20(\.000)?Z", found), found


@ENDPOINTS.asks("metadataFields is an array, not the object of the page's example")
def _(wire: Wire) -> None:
    options = {"metadataFields": {"0": "CREATED_AT"}}
    assert wire.at().post("get", {"key": "a", "options": options}).status == 400


@ENDPOINTS.asks("an item of batch/set takes no keyPolicy: no item is a KEY_CONFLICT")
def _(wire: Wire) -> None:
    plain = wire.at()
    plain.post("set", {"key": "a", "value": 1})
    item = {"key": "a", "value": 2, "options": {"keyPolicy": "FAIL_IF_EXISTS"}}
    answer = plain.post("batch/set", [item])
    assert "KEY_CONFLICT" not in str(answer.json), answer


for _unit, _seconds in (("SECONDS", 1), ("MINUTES", 60), ("HOURS", 3600), ("DAYS", 86400)):

    @ENDPOINTS.asks(f"{_unit} is a unit of a ttl")
    def _(wire: Wire, unit: str = _unit, seconds: int = _seconds) -> None:
        plain = wire.at()
        plain.admin("clock", {"now": 0, "frozen": True})
        plain.post("set", {"key": "a", "value": 1, "options": {"ttl": {"value": 2, "unit": unit}}})
        options = {"metadataFields": ["EXPIRE_TIME"]}
        found = plain.post("get", {"key": "a", "options": options}).json["expireTime"]
        minutes, rest = divmod(2 * seconds, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        assert found.startswith(f"1970-01-{days + 1:02}T{hours:02}:{minutes:02}:{rest:02}"), found


@ENDPOINTS.asks("a ttl of another unit is refused")
def _(wire: Wire) -> None:
    options = {"ttl": {"value": 1, "unit": "WEEKS"}}
    answer = wire.at().post("set", {"key": "a", "value": 1, "options": options})
    assert (answer.status, answer.json["code"]) == (400, "INVALID_TTL")
