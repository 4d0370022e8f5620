"""The limits and what happens past them: contract, section "Limits"."""

import json
from typing import Any, Final

from benchmarks.fidelity.question import Page
from benchmarks.fidelity.wire import Wire, faulty, serving, staff_options
from kvsctl.emulator import EmulatorOptions

LIMITS: Final = Page("limits", "contract, Limits")
_OK: Final = (200, 204)
_NAME: Final = {"entityName": "employee"}


def _batch(verb: str, count: int) -> list[dict[str, Any]]:
    return [{"key": f"k{n}"} | ({"value": n} if verb == "set" else {}) for n in range(count)]


for _verb in ("set", "get", "delete"):

    @LIMITS.asks(f"batch/{_verb} takes 25 items")
    def _(wire: Wire, verb: str = _verb) -> None:
        answer = wire.at().post(f"batch/{verb}", _batch(verb, 25))
        assert answer.status == 200
        assert len(answer.json["successfulKeys"]) + len(answer.json["failedKeys"]) == 25

    @LIMITS.asks(f"batch/{_verb} of 26 items is refused whole, as TOO_MANY_BATCH_ENTITIES")
    def _(wire: Wire, verb: str = _verb) -> None:
        plain = wire.at()
        answer = plain.post(f"batch/{verb}", _batch(verb, 26))
        assert (answer.status, answer.json["code"]) == (400, "TOO_MANY_BATCH_ENTITIES"), answer
        beginning = f"Number of entities to {verb} was 26, "
        assert answer.json["message"].startswith(beginning), answer
        assert plain.post("query", {}).json == {"data": []}

    @LIMITS.asks(f"an empty batch/{_verb} is refused whole")
    def _(wire: Wire, verb: str = _verb) -> None:
        answer = wire.at().post(f"batch/{verb}", [])
        assert answer.status == 400
        assert set(answer.json) == {"code", "message"}

    @LIMITS.asks(f"the same key twice in a batch/{_verb} is refused whole")
    def _(wire: Wire, verb: str = _verb) -> None:
        plain = wire.at()
        answer = plain.post(f"batch/{verb}", [*_batch(verb, 3), *_batch(verb, 1)])
        assert answer.status == 400, answer
        assert plain.post("query", {}).json == {"data": []}


@LIMITS.asks("the same key of two entities is not the same key")
def _(wire: Wire) -> None:
    items = [{"key": "a", "value": {}}, {"key": "a", "value": {}} | _NAME]
    assert wire.at("staff").post("batch/set", items).json["failedKeys"] == []


def _heavy(total: int) -> bytes:
    """Return a batch/set of exactly `total` bytes, with values that are each allowed."""
    each = 160_000
    items = [f'{{"key":"k{n:02}","value":"{"x" * each}"}}' for n in range(24)]
    body = f"[{','.join(items)}," + '{"key":"last","value":""}]'
    return (body[:-3] + "x" * (total - len(body)) + body[-3:]).encode()


@LIMITS.asks("a batch/set of 4 MB is taken")
def _(wire: Wire) -> None:
    body = _heavy(4_000_000)
    assert len(body) == 4_000_000
    assert wire.at().post("batch/set", body).json["failedKeys"] == []


@LIMITS.asks("a batch/set of more than 4 MB is refused whole, with 413 or, by a switch, 400")
def _(wire: Wire) -> None:
    body = _heavy(4 * 2**20 + 1)
    answer = wire.at().post("batch/set", body)
    assert answer.status in (400, 413)
    assert wire.at().post("query", {}).json == {"data": []}
    with serving(EmulatorOptions(payload_status=400)) as emulated:
        assert emulated.post("batch/set", body).status == 400


@LIMITS.asks("the service once enforced 1 MB: a switch lowers the limit")
def _(_wire: Wire) -> None:
    with faulty("payload-limit=1000000") as emulated:
        assert emulated.post("batch/set", _heavy(3_900_000)).status in (400, 413)


