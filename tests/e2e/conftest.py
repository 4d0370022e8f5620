"""The targets of several tests of commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvsctl.emulator import embedded
from tests.support.commands.command import Command
from tests.support.commands.server import served


@pytest.fixture(params=["embedded", "server"])
def target(request: pytest.FixtureRequest, kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a target chosen: the embedded emulator, or one behind a real server."""
    if request.param == "embedded":
        yield kvsctl.having(KVSCTL_TARGET="local")
        return
    with served(embedded(tmp_path / "served.db")) as url:
        yield kvsctl.having(KVSCTL_URL=url)
