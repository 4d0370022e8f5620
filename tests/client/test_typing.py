"""A program of a user: mypy checks its types, strictly, and the tests run it.

What must be refused by type is ignored by its code, so mypy reports a mistake that it misses.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypedDict, assert_type

import pytest

from kvsctl import (
    AsyncClient,
    AsyncDifferences,
    Client,
    Differences,
    DifferentRecord,
    Exported,
    FailedRecord,
    Result,
    StoredRecord,
)
from kvsctl.bulk.events import Event
from kvsctl.emulator import embedded
from kvsctl.service.transport.carrier import Carrier
from kvsctl.service.transport.in_process import in_process

_URL = "http://127.0.0.1:1"


class _Row(TypedDict):
    key: str
    value: int


def _carrier() -> Carrier:
    return in_process(_URL, embedded(":memory:"), 30)


def _rows() -> Iterator[_Row]:
    for number in range(3):
        yield {"key": f"k{number}", "value": number}


async def _arriving() -> AsyncIterator[_Row]:
    for row in _rows():
        yield row


def _note(event: Event) -> None:
    assert event is not None


def test_the_types_are_shipped() -> None:
    assert (files("kvsctl") / "py.typed").is_file()


def test_a_program_without_an_event_loop(tmp_path: Path) -> None:
    with Client(_URL, "token", transport=_carrier(), concurrency=2, retries=1) as client:
        assert_type(client, Client)
        mappings: list[Mapping[str, Any]] = [{"key": "m", "value": {"a": [1, None]}}]
        for given in (_rows(), _arriving(), [*_rows()]):
            result = client.set_many(given, ttl="7d", listeners=[_note])
            assert_type(result, Result)
        client.set_many(mappings, if_absent="exact", ttl={"value": 1, "unit": "DAYS"})
        client.set_many(mappings, changed_only=True, verify=True, entity=None)
        assert_type(result.succeeded, int)
        assert_type(result.skipped_by, Mapping[str, int])
        for failure in result:
            assert_type(failure, FailedRecord)
        for record in client.get_many(["m", {"key": "k1"}]):
            assert_type(record, StoredRecord | FailedRecord)
            if isinstance(record, StoredRecord):
                assert_type(record.json, bytes)
                assert_type(record.value, Any)
            else:
                assert_type(record.code, str)
        for record in client.scan("k", entity=None):
            assert_type(record.key, str | None)
        exported = client.export(tmp_path / "b.jsonl", entities=[None], consistent=True)
        assert_type(exported, Exported)
        assert_type(exported.path, Path)
        for line in client.export_lines("k"):
            assert_type(line, bytes)
        differences = client.diff(exported.path)
        assert_type(differences, Differences)
        for one in differences:
            assert_type(one, DifferentRecord)
            assert_type(one.change, Literal["added", "changed", "missing"])
            assert_type(one.left_json, bytes | None)
        assert_type(differences.counts.equal, int)
        assert_type(differences.failures, Sequence[FailedRecord])
        assert_type(client.delete_many(["m"], verify=True), Result)
    assert_type(Client.from_target("local", confirm="local"), Client)


def test_a_program_with_an_event_loop(tmp_path: Path) -> None:
    async def work() -> None:
        async with AsyncClient(_URL, transport=_carrier()) as client:
            assert_type(client, AsyncClient)
            assert_type(await client.set_many(_arriving(), listeners=[_note]), Result)
            async for record in client.get_many(row["key"] for row in _rows()):
                assert_type(record, StoredRecord | FailedRecord)
            async for record in client.scan():
                assert_type(record, StoredRecord | FailedRecord)
            assert_type(await client.export(str(tmp_path)), Exported)
            async for line in client.export_lines():
                assert_type(line, bytes)
            async with AsyncClient(_URL, transport=_carrier()) as other:
                differences = client.diff(other, "")
                assert_type(differences, AsyncDifferences)
                async for one in differences:
                    assert_type(one.right_value, Any)
            assert_type(await client.delete_many(["k1"]), Result)

    asyncio.run(work())
    assert_type(AsyncClient.from_target("local"), AsyncClient)


def test_what_is_refused_by_type_is_refused() -> None:
    with Client(_URL, transport=_carrier()) as client:
        with pytest.raises(Exception, match="expected an iterable"):
            client.set_many("key")  # type: ignore[arg-type]
        with pytest.raises(Exception, match="if_absent"):
            client.set_many([], if_absent="maybe")  # type: ignore[arg-type]
        with pytest.raises(Exception, match="keys_per_request"):
            client.scan(keys_per_request=1)  # type: ignore[call-arg]
        assert client.set_many([("k", 1)]).failed == 1  # type: ignore[list-item]
        assert client.delete_many([7]).failed == 1  # type: ignore[list-item]
    with pytest.raises(Exception, match="unknown setting"):
        Client(_URL, concurency=4)  # type: ignore[call-arg]
