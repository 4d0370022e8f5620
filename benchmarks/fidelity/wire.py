"""Emulators to ask over HTTP, each emptied before a question."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from kvsctl.emulator import EmulatorOptions
from kvsctl.emulator.options import Token
from kvsctl.emulator.storage.manifest import declared_entities
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.emulator.web.serve import ServeOptions, running

_STAFF: Final = {
    "app": {
        "storage": {
            "entities": [
                {
                    "name": "employee",
                    "attributes": {
                        "name": {"type": "string"},
                        "age": {"type": "integer"},
                        "team": {"type": "string"},
                        "tags": {"type": "any"},
                        "pay": {"type": "float"},
                        "here": {"type": "boolean"},
                    },
                    "indexes": [
                        "age",
                        {"name": "by-team", "partition": ["team"], "range": ["name"]},
                    ],
                }
            ]
        }
    }
}
_NAMED: Final = {
    "plain": EmulatorOptions(),
    "staff": EmulatorOptions(entities=declared_entities(_STAFF)),
    "tokens": EmulatorOptions(tokens=(Token("one", "first"), Token("two", "second"))),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response. `json` is None for an empty body, and the text if it is not JSON."""

    status: int
    json: Any
    headers: Mapping[str, str]

    def __str__(self) -> str:
        """Return status and body, as a question that did not hold shows them."""
        return f"{self.status} {json.dumps(self.json)[:200]}"


class Emulated:
    """An emulator that serves on loopback."""

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self._client: Final = httpx.Client(base_url=url, timeout=60)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Send a request to an endpoint, or to a whole path that begins with a slash.

        A `body` that is not bytes is sent as JSON.
        """
        whole = path if path.startswith("/") else f"/v1/{path}"
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._answer("POST", whole, content, headers)

    def get(self, path: str, **headers: str) -> Answer:
        """Send a GET request."""
        return self._answer("GET", path, b"", headers)

    def admin(self, action: str, body: Any = None, **headers: str) -> Answer:
        """Control the emulator."""
        return self.post(f"/_emulator/{action}", body or {}, **headers)

    def at_installation(self, path: str, body: Any, installation: str) -> Answer:
        """Send a request as a container does, for an installation."""
        return self.post(path, body, forge_proxy_authorization=_proxy(installation))

    def _answer(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("content-type", "application/json")
        found = self._client.request(method, path, content=content, headers=sent)
        try:
            body = found.json() if found.content else None
        except ValueError:
            body = found.text
        return Answer(found.status_code, body, found.headers)


class Wire:
    """The emulators that questions are asked of."""

    def __init__(self) -> None:
        self._stack: Final = contextlib.ExitStack()
        self._running: Final[dict[str, Emulated]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def at(self, options: str = "plain") -> Emulated:
        """Return the emulator with these named options: empty, without faults, in real time."""
        emulated = self._running.get(options)
        if emulated is None:
            emulated = self._stack.enter_context(serving(_NAMED[options]))
            self._running[options] = emulated
        bearer = {"authorization": "Bearer one"} if options == "tokens" else {}
        emulated.admin("reset", **bearer)
        emulated.admin("faults", {"spec": ""}, **bearer)
        emulated.admin("clock", {"resume": True}, **bearer)
        return emulated


@contextlib.contextmanager
def serving(options: EmulatorOptions) -> Iterator[Emulated]:
    """Serve an emulator with any options until the block ends."""
    with running(ServeOptions(port=0, emulator=options)) as served:
        emulated = Emulated(served.url)
        try:
            yield emulated
        finally:
            emulated.close()


@contextlib.contextmanager
def faulty(spec: str) -> Iterator[Emulated]:
    """Serve an emulator that injects faults."""
    with serving(EmulatorOptions(faults=read_faults(spec))) as emulated:
        yield emulated


def _proxy(installation: str) -> str:
    return f"Forge as=app,installationId={installation}"


def staff_options(**switches: Any) -> EmulatorOptions:
    """Return options with the entities of the emulator named staff, and these switches."""
    return EmulatorOptions(entities=_NAMED["staff"].entities, **switches)
