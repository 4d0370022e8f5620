from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulator.support import Desk, OpenDesk, open_desk


@pytest.fixture
def desks() -> Iterator[OpenDesk]:
    """Opens emulators and closes them after the test."""
    opened: list[Desk] = []

    def opener(*args: Any, **options: Any) -> Desk:
        opened.append(open_desk(*args, **options))
        return opened[-1]

    yield opener
    for desk in opened:
        desk.emulator.close()


@pytest.fixture
def desk(desks: OpenDesk) -> Desk:
    """An emulator with the answers that the contract names."""
    return desks()
