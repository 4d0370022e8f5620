"""Ask a store client, over an application or a wire."""

import asyncio
from typing import Any

from kvsctl.model import Identity, Record, Verb
from kvsctl.service.auth.credentials import Credentials, Secret, bearer
from kvsctl.service.client import Answer, StoreClient
from kvsctl.service.transport.carrier import Carrier
from kvsctl.service.transport.in_process import in_process
from kvsctl.service.wire import MetadataRequest
from tests.service.networks import Network
from tests.service.wires import App, Behaviour, Wire, listening
from tests.support.records import moment

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
TOKEN = "s3cret-token"
DONE = b'{"successfulKeys":[{"key":"a"}],"failedKeys":[]}'
OK = (200, {"content-type": "application/json"}, DONE)
URL = "http://kvsctl.localhost/base/"


class Given:
    """A source that gives tokens in turn."""

    name = "test source"
    may_change = True

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    def read(self) -> Secret:
        return Secret(self.tokens.pop(0))


def record(body: bytes = b'{"key":"a","value":1}', expires_at: float | None = None) -> Record:
    return Record(0, "f", 1, Identity(None, "a"), body, moment(expires_at))


def service(carrier: Carrier, **given: Any) -> StoreClient:
    options: dict[str, Any] = {
        "credentials": Credentials(Given(TOKEN), bearer),
        "fixed_headers": {},
        "timeout_seconds": 30.0,
        "metadata": MetadataRequest(),
        "epoch": lambda: NOW,
    }
    return StoreClient(carrier, **(options | given))


def ask(app: App, *, verb: Verb = Verb.SET, **given: Any) -> Answer:
    """Make one call to an application in this process."""

    async def work() -> Answer:
        one = service(in_process(URL, app, 30.0), **given)
        try:
            return await one.call(verb, [record()])
        finally:
            await one.aclose()

    return asyncio.run(work())


def ask_wire(
    network: Network, behave: Behaviour, timeout_seconds: float = 30.0
) -> tuple[Answer, Wire]:
    """Make one call to a server that misbehaves."""

    async def work() -> tuple[Answer, Wire]:
        async with listening(behave) as wire:
            carrier = network.carrier(wire.url, timeout_seconds)
            one = service(carrier, timeout_seconds=timeout_seconds)
            try:
                return await one.call(Verb.SET, [record()]), wire
            finally:
                await one.aclose()

    return network.run(work())


async def call(carrier: Carrier, **given: Any) -> Answer:
    one = service(carrier, **given)
    try:
        return await one.call(Verb.SET, [record()])
    finally:
        await one.aclose()
