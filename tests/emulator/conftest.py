from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulator.support import EmulatorClient, OpenClient, emulator_client


@pytest.fixture
def open_client() -> Iterator[OpenClient]:
    """Return a function that opens emulators. They are closed after the test."""
    opened: list[EmulatorClient] = []

    def opener(*args: Any, **options: Any) -> EmulatorClient:
        opened.append(emulator_client(*args, **options))
        return opened[-1]

    yield opener
    for client in opened:
        client.emulator.close()


@pytest.fixture
def client(open_client: OpenClient) -> EmulatorClient:
    """Return a client of an emulator with default options."""
    return open_client()