LIMITS.takes("a key has at most 500 characters", "set", {"key": "k" * 500, "value": 1})
LIMITS.takes("a key has at least 1 character", "set", {"key": "k", "value": 1})
LIMITS.refuses(
    "501 characters: KEY_TOO_LONG", "set", {"key": "k" * 501, "value": 1}, "KEY_TOO_LONG"
)
LIMITS.refuses("an empty key: KEY_TOO_SHORT", "set", {"key": "", "value": 1}, "KEY_TOO_SHORT")
LIMITS.refuses(
    "an empty key of an entity: EMPTY_KEY",
    "entity/set",
    {"key": "", "value": {}} | _NAME,
    "EMPTY_KEY",
    options="staff",
)
LIMITS.takes(
    "a key has letters, digits, : . _ - # and white space",
    "batch/set",
    [{"key": f"a{one}b", "value": 1} for one in "Zz09:._-# \t\n\u00a0\u2028\ufeff"],
)
for _shown in ("/", "@", "é", "!", "\x1c", "\x85", '"', "\u200b"):
    LIMITS.refuses(
        f"a key with {_shown!a}: INVALID_KEY",
        "set",
        {"key": f"a{_shown}", "value": 1},
        "INVALID_KEY",
    )
for _shown in (" ", "\t\n", "\ufeff"):
    LIMITS.refuses(
        f"a key of white space alone, {_shown!a}: INVALID_KEY",
        "set",
        {"key": _shown, "value": 1},
        "INVALID_KEY",
    )
_ALLOWED: Final = 240 * 1024
LIMITS.takes("a value has at most 240 KiB", "set", {"key": "a", "value": "x" * (_ALLOWED - 2)})
LIMITS.refuses(
    "a larger value: MAX_SIZE", "set", {"key": "a", "value": "x" * (_ALLOWED - 1)}, "MAX_SIZE"
)
for _value in (0, -1.5, "", "x", True, False, [], {}, [None], {"a": None}):
    LIMITS.takes(f"a value may be {_value!r}", "set", {"key": "a", "value": _value})
LIMITS.refuses("a value may not be null", "set", {"key": "a", "value": None}, None)


def _nested(levels: int) -> bytes:
    return b'{"key":"a","value":' + b"[" * levels + b"]" * levels + b"}"


LIMITS.takes("a value nests at most 31 deep", "set", _nested(31))
LIMITS.refuses("a value that nests deeper: MAX_DEPTH", "set", _nested(32), "MAX_DEPTH")


def _entity(sentence: str, name: str, code: str | None) -> None:
    body = {"entityName": name, "key": "a", "value": {}}
    if code is None:
        LIMITS.takes(sentence, "entity/set", body)
    else:
        LIMITS.refuses(sentence, "entity/set", body, code)


_entity("an entity name has at least 3 characters", "abc", None)
_entity("an entity name has at most 60 characters", "a" * 60, None)
_entity("an entity name of 2 characters: ENTITY_TYPE_TOO_SHORT", "ab", "ENTITY_TYPE_TOO_SHORT")
_entity("an entity name of 61 characters: ENTITY_TYPE_TOO_LARGE", "a" * 61, "ENTITY_TYPE_TOO_LARGE")
_entity("an entity name has a-z, 0-9, : - _ and .", "a9:-_.z", None)
for _name in ("Abc", "_abc", ".abc", "-abc", "a..b", "abc.", "a b"):
    _entity(f"the entity name {_name!r}: INVALID_ENTITY_TYPE", _name, "INVALID_ENTITY_TYPE")
LIMITS.refuses(
    "an entity that the manifest does not declare: 404 SCHEMA_NOT_FOUND",
    "entity/set",
    {"entityName": "nobody", "key": "a", "value": {}},
    "SCHEMA_NOT_FOUND",
    status=404,
    options="staff",
)


