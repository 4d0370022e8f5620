"""Whatever a body is, the bridge refuses what the service refuses, and does not do anything else.

It knows less of a body than the service: what it could not pass on, it refuses itself.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bridge.apps import Response, call, gateway
from tests.support.commands.command import Command
from tests.support.commands.serving import serving
from tests.support.examples import examples

pytestmark = pytest.mark.slow
_MANIFEST = Path(__file__).parents[1] / "emulator" / "node" / "manifest.yml"
_TTL = {"value": 1, "unit": "DAYS"}
_RECORD = {"key": "e", "entityName": "employee", "value": {"name": "x", "age": 1}}
_RANGE = {"condition": "GREATER_THAN", "values": [0]}
_PREFIX = {"property": "key", "condition": "BEGINS_WITH", "values": ["a"]}
_FIELDS = {"metadataFields": ["EXPIRE_TIME", "CREATED_AT"]}
_BODIES: list[tuple[str, Any]] = [
    ("/v1/batch/get", [{"key": "a", "options": _FIELDS}, {"key": "e", "entityName": "employee"}]),
    ("/v1/batch/set", [{"key": "a", "value": 1, "options": {"ttl": _TTL}}, _RECORD]),
    ("/v1/batch/delete", [{"key": "a"}, {"key": "e", "entityName": "employee"}]),
    ("/v1/set", {"key": "a", "value": [1], "options": {"keyPolicy": "OVERRIDE", "ttl": _TTL}}),
    ("/v1/entity/set", {**_RECORD, "options": {"ttl": _TTL}}),
    ("/v1/query", {"where": [_PREFIX], "limit": 5, "options": _FIELDS}),
    (
        "/v1/entity/query",
        {
            "entityName": "employee", "indexName": "age", "partition": [], "range": _RANGE,
            "sort": "DESC", "limit": 5, "options": _FIELDS,
        },
    ),
]  # fmt: skip
_NAMES = [
    "key", "value", "options", "where", "filters", "cursor", "after", "returnValue", "and",
    "toJSON", "__proto__", "constructor", "length", "condition",
]  # fmt: skip
_TEXTS = st.sampled_from(["", "a", *_NAMES])
_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-3, 200), st.just(0.5), _TEXTS)
_JUNK = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(_NAMES), inner, max_size=3)
    ),
    max_leaves=5,
)


def _places(body: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container of a body with each of its indexes or names."""
    names = body.keys() if isinstance(body, dict) else range(len(body))
    for name in names:
        yield body, name
        if isinstance(body[name], dict | list):
            yield from _places(body[name])


@st.composite
def _odd_bodies(draw: Callable[..., Any]) -> tuple[str, Any]:
    """Draw a path, and a body that differs from a valid one in a place or two."""
    path, body = deepcopy(draw(st.sampled_from(_BODIES)))
    for _ in range(draw(st.integers(1, 2))):
        places = list(_places(body)) if isinstance(body, dict | list) else []
        kind = draw(st.sampled_from(["other", "other", "without", "more", "whole"]))
        if kind == "whole" or not places:
            return path, draw(_JUNK)
        container, name = draw(st.sampled_from(places))
        if kind == "other":
            container[name] = draw(_JUNK)
        elif kind == "without":
            del container[name]
        elif isinstance(container, dict):
            container[draw(st.sampled_from(_NAMES))] = draw(_JUNK)
        else:
            container.append(draw(_JUNK))
    return path, body


def _outcome(response: Response) -> tuple[int, str | None]:
    return response.status, response.body["code"] if response.status >= 300 else None


@pytest.fixture
def both(kvsctl: Command, app: Path) -> Iterator[tuple[str, str]]:
    """Yield the URL of a service, and that of a bridge to another one."""
    words = ("--manifest", _MANIFEST, "--normalise")
    with (
        serving(kvsctl, *words) as service,
        serving(kvsctl, *words) as store,
        gateway(app, store) as url,
    ):
        yield service, url


def test_an_odd_body_is_refused_as_the_service_does(both: tuple[str, str]) -> None:
    service, url = both
    refused_itself = 0

    @settings(max_examples=examples(400))
    @given(_odd_bodies())
    def compare(odd: tuple[str, Any]) -> None:
        nonlocal refused_itself
        path, body = odd
        direct, bridged = call(service, path, body), call(url, path, body)
        if _outcome(bridged) != _outcome(direct):
            assert _outcome(bridged) == (400, "INVALID_REQUEST"), (direct, bridged)
            said = bridged.body["message"]
            assert said.startswith(("the bridge passes on only ", "not an ")), (path, body, said)
            refused_itself += 1

    compare()
    assert refused_itself


def test_a_valid_body_is_passed_on(both: tuple[str, str]) -> None:
    for path, body in _BODIES:
        direct, bridged = (call(url, path, body).status for url in both)
        assert direct == bridged, path
        assert direct in (200, 204), path


def test_a_body_of_another_kind_is_refused_as_the_service_does(both: tuple[str, str]) -> None:
    service, url = both
    for path, _ in _BODIES:
        for body in (b"", b"{", b"null", b"0", b'"x"', b"true", b"\xff", b"[]", b"[null]", b"{}"):
            assert _outcome(call(url, path, body)) == _outcome(call(service, path, body)), path


def test_a_query_that_asks_for_less_is_not_answered_with_more(both: tuple[str, str]) -> None:
    service, url = both
    odd: list[Any] = [
        {"where": [_PREFIX, _PREFIX]},
        {"where": _PREFIX},
        {"where": "a"},
        {"where": 5},
        {"where": [{**_PREFIX, "property": "value"}]},
        {"where": [{"condition": "BEGINS_WITH", "values": ["a"]}]},
        {"where": [None]},
        {"options": {"metadataFields": 0}},
        {"options": []},
    ]
    for body in odd:
        direct, bridged = call(service, "/v1/query", body), call(url, "/v1/query", body)
        assert _outcome(bridged) == _outcome(direct), body
        assert bridged.status == 400, body


def test_what_cannot_be_passed_on_is_refused_and_nothing_is_done(both: tuple[str, str]) -> None:
    _, url = both
    odd: list[tuple[str, Any]] = [
        ("/v1/query", {"filters": {"and": []}}),
        ("/v1/query", {"where": [{**_PREFIX, "not": True}]}),
        ("/v1/entity/query", {"entityName": "employee", "indexName": "by-key", "filters": {}}),
        ("/v1/set", {"key": "a", "value": 1, "conditions": {}}),
        ("/v1/set", {"key": "a", "value": 1, "options": {"returnValue": "LATEST"}}),
    ]
    for path, body in odd:
        refused = call(url, path, body)
        assert _outcome(refused) == (400, "INVALID_REQUEST"), body
        assert refused.body["message"].startswith("the bridge passes on only "), body
    assert call(url, "/v1/query", {}).body == {"data": []}


def test_a_body_that_is_nested_too_deep_is_refused(both: tuple[str, str]) -> None:
    _, url = both
    deep = b"[" * 100_000 + b"]" * 100_000
    for path, body in (
        ("/v1/batch/set", b'[{"key":"a","value":' + deep + b"}]"),
        ("/v1/set", b'{"key":"a","value":' + deep + b"}"),
    ):
        assert _outcome(call(url, path, body)) == (400, "MAX_DEPTH")
    assert call(url, "/v1/query", {}).body == {"data": []}
