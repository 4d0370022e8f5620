"""Read through the library, against the emulator."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl import AsyncClient
from kvsctl.client.results import FailedRecord, StoredRecord
from kvsctl.client.stream import Arrivals
from kvsctl.emulator import Emulator
from kvsctl.service.transport.carrier import CarrierAnswer
from tests.client.clients import URL, arriving, client_of, in_memory, run, session_of
from tests.support.simulated.virtual_time import run_virtual


async def _filled(count: int) -> Emulator:
    emulator = in_memory()
    async with client_of(emulator) as client:
        await client.set_many({"key": f"k{n:04}", "value": n} for n in range(count))
    return emulator


@pytest.mark.parametrize("is_async", [False, True])
def test_keys_are_read_in_their_order(*, is_async: bool) -> None:
    keys = [f"k{n:04}" for n in reversed(range(700))] + ["k0001", "k0001"]

    async def work() -> None:
        emulator = await _filled(700)
        async with client_of(emulator) as client:
            given: Any = arriving(keys) if is_async else keys
            read = [record async for record in client.get_many(given)]
        assert [record.key for record in read] == keys
        assert [record.position for record in read] == [*range(702)]
        assert all(isinstance(record, StoredRecord) for record in read)

    run(work())


def test_a_key_that_cannot_be_read_is_data_in_its_place() -> None:
    async def work() -> None:
        emulator = await _filled(1)
        async with client_of(emulator) as client:
            read = [one async for one in client.get_many(["gone", "?", "k0000"])]
        assert [one.code if isinstance(one, FailedRecord) else one.value for one in read] == [
            "KEY_NOT_FOUND",
            "INVALID_KEY",
            0,
        ]

    run(work())


def test_times_are_there_if_they_are_asked_for() -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            ttl = {"value": 1, "unit": "HOURS"}
            await client.set_many([{"key": "k", "value": 1, "ttl": ttl}])
            (read,) = [one async for one in client.get_many(["k"])]
        assert isinstance(read, StoredRecord)
        assert read.created_at is not None
        assert read.expire_time is not None
        assert repr(read) == "StoredRecord(0, 'k', 1 byte)"

    run(work())


def test_a_scan_yields_what_begins_with_a_prefix() -> None:
    async def work() -> None:
        emulator = await _filled(345)
        async with client_of(emulator) as client:
            read = [(one.key, one.position) async for one in client.scan("k02")]
            everything = [one.key async for one in client.scan()]
        assert read == [(f"k{200 + n:04}", n) for n in range(100)]
        assert everything == [f"k{n:04}" for n in range(345)]

    run(work())


@pytest.mark.parametrize("name", ["get_many", "scan"])
def test_a_caller_may_stop_at_any_record(name: str) -> None:
    async def work() -> None:
        emulator = await _filled(500)
        async with client_of(emulator) as client:
            keys = (f"k{n:04}" for n in range(500))
            reading = client.scan() if name == "scan" else client.get_many(keys)
            async with aclosing(reading):
                async for record in reading:
                    if record.key == "k0003":
                        break
            assert session_of(client).is_idle
            result = await client.delete_many(["k0003"])
        assert result.succeeded == 1

    run(work())


def test_an_exception_of_the_keys_is_raised_after_what_they_gave() -> None:
    def failing() -> Any:
        yield "k0000"
        raise LookupError("no more")

    async def work() -> None:
        emulator = await _filled(1)
        read = []
        async with client_of(emulator) as client:

            async def read_all() -> None:
                async for one in client.get_many(failing()):
                    read.append(one.key)

            with pytest.raises(LookupError, match="no more"):
                await read_all()
        assert read == ["k0000"]

    run(work())


_VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner | st.none(), max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.lists(_VALUES, max_size=30))
def test_a_value_is_read_as_it_was_written(values: list[Any]) -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            await client.set_many({"key": f"k{n}", "value": one} for n, one in enumerate(values))
            keys = [f"k{n}" for n in range(len(values))]
            read = [one async for one in client.get_many(keys)]
        assert [one.value for one in read if isinstance(one, StoredRecord)] == values

    run(work())


class _Answering:
    """A carrier that has one answer to all requests."""

    host, proxy = "127.0.0.1:1", None

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def request(self, *_: object) -> CarrierAnswer:
        return CarrierAnswer(200, {}, self._body)

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize("values", [[b"1", b'"a b"'], [b"[1,\n2]", b"{\r\n}"], [b"[ ]", b"\n3"]])
def test_the_bytes_of_a_value_are_those_of_the_answer(values: list[bytes]) -> None:
    keys = ["a", "b"]
    found = [
        b'{"key":"%b","value":%b}' % (key.encode(), one)
        for key, one in zip(keys, values, strict=True)
    ]
    carrier = _Answering(b'{"successfulKeys":[%b],"failedKeys":[]}' % b",".join(found))

    async def work() -> None:
        async with AsyncClient(URL, transport=carrier) as client:
            read = [one async for one in client.get_many(keys)]
        assert [one.json for one in read if isinstance(one, StoredRecord)] == [
            one.strip() for one in values
        ]

    run(work())


async def _waits_of(counts: list[int]) -> list[int]:
    """Return after how many milliseconds each list of as many results is handed over."""
    arrivals, loop, waits = Arrivals[int](), asyncio.get_running_loop(), []
    for count in counts:
        began = loop.time()
        arrivals.add([0] * count, count)
        assert await arrivals.next() == [0] * count
        waits.append(round(1000 * (loop.time() - began)))
    return waits


@pytest.mark.parametrize(
    ("counts", "waits"),
    [
        ([1, 1, 1], [5, 5, 5]),
        ([999, 1], [5, 5]),
        ([1000, 1, 1], [5, 20, 5]),
        ([4000, 4000, 1], [0, 0, 20]),
    ],
)
def test_results_wait_longer_while_many_arrive(counts: list[int], waits: list[int]) -> None:
    assert run_virtual(_waits_of(counts)) == waits


def test_the_end_waits_for_nothing() -> None:
    async def work() -> None:
        arrivals, loop = Arrivals[int](), asyncio.get_running_loop()
        arrivals.add([1], 1)
        arrivals.add([2], 1)
        arrivals.end()
        began = loop.time()
        assert await arrivals.next() == [1, 2]
        assert await arrivals.next() is None
        assert loop.time() == began

    run_virtual(work())
