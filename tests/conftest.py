"""Fixtures of all tests."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.command import Command

settings.register_profile("kvsctl", deadline=None)
settings.load_profile("kvsctl")


@pytest.fixture
def kvsctl(tmp_path: Path) -> Command:
    """The installed command with an empty HOME of its own."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(home)