def _ttl(value: Any, unit: str = "SECONDS") -> dict[str, Any]:
    return {"key": "a", "value": 1, "options": {"ttl": {"value": value, "unit": unit}}}


LIMITS.takes("a ttl is a positive integer", "set", _ttl(1))
LIMITS.takes("a ttl may be 1 year", "set", _ttl(365, "DAYS"))
LIMITS.refuses("a ttl of more than 1 year: INVALID_TTL", "set", _ttl(367, "DAYS"), "INVALID_TTL")
LIMITS.refuses(
    "a ttl of 0: INVALID_TTL, with the message of the service",
    "set",
    _ttl(0),
    "INVALID_TTL",
    message="TTL value must be a positive integer, received: 0",
)
for _amount in (-1, 1.5, "1", None):
    LIMITS.refuses(f"a ttl of {_amount!r}: INVALID_TTL", "set", _ttl(_amount), "INVALID_TTL")


@LIMITS.asks("a page of a query has 10 records by default, and at most 100")
def _(wire: Wire) -> None:
    plain = wire.at()
    for stem in "abcde":
        plain.post("batch/set", [{"key": f"{stem}{n}", "value": n} for n in range(25)])
    assert len(plain.post("query", {}).json["data"]) == 10
    assert len(plain.post("query", {"limit": 100}).json["data"]) == 100


for _limit in (0, 101, -1):
    LIMITS.refuses(
        f"a page of {_limit}: LIST_QUERY_LIMIT_EXCEEDED",
        "query",
        {"limit": _limit},
        "LIST_QUERY_LIMIT_EXCEEDED",
    )
    LIMITS.refuses(
        f"a page of {_limit} of an entity: COMPLEX_QUERY_PAGE_LIMIT_NOT_IN_RANGE",
        "entity/query",
        {"indexName": "age", "limit": _limit} | _NAME,
        "COMPLEX_QUERY_PAGE_LIMIT_NOT_IN_RANGE",
        options="staff",
    )
LIMITS.takes("a transaction has at most 25 operations", "transaction", {"set": _batch("set", 25)})
LIMITS.refuses(
    "a transaction of 26 operations: 422 UNPROCESSABLE_ENTITY",
    "transaction",
    {"set": _batch("set", 26)},
    "UNPROCESSABLE_ENTITY",
    status=422,
)
LIMITS.refuses(
    "the same key twice in a transaction: KEY_DUPLICATION_ERROR",
    "transaction",
    {"set": _batch("set", 1), "delete": _batch("delete", 1)},
    "KEY_DUPLICATION_ERROR",
)


@LIMITS.asks("a transaction of more than 4 MB is refused")
def _(wire: Wire) -> None:
    body = b'{"set":' + _heavy(4 * 2**20) + b"}"
    assert wire.at().post("transaction", body).status in (400, 413)


@LIMITS.asks("FAIL_IF_EXISTS on an existing key: 409 KEY_CONFLICT")
def _(wire: Wire) -> None:
    plain = wire.at()
    for room, value in (("", 1), ("secret/", 1)):
        body = {"key": "a", "value": value, "options": {"keyPolicy": "FAIL_IF_EXISTS"}}
        assert plain.post(f"{room}set", body).status in _OK
        answer = plain.post(f"{room}set", body)
        assert (answer.status, answer.json["code"]) == (409, "KEY_CONFLICT"), answer


