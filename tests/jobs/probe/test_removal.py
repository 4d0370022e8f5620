"""A scratch record counts as removed only if an answer says that the store does not have it."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from kvsctl.errors import CredentialsError
from kvsctl.jobs.probe.scratch import Scratch
from kvsctl.model import Identity
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.raw import RawAnswer


class _Answers:
    """A client whose requests have one end after the other."""

    def __init__(self, faults: list[Fault | None]) -> None:
        self._faults = faults

    async def prepare(self) -> None:
        """There is no token to get."""

    async def post(self, _path: str, _body: bytes) -> RawAnswer:
        """Answer."""
        return RawAnswer(200, {}, b"", self._faults.pop(0), None)


class _Store:
    """A client of a store that answers every request alike."""

    def __init__(self, body: Mapping[str, Any], fault: Fault | None = None) -> None:
        self._answer = RawAnswer(200, {}, json.dumps(body).encode(), fault, None)

    async def prepare(self) -> None:
        """There is no token to get."""

    async def post(self, _path: str, _body: bytes) -> RawAnswer:
        """Answer."""
        return self._answer


def _left(store: _Store, entity: str | None) -> list[Identity]:
    """Return what is left of a scratch record once its removal was tried."""
    scratch = Scratch(store, "", lambda: 0.0, asyncio.sleep)  # type: ignore[arg-type]
    scratch.note("a", entity=entity)
    assert asyncio.run(scratch.remove_all()) is None
    return list(scratch.written)


@pytest.mark.parametrize("entity", [None, "employee"])
@pytest.mark.parametrize(
    ("code", "is_gone"),
    [
        ("KEY_NOT_FOUND", True),
        ("NOT_FOUND", True),
        ("SCHEMA_NOT_FOUND", True),
        ("INTERNAL_ERROR", False),
        ("UNKNOWN_ERROR", False),
    ],
)
def test_only_a_missing_record_is_gone(entity: str | None, code: str, is_gone: bool) -> None:
    error = {"code": code, "message": ""}
    store = _Store({"successfulKeys": [], "failedKeys": [{"key": "a", "error": error}]})
    assert _left(store, entity) == ([] if is_gone else [Identity(entity, "a")])


@pytest.mark.parametrize("entity", [None, "employee"])
def test_a_record_that_is_read_is_not_gone(entity: str | None) -> None:
    store = _Store({"successfulKeys": [{"key": "a", "value": 1}], "failedKeys": []})
    assert _left(store, entity) == [Identity(entity, "a")]


@pytest.mark.parametrize("entity", [None, "employee"])
def test_a_record_in_neither_list_is_gone(entity: str | None) -> None:
    assert _left(_Store({"successfulKeys": [], "failedKeys": []}), entity) == []


@pytest.mark.parametrize(
    ("entity", "code", "is_gone"),
    [
        ("employee", "SCHEMA_NOT_FOUND", True),
        ("employee", "INVALID_KEY", False),
        ("employee", "KEY_NOT_FOUND", False),
        (None, "SCHEMA_NOT_FOUND", False),
        (None, "INVALID_KEY", False),
    ],
)
def test_a_refused_read_says_only_that_an_entity_is_missing(
    entity: str | None, code: str, is_gone: bool
) -> None:
    store = _Store({}, Fault(FaultKind.REFUSED, code, "", 404))
    assert _left(store, entity) == ([] if is_gone else [Identity(entity, "a")])


_FORBIDDEN = Fault(FaultKind.FORBIDDEN, "READ_ONLY_TOKEN", "", 403)


@pytest.mark.parametrize(
    ("before", "may_exist"),
    [
        ([], False),
        ([Fault(FaultKind.THROTTLED, "TOO_MANY_REQUESTS", "", 429)], False),
        ([Fault(FaultKind.TROUBLED, "HTTP_500", "", 500)], True),
        ([Fault(FaultKind.UNANSWERED, "TIMEOUT", "")], True),
    ],
)
def test_a_target_that_refuses_all_writes_has_no_scratch_records(
    before: list[Fault | None], may_exist: bool
) -> None:
    async def no_pause(_seconds: float) -> None:
        return

    client = _Answers([*before, _FORBIDDEN])
    scratch = Scratch(client, "p:", lambda: 0.0, no_pause)  # type: ignore[arg-type]
    with pytest.raises(CredentialsError):
        asyncio.run(scratch.set("a", b"1"))
    assert list(scratch.written) == ([Identity(None, "p:a")] if may_exist else [])


def test_what_was_written_before_a_refusal_may_exist() -> None:
    client = _Answers([None, _FORBIDDEN])
    scratch = Scratch(client, "p:", lambda: 0.0, asyncio.sleep)  # type: ignore[arg-type]

    async def write_twice() -> None:
        await scratch.set("a", b"1")
        await scratch.set("b", b"1")

    with pytest.raises(CredentialsError):
        asyncio.run(write_twice())
    assert Identity(None, "p:a") in scratch.written
