"""A served store, for workers in other processes."""

from collections.abc import Iterator

import pytest

from tests.support.commands.command import Command
from tests.support.commands.serving import serving


@pytest.fixture
def served(kvsctl: Command) -> Iterator[Command]:
    """kvsctl with a served target."""
    with serving(kvsctl) as url:
        yield kvsctl.having(KVSCTL_URL=url)
