"""Two stores behind real servers: a source and a target."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvsctl.emulator import embedded
from tests.support.commands.command import Command
from tests.support.commands.server import served


@pytest.fixture(name="source")
def _source(tmp_path: Path) -> Iterator[str]:
    """Return the URL of a store."""
    with served(embedded(tmp_path / "source.db")) as url:
        yield url


@pytest.fixture(name="target")
def _target(kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a served target."""
    with served(embedded(tmp_path / "target.db")) as url:
        yield kvsctl.having(KVSCTL_URL=url)