_BAD: Final[dict[str, dict[str, Any]]] = {
    "INVALID_KEY": {"key": "/", "value": 1},
    "KEY_TOO_LONG": {"key": "k" * 501, "value": 1},
    "KEY_TOO_SHORT": {"key": "", "value": 1},
    "MAX_DEPTH": {"key": "a", "value": json.loads("[" * 32 + "]" * 32)},
    "MAX_SIZE": {"key": "a", "value": "x" * _ALLOWED},
    "INVALID_TTL": {"key": "a", "value": 1, "options": {"ttl": {"value": 0, "unit": "DAYS"}}},
    "SCHEMA_NOT_FOUND": {"key": "a", "value": {}, "entityName": "nobody"},
    "INVALID_ENTITY_TYPE": {"key": "a", "value": {}, "entityName": "Nobody"},
    "INCORRECT_PROPERTY_TYPE": {"key": "a", "value": {"age": "old"}, "entityName": "employee"},
}
for _code, _item in _BAD.items():
    LIMITS.fails_alone(f"an item that is {_code} may fail alone", _item, _code)

    @LIMITS.asks(f"an item that is {_code} may take the whole batch down, by a switch")
    def _(_wire: Wire, code: str = _code, item: dict[str, Any] = _item) -> None:
        with serving(staff_options(bad_record="refuses-batch")) as emulated:
            answer = emulated.post("batch/set", [{"key": "good", "value": 1}, item])
            assert 400 <= answer.status < 500, answer
            assert answer.json["code"] == code, answer
            assert emulated.post("get", {"key": "good"}).status == 404


for _code in ("NOT_FOUND", "INVALID_ENTITY_ATTRIBUTE"):

    @LIMITS.asks(f"the documented code {_code} can be answered, for an item and for a request")
    def _(_wire: Wire, code: str = _code) -> None:
        with faulty(f"refuse=a:{code}") as emulated:
            failed = emulated.post("batch/get", [{"key": "a"}]).json["failedKeys"]
            assert [one["error"]["code"] for one in failed] == [code]
            assert emulated.post("get", {"key": "a"}).json["code"] == code


@LIMITS.asks('a missing key in batch/get is KEY_NOT_FOUND "Provided key does not exist"')
def _(wire: Wire) -> None:
    answer = wire.at().post("batch/get", [{"key": "a"}]).json
    error = {"code": "KEY_NOT_FOUND", "message": "Provided key does not exist"}
    assert answer == {"successfulKeys": [], "failedKeys": [{"key": "a", "error": error}]}


@LIMITS.asks("a missing key in batch/get may be in neither list, by a switch")
def _(_wire: Wire) -> None:
    with serving(EmulatorOptions(missing_keys="left-out")) as emulated:
        answer = emulated.post("batch/get", [{"key": "a"}]).json
        assert answer == {"successfulKeys": [], "failedKeys": []}


@LIMITS.asks("deleting a missing key succeeds")
def _(wire: Wire) -> None:
    plain = wire.at()
    assert plain.post("delete", {"key": "a"}).status in _OK
    assert plain.post("secret/delete", {"key": "a"}).status in _OK
    assert plain.post("batch/delete", [{"key": "a"}]).json["failedKeys"] == []
    assert wire.at("staff").post("entity/delete", {"key": "a"} | _NAME).status in _OK


@LIMITS.asks("a delete may answer KEY_NOT_FOUND, by a fault")
def _(_wire: Wire) -> None:
    with faulty("refuse=a:KEY_NOT_FOUND") as emulated:
        answer = emulated.post("batch/delete", [{"key": "a"}, {"key": "b"}]).json
        assert [one["error"]["code"] for one in answer["failedKeys"]] == ["KEY_NOT_FOUND"]


@LIMITS.asks("{code, message} is the body of every answer that is not 2xx")
def _(wire: Wire) -> None:
    bodies = (b"", b"{", b"[]", b"null", b"[{}]", b'{"key":1}', b'{"key":"a"}', b"\xff")
    for path in ("batch/set", "get", "set", "entity/query", "query", "transaction", "none"):
        for body in bodies:
            answer = wire.at().post(path, body)
            if answer.status >= 300:
                assert set(answer.json) == {"code", "message"}, answer


@LIMITS.asks("anything else may come instead: a page of a proxy, an empty body, half an answer")
def _(_wire: Wire) -> None:
    with faulty("script=502-html:502-empty") as emulated:
        page = emulated.post("query", {})
        assert (page.status, page.headers["content-type"]) == (502, "text/html")
        assert emulated.post("query", {}).json is None
