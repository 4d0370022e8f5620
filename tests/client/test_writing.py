"""Set and delete through the library, against the emulator."""

import asyncio
import datetime
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from kvsctl.bulk.events import Event, Settled
from kvsctl.client.results import Result, StoredRecord
from kvsctl.emulator import Emulator
from kvsctl.errors import UsageError
from tests.client.clients import arriving, client_of, in_memory, run


async def _stored(emulator: Emulator, *keys: str) -> dict[str, Any]:
    async with client_of(emulator) as client:
        read = [record async for record in client.get_many(keys)]
    return {record.key: record.value for record in read if isinstance(record, StoredRecord)}


def _counts(result: Result) -> tuple[int, int, int]:
    return result.records, result.succeeded, result.failed


@pytest.mark.parametrize("kind", ["list", "iterator", "async", "tuple"])
def test_any_iterable_of_mappings_is_written(kind: str) -> None:
    records = [{"key": f"k{n}", "value": {"n": n}} for n in range(1234)]

    async def work() -> None:
        emulator = in_memory()
        given: Any = {
            "list": records,
            "iterator": iter(records),
            "async": arriving(records),
            "tuple": (*records,),
        }[kind]
        async with client_of(emulator) as client:
            result = await client.set_many(given)
        assert _counts(result) == (1234, 1234, 0)
        assert list(result) == []
        assert await _stored(emulator, "k0", "k1233", "k1234") == {
            "k0": {"n": 0},
            "k1233": {"n": 1233},
        }

    run(work())


def test_a_failed_record_is_data_and_costs_no_other() -> None:
    records: list[Any] = [
        {"key": "a", "value": 1},
        {"key": "b", "value": None},
        {"key": "c"},
        {"key": "d", "value": [1, float("nan")]},
        {"key": "e", "value": datetime.date(2026, 1, 1)},
        "f",
        {"key": "g", "value": {1: 2}},
        {"key": "?", "value": 1},
        {"key": "h", "value": "null", "ttl": {"value": -1, "unit": "SECONDS"}},
        {"value": 1},
        {"key": "z", "value": "null"},
    ]

    async def work() -> None:
        emulator = in_memory()
        async with client_of(emulator) as client:
            result = await client.set_many(records)
        assert _counts(result) == (11, 2, 9)
        assert [(one.position, one.key, one.code) for one in result] == [
            (1, "b", "INVALID_VALUE"),
            (2, "c", "INVALID_JSON"),
            (3, "d", "INVALID_JSON"),
            (4, "e", "INVALID_JSON"),
            (5, None, "INVALID_JSON"),
            (6, "g", "INVALID_JSON"),
            (7, "?", "INVALID_KEY"),
            (8, "h", "INVALID_TTL"),
            (9, None, "INVALID_JSON"),
        ]
        messages = {one.position: one.message for one in result}
        assert messages[3] == "NaN and infinities are not JSON"
        assert messages[5] == "expected a mapping, not str"
        assert await _stored(emulator, "a", "b", "z") == {"a": 1, "z": "null"}

    run(work())


def test_a_failed_record_has_the_key_that_it_was_given_whatever_else_it_has() -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            result = await client.set_many(
                [
                    {"key": "more", "value": 1, "bogus": 2},
                    {"key": "other", "value": 1, "entityName": "order", "bogus": 2},
                    {"key": "none", "value": 1, "entityName": 5},
                    {"value": 1},
                    {"key": "deep", "value": json.loads("[" * 300 + "]" * 300)},
                ]
            )
            named = [(one.position, one.key, one.entity) for one in result]
            assert named == [
                (0, "more", None),
                (1, "other", "order"),
                (2, "none", None),
                (3, None, None),
                (4, "deep", None),
            ]
            assert {one.code for one in result} <= {"INVALID_JSON", "MAX_DEPTH"}
            result = await client.delete_many([{"key": "more", "bogus": 2}])
            assert [one.key for one in result] == ["more"]

    run(work())


def test_the_last_record_of_a_key_stays() -> None:
    records = [{"key": "k", "value": n} for n in range(10)]

    async def work() -> None:
        emulator = in_memory()
        async with client_of(emulator) as client:
            result = await client.set_many(records)
        assert result.succeeded + result.duplicates == 10
        assert result.duplicates > 0
        assert await _stored(emulator, "k") == {"k": 9}

    run(work())


def test_json_text_keeps_its_bytes() -> None:
    text = b'{"n": 123456789012345678901234567890, "x": 1.50}'

    async def work() -> None:
        async with client_of(in_memory()) as client:
            await client.set_many([{"key": "k", "value": orjson.Fragment(text)}])
            (read,) = [one async for one in client.get_many(["k"])]
        assert isinstance(read, StoredRecord)
        assert read.json == text
        assert read.value == json.loads(text)

    run(work())


