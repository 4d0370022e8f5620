"""Fixtures of all tests."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.commands.command import Command
from tests.support.examples import examples

# On loaded machines what counts is what an example finds, not how long it took.
settings.register_profile(
    "kvsctl",
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("kvsctl")


@pytest.fixture
def kvsctl(tmp_path: Path) -> Command:
    """The installed command with an empty HOME of its own."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(home)
