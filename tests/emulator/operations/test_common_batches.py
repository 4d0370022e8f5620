"""A batch of plain records is carried out as a whole, and nobody can tell."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.emulator import Emulator, EmulatorOptions, embedded
from kvsctl.emulator.clock import Clock
from kvsctl.emulator.operations import batches
from kvsctl.emulator.operations.service import Call
from kvsctl.emulator.refusals import Refusal
from kvsctl.emulator.web.routes import ROUTES
from kvsctl.limits import DEFAULT_LIMITS
from tests.emulator.support import FakeTime, OpenClient
from tests.support.examples import examples

_LIMITS = DEFAULT_LIMITS._replace(key_chars=4, value_bytes=70, value_depth=2, batch_records=5)
_PLAIN = st.fixed_dictionaries(
    {
        "key": st.sampled_from([*"abcdefgh", "c:1", "d#-."]).map(json.dumps),
        "value": st.sampled_from(["1", ' {"b" : 1.0,"a":2} ', '"[[[["', "1e400", '"é"']),
    }
)
_LONG = [f'"{character * count}"' for character in "[x" for count in (68, 69)]
_ODD: list[dict[str, str]] = [
    *({"key": json.dumps(key)} for key in ["a b", " ", "", "aaaaa", "é", 'q"', "\ufeff", "\ud800"]),
    *({"value": value} for value in ["", "null", "[[[1]]]", '"\\ud800"', "{", *_LONG]),
    *({"options": text} for text in ['{"ttl":{"value":1,"unit":"DAYS"}}', "{}", "[]"]),
    {"options": '{"metadataFields":["CREATED_AT"]}'},
    *({"entityName": name} for name in ['"city"', '"x"', "null"]),
]
"""What makes an item other than plain."""


@st.composite
def _bodies(draw: st.DrawFn) -> bytes:
    """A batch of plain items. Half of them have an odd one, or the same key twice."""
    distinct = st.lists(_PLAIN, max_size=6, unique_by=lambda item: item["key"])
    items: list[dict[str, str]] = draw(distinct)
    is_odd: bool = draw(st.booleans())
    if items and is_odd:
        place = draw(st.integers(0, len(items) - 1))
        items.insert(place, items[place] | draw(st.sampled_from([*_ODD, {}])))
        if draw(st.booleans()):
            items.pop(place + 1)
    return _body(items)


def _body(items: list[dict[str, str]]) -> bytes:
    written = [
        ",".join(f'"{name}":{value}' for name, value in item.items() if value) for item in items
    ]
    return "[{}]".format(",".join(f"{{{members}}}" for members in written)).encode()


def _outcome(emulator: Emulator, verb: str, body: bytes, now_ms: int) -> object:
    route = ROUTES[f"/v1/batch/{verb}"]
    call = Call("default", body, now_ms)
    try:
        return emulator.store.writing(lambda: route.run(emulator.service, call))
    except Refusal as refusal:
        return refusal.status, refusal.code, refusal.message


def _stored(emulator: Emulator) -> list[Any]:
    query = "SELECT * FROM record JOIN bucket ON id = bucket ORDER BY space, key"
    return emulator.store.connection.execute(query).fetchall()


def _not_common(*_: object) -> None:
    return None


@given(
    st.lists(st.tuples(st.sampled_from(["set", "set", "get", "delete"]), _bodies()), max_size=6),
    st.fixed_dictionaries(
        {
            "normalise": st.booleans(),
            "bad_record": st.sampled_from(["fails-alone", "refuses-batch"]),
            "missing_keys": st.sampled_from(["failed", "left-out"]),
            "expiry": st.sampled_from(["lazy", "strict"]),
            "ttl_less_set": st.sampled_from(["clears-expiry", "keeps-expiry"]),
        }
    ),
)
@settings(max_examples=examples(150))
def test_the_responses_and_the_store_are_those_of_one_item_after_the_other(
    requests: list[tuple[str, bytes]], options: dict[str, Any]
) -> None:
    _require_equal(requests, options)


def _require_equal(requests: list[tuple[str, bytes]], options: dict[str, Any]) -> None:
    made = EmulatorOptions(limits=_LIMITS, **options)
    quick, careful = (embedded(":memory:", made, Clock(FakeTime())) for _ in range(2))
    for place, (verb, body) in enumerate(requests):
        now_ms = place * 43_200_000
        answered = _outcome(quick, verb, body, now_ms)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batches, "_common_items", _not_common)
            assert answered == _outcome(careful, verb, body, now_ms)
        assert _stored(quick) == _stored(careful)
    quick.close()
    careful.close()


@pytest.mark.parametrize("odd", _ODD, ids=str)
def test_an_odd_item_has_the_batch_looked_at_one_by_one(odd: dict[str, str]) -> None:
    plain = [{"key": f'"{key}"', "value": ' {"b" : 1.0,"a":2} '} for key in "abc"]
    body = _body([plain[0], plain[1] | odd, plain[2]])
    _require_equal([("set", body), ("get", body), ("delete", body)], {"normalise": True})


def test_a_batch_of_plain_records_is_not_looked_at_one_by_one(
    open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_client()
    monkeypatch.setattr(batches, "_BatchLists", None)
    monkeypatch.setattr(batches, "read_batch", None)
    records = [{"key": f"k{place}", "value": {"n": f"é{place}"}} for place in range(25)]
    keys = [{"key": record["key"]} for record in records]
    assert client.ok("/v1/batch/set", records) == {"successfulKeys": keys, "failedKeys": []}
    assert client.ok("/v1/batch/get", keys) == {"successfulKeys": records, "failedKeys": []}
    assert client.ok("/v1/batch/delete", keys) == {"successfulKeys": keys, "failedKeys": []}
