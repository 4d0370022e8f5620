"""Both methods over every carrier, to the emulator: in this process and behind a real server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest

from kvsctl.emulator import Emulator, EmulatorOptions, embedded
from kvsctl.service.transport.carrier import Carrier, CarrierAnswer
from kvsctl.service.transport.in_process import in_process
from tests.service.networks import NETWORKS, Network
from tests.support.commands.server import served

HEADERS = {"Content-Type": "application/json", "accept": "application/json"}
Seen: TypeAlias = list[tuple[str, dict[bytes, bytes], bytes]]
Ask: TypeAlias = Callable[[Callable[[Carrier], Awaitable[Any]]], tuple[Any, Seen]]


class Watched:
    """The emulator, which notes the method, headers and body of each request in `seen`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.seen: Seen = []

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        message = await receive()
        assert not message["more_body"]
        self.seen.append((scope["method"], dict(scope["headers"]), message["body"]))

        async def replay() -> MutableMapping[str, Any]:
            return message

        await self._emulator(scope, replay, send)


@asynccontextmanager
async def closing(carrier: Carrier) -> AsyncIterator[Carrier]:
    try:
        yield carrier
    finally:
        await carrier.aclose()


@pytest.fixture(params=[*NETWORKS, pytest.param(None, id="in-process")])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Run a test's coroutine with a carrier to an emulator; return its result and the requests."""
    network: Network | None = request.param

    def ask_over(work: Callable[[Carrier], Awaitable[Any]]) -> tuple[Any, Seen]:
        emulator = embedded(":memory:", EmulatorOptions(installations=("a", "b", "c")))
        watched = Watched(emulator)

        async def run(carrier: Carrier) -> Any:
            async with closing(carrier):
                return await work(carrier)

        try:
            if network is None:
                carrier = in_process("http://kvsctl.localhost", watched, 30.0)
                return asyncio.run(run(carrier)), watched.seen
            with served(watched) as url:
                return network.run(run(network.carrier(url))), watched.seen
        finally:
            emulator.close()

    return ask_over


def test_a_get_has_no_body_and_none_of_its_headers(ask: Ask) -> None:
    async def work(carrier: Carrier) -> CarrierAnswer:
        return await carrier.request("GET", "/openapi.json", HEADERS)

    answer, seen = ask(work)
    assert answer.status == 200
    assert json.loads(answer.body)["openapi"].startswith("3.")
    ((method, headers, body),) = seen
    assert (method, body) == ("GET", b"")
    assert headers[b"accept"] == b"application/json"
    assert not headers.keys() & {b"content-type", b"content-length", b"transfer-encoding"}


def test_a_get_carries_its_query(ask: Ask) -> None:
    async def work(carrier: Carrier) -> list[CarrierAnswer]:
        first = await carrier.request("GET", "/v1/installations?pageSize=2", HEADERS)
        cursor = json.loads(first.body)["cursor"]
        path = f"/v1/installations?pageSize=2&cursor={cursor}"
        return [first, await carrier.request("GET", path, HEADERS)]

    answers, _ = ask(work)
    pages = [json.loads(answer.body)["installations"] for answer in answers]
    assert [[one["id"] for one in page] for page in pages] == [["a", "b"], ["c"]]


def test_a_post_carries_its_body_with_its_length_and_type(ask: Ask) -> None:
    content = b'[{"key":"a","value":1.0}]'

    async def work(carrier: Carrier) -> CarrierAnswer:
        return await carrier.request("POST", "/v1/batch/set", HEADERS, content)

    answer, seen = ask(work)
    assert (answer.status, json.loads(answer.body)["failedKeys"]) == (200, [])
    ((method, headers, body),) = seen
    assert (method, body) == ("POST", content)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"content-length"] == b"%d" % len(content)


def test_methods_alternate_over_one_path(ask: Ask) -> None:
    """The same path and headers, by another method, are another request."""

    async def work(carrier: Carrier) -> list[int]:
        statuses = []
        for _ in range(2):
            for method, body in (("GET", None), ("POST", b"{}")):
                path = "/v1/installations"
                answer = await carrier.request(method, path, HEADERS, body)  # type: ignore[arg-type]
                statuses.append(answer.status)
        return statuses

    statuses, seen = ask(work)
    assert statuses == [200, 405] * 2
    assert [method for method, *_ in seen] == ["GET", "POST"] * 2
    assert [b"content-type" in headers for _, headers, _ in seen] == [False, True] * 2
