"""Fixtures of all tests."""

import os
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import kvsctl as kvsctl_package
from tests.support.commands.command import Command
from tests.support.examples import examples
from tests.support.figures import pytest_terminal_summary as pytest_terminal_summary
from tests.support.needs import require

_E2E = Path(__file__).parent / "e2e"
_CHECKOUT = Path(__file__).parents[1]

# A shell ignores these for what it runs in the background, and kvsctl leaves ignored signals so:
# the tests, and the processes that they start, begin with what a foreground command has.
for _name in ("SIGINT", "SIGTERM", "SIGHUP"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        _is_interrupt = _number == signal.SIGINT
        signal.signal(_number, signal.default_int_handler if _is_interrupt else signal.SIG_DFL)

# kvsctl refuses token files that every user can read. Group bits stay, so that a test of a private
# file still sees whether kvsctl made it so.
os.umask(0o027)


@pytest.fixture(scope="session", autouse=True)
def _checkout_as_before() -> Iterator[None]:
    """Fail if a test has left a file in the checkout, where the next run would find it.

    With `CI` in the environment, fail also if a file has changed: elsewhere a person may have
    edited it meanwhile.
    """
    is_edited = "CI" not in os.environ
    before = written_in(_CHECKOUT, is_edited=is_edited)
    yield
    assert written_in(_CHECKOUT, is_edited=is_edited) - before == set()


def written_in(checkout: Path, *, is_edited: bool) -> set[str]:
    """Return what is new in a checkout, and, unless people edit it, what has changed.

    These are lines of `git status`, which leaves out what git ignores. Without git they are the
    names at the top that do not begin with a dot.
    """
    if git := shutil.which("git"):
        command = [git, "--no-optional-locks", "status", "--porcelain", "-uall", "--", "."]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            lines = done.stdout.splitlines()
            return {line for line in lines if line.startswith("??") or not is_edited}
    names = {path.name for path in checkout.iterdir()} - {"build", "dist"}
    return {name for name in names if not name.startswith(".")}


@pytest.fixture
def kvsctl(tmp_path: Path) -> Command:
    """The installed command with an empty HOME of its own."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(home)


def pytest_configure(config: pytest.Config) -> None:
    """Set how many examples a property is tried with: fewer in the inner loop."""
    require_installed()
    if config.getoption("markexpr") == "not slow":
        os.environ.setdefault("KVSCTL_EXAMPLES_TIMES", "0.2")
    # On loaded machines what counts is what an example finds, not how long it took.
    settings.register_profile(
        "kvsctl",
        max_examples=examples(60),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("kvsctl")


def require_installed() -> None:
    """Raise pytest.UsageError if the package must be an installed wheel, and is not."""
    here, installed = Path(kvsctl_package.__file__).parent, Path(sysconfig.get_path("purelib"))
    if os.environ.get("KVSCTL_TEST_INSTALLED") == "1" and here.parent != installed:
        raise pytest.UsageError(f"kvsctl is imported from {here}, not from {installed}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test that needs something which is missing."""
    require(item)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every end-to-end test slow: the inner loop leaves them to the whole run."""
    for item in items:
        if _E2E in item.path.parents:
            item.add_marker(pytest.mark.slow)
