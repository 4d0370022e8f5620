"""A client that must not write sends no request that could: it knows the few that read."""

import asyncio
from typing import Any

import pytest

from kvsctl.emulator import embedded
from kvsctl.errors import UsageError
from kvsctl.model import Identity, Record, Verb
from kvsctl.service.auth.credentials import Credentials, bearer
from kvsctl.service.client import StoreClient
from kvsctl.service.queries import EntityIndex, Query
from kvsctl.service.single_sets import CreatingClient
from kvsctl.service.transport.in_process import in_process
from kvsctl.service.wire import MetadataRequest

_REFUSAL = UsageError("target prod is read-only: nothing was sent")


class _Seen:
    """The emulator, which is asked for the paths of all requests."""

    def __init__(self) -> None:
        self.emulator = embedded(":memory:")
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        await self.emulator(scope, receive, send)


def _record(verb: Verb) -> Record:
    body = b'{"key":"a","value":1}' if verb is Verb.SET else b'{"key":"a"}'
    return Record(0, "f", 1, Identity(None, "a"), body)


def _client(app: _Seen, kind: type[StoreClient], refusal: UsageError | None) -> StoreClient:
    return kind(
        in_process("http://kvsctl.localhost", app, 30.0),
        Credentials(None, bearer),
        fixed_headers={},
        timeout_seconds=30.0,
        metadata=MetadataRequest(),
        write_refusal=refusal,
    )


@pytest.mark.parametrize("kind", [StoreClient, CreatingClient])
@pytest.mark.parametrize("verb", [Verb.SET, Verb.DELETE])
def test_no_write_is_sent(kind: type[StoreClient], verb: Verb) -> None:
    async def work() -> list[str]:
        app = _Seen()
        client = _client(app, kind, _REFUSAL)
        with pytest.raises(UsageError, match="target prod is read-only"):
            await client.call(verb, [_record(verb)])
        await client.aclose()
        await app.emulator.aclose()
        return app.paths

    assert asyncio.run(work()) == []


@pytest.mark.parametrize("refusal", [None, _REFUSAL])
def test_reads_and_queries_are_sent(refusal: UsageError | None) -> None:
    async def work() -> list[str]:
        app = _Seen()
        client = _client(app, StoreClient, refusal)
        await client.call(Verb.GET, [_record(Verb.GET)])
        await client.query(Query("", 10))
        await client.query(Query("", 10, entity=EntityIndex("user")))
        await client.aclose()
        await app.emulator.aclose()
        return app.paths

    assert asyncio.run(work()) == ["/v1/batch/get", "/v1/query", "/v1/entity/query"]
