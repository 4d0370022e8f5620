"""Fixtures of all tests."""

import signal
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

# A shell ignores these for what it runs in the background, and kvsctl leaves ignored signals so:
# the tests, and the processes that they start, begin with what a foreground command has.
for _name in ("SIGINT", "SIGTERM", "SIGHUP"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        _is_interrupt = _number == signal.SIGINT
        signal.signal(_number, signal.default_int_handler if _is_interrupt else signal.SIG_DFL)


@pytest.fixture
def kvsctl(tmp_path: Path) -> Command:
    """The installed command with an empty HOME of its own."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(home)