def test_text_that_is_not_json_fails_its_record_alone() -> None:
    async def work() -> None:
        records: list[dict[str, Any]] = [
            {"key": "k", "value": orjson.Fragment(b'1,"ttl":')},
            {"key": "l", "value": 1},
        ]
        async with client_of(in_memory()) as client:
            result = await client.set_many(records)
        assert (result.succeeded, [one.position for one in result]) == (1, [0])

    run(work())


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("kind", [LookupError, asyncio.CancelledError])
def test_what_an_iterable_gave_before_it_failed_is_written(
    kind: type[BaseException], *, is_async: bool
) -> None:
    def failing() -> Any:
        yield {"key": "k", "value": 1}
        raise kind("the database is gone")

    async def work() -> None:
        emulator = in_memory()
        async with client_of(emulator) as client:
            with pytest.raises(kind, match="the database is gone"):
                async with asyncio.timeout(20):
                    await client.set_many(arriving(failing()) if is_async else failing())
        assert await _stored(emulator, "k") == {"k": 1}

    run(work())


def test_keys_are_deleted_by_name_or_by_mapping() -> None:
    async def work() -> None:
        emulator = in_memory()
        async with client_of(emulator) as client:
            await client.set_many([{"key": key, "value": 1} for key in "abc"])
            result = await client.delete_many(["a", {"key": "b", "value": 2}, "nothing", 7])  # type: ignore[list-item]
        assert _counts(result) == (4, 3, 1)
        assert [(one.position, one.message) for one in result] == [
            (3, "expected a string or a mapping, not int")
        ]
        assert await _stored(emulator, "a", "b", "c") == {"c": 1}

    run(work())


def test_listeners_receive_the_events_of_the_run() -> None:
    events: list[Event] = []

    async def work() -> None:
        async with client_of(in_memory()) as client:
            await client.set_many([{"key": "k", "value": 1}], listeners=[events.append])

    run(work())
    settled = [event for event in events if isinstance(event, Settled)]
    assert [outcome.position for event in settled for outcome in event.outcomes] == [0]


def test_an_error_that_ends_a_call_early_has_its_result() -> None:
    records = [{"key": "?", "value": 1} for _ in range(3)]

    async def work() -> None:
        async with client_of(in_memory(), max_failures=1) as client:
            with pytest.raises(Exception, match="failed") as caught:
                await client.set_many(records)
        result = caught.value.result  # type: ignore[attr-defined]
        assert (result.failed, result.unsent) == (1, 2)

    run(work())


def _thirty(name: str) -> list[dict[str, str]]:
    return [{"key": f"{name}{n}", "value": name} for n in range(30)]


def test_calls_at_the_same_time_do_not_mix() -> None:
    async def work() -> None:
        emulator = in_memory()
        async with client_of(emulator) as client:
            calls = map(client.set_many, [arriving(_thirty(name)) for name in "abc"])
            results = await asyncio.gather(*calls)
        assert [_counts(result) for result in results] == [(30, 30, 0)] * 3
        assert await _stored(emulator, "a29", "c0") == {"a29": "a", "c0": "c"}

    run(work())


def test_a_slow_source_does_not_hold_its_records_back() -> None:
    async def work() -> None:
        settled = asyncio.Event()

        async def slow() -> Any:
            yield {"key": "k", "value": 1}
            await asyncio.wait_for(settled.wait(), 20)
            yield {"key": "l", "value": 1}

        def note(event: Event) -> None:
            if isinstance(event, Settled):
                settled.set()

        async with client_of(in_memory()) as client:
            result = await client.set_many(slow(), listeners=[note])
        assert result.succeeded == 2

    run(work())


def test_a_cancelled_call_closes_the_callers_iterator() -> None:
    async def work() -> None:
        begun, closed = asyncio.Event(), asyncio.Event()

        async def endless() -> Any:
            try:
                yield {"key": "k", "value": 1}
                begun.set()
                await asyncio.Event().wait()
            finally:
                closed.set()

        async with client_of(in_memory()) as client:
            call = asyncio.create_task(client.set_many(endless()))
            await begun.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert closed.is_set()

    run(work())


def test_a_client_that_is_not_open_refuses() -> None:
    client = client_of(in_memory())
    with pytest.raises(UsageError, match="the client is not open"):
        run(client.set_many([]))


@pytest.mark.parametrize(
    ("listeners", "message"),
    [
        ([5], "listeners: expected functions that take an event, not int"),
        ([print, "note"], "listeners: expected functions that take an event, not str"),
        (print, "listeners: expected a list of functions, not builtin_function_or_method"),
    ],
    ids=["number", "text", "function"],
)
def test_listeners_that_cannot_be_called_are_refused(
    listeners: Any, message: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            calls: list[Callable[[], Any]] = [
                lambda: client.set_many([{"key": "k", "value": 1}], listeners=listeners),
                lambda: client.delete_many(["k"], listeners=listeners),
                lambda: collected(client.get_many(["k"], listeners=listeners)),
                lambda: collected(client.scan(listeners=listeners)),
                lambda: client.export(tmp_path / "a.jsonl", listeners=listeners),
                lambda: collected(client.export_lines(listeners=listeners)),
                lambda: collected(client.diff(tmp_path / "b.jsonl", listeners=listeners)),
            ]
            for call in calls:
                with pytest.raises(UsageError) as caught:
                    await call()
                assert caught.value.message == message
            assert [one async for one in client.scan()] == []

    async def collected(given: AsyncIterator[Any]) -> list[Any]:
        return [one async for one in given]

    run(work())
    assert not [*tmp_path.iterdir()]
