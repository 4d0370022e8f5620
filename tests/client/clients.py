"""Clients of an emulator in this process, and the loop of a test."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, Unpack

from kvsctl import AsyncClient
from kvsctl.client.opening import Settings
from kvsctl.client.session import Session
from kvsctl.emulator import Emulator, EmulatorOptions, embedded
from kvsctl.service.transport.in_process import in_process

URL = "http://127.0.0.1:1"
UNUSABLE_PATHS: Final[Sequence[tuple[Any, str]]] = [
    ("x\0y", r'the name "x\u0000y" has a NUL (U+0000)'),
    (Path("x\0y"), r'the name "x\u0000y" has a NUL (U+0000)'),
    (b"x", "expected {}, not bytes"),
    (5, "expected {}, not int"),
    (None, "expected {}, not NoneType"),
    (["secret"], "expected {}, not list"),
    ("", "empty file name"),
]
"""Arguments that name no file, and why; {} stands for what was expected."""
_T = TypeVar("_T")


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Carry out a coroutine on a loop of its own."""
    return asyncio.run(work)


def client_of(emulator: Emulator, **settings: Unpack[Settings]) -> AsyncClient:
    """Return a client whose requests the emulator answers, without any network."""
    return AsyncClient(URL, transport=in_process(URL, emulator, 30), metadata=True, **settings)


def session_of(client: AsyncClient) -> Session:
    """Return what an open client has."""
    assert client._session is not None
    return client._session


def in_memory(options: EmulatorOptions | None = None) -> Emulator:
    """Return an empty emulator."""
    return embedded(":memory:", options)


async def arriving(given: Iterable[_T]) -> AsyncIterator[_T]:
    """Yield each as if it had to be waited for."""
    for one in given:
        await asyncio.sleep(0)
        yield one


def environ_of(home: Path) -> dict[str, str]:
    """Return an environment without a configuration, whose local store is in `home`."""
    return {
        "KVSCTL_LOCAL_DB": str(home / "local.db"),
        "XDG_CONFIG_HOME": str(home),
        "HOME": str(home),
    }
