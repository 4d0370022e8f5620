"""What some tests need, and the only place where tests are skipped: see "Skips" in the README.

- `only_on` is for what belongs to the system: it skips everywhere else.
- `needs` and `skip_or_fail` are for what can be put there: with CI=true they fail the test.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

IS_POSIX: Final = os.name == "posix"
IS_LINUX: Final = sys.platform == "linux"
IS_ROOT: Final = IS_POSIX and os.geteuid() == 0


def only_on(is_here: bool, why: str) -> pytest.MarkDecorator:
    """Return a mark that skips a test on systems, or for users, that cannot have what it tests."""
    return pytest.mark.skipif(not is_here, reason=why)


def needs(is_met: bool, why_not: str) -> pytest.MarkDecorator:
    """Return a mark that skips a test if something is missing, or fails it with CI=true."""
    return pytest.mark.needs(is_met, why_not)


def require(item: pytest.Item) -> None:
    """Skip or fail a test if one of its `needs` is not met."""
    for mark in item.iter_markers("needs"):
        is_met, why_not = mark.args
        if not is_met:
            skip_or_fail(why_not)


def skip_or_fail(why: str) -> None:
    """Skip the test, or fail it with CI=true: there, a skip would hide a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def system_module(name: str) -> Any:
    """Import a module of the standard library. Skip where the system has nothing like it."""
    return pytest.importorskip(name)


def program(name: str, package: str | None = None, folder: str | None = None) -> str:
    """Return the path of a program, installed from Debian's package if it is missing.

    The package has the name of the program if none is given. `folder` is searched, too. Only root
    can install it. Otherwise skip the test, or fail it with CI=true.
    """
    path = os.pathsep.join(filter(None, (os.environ.get("PATH"), folder)))
    if (found := shutil.which(name, path=path)) is not None:
        return found
    _install(package or name)
    found = shutil.which(name)
    if found is None:
        skip_or_fail(f"{name} is not installed")
    return str(found)


def file_of(name: str, path: str) -> Path:
    """Return the path of a file of a package of Debian, which is installed if it is missing.

    Only root can install it. Otherwise skip the test, or fail it with CI=true.
    """
    if not Path(path).is_file():
        _install(name)
    if not Path(path).is_file():
        skip_or_fail(f"{name} is not installed")
    return Path(path)


def _install(name: str) -> None:
    """Install a package of Debian, where this is Debian and the user is root."""
    if shutil.which("apt-get") is None or not IS_ROOT:
        return
    import fcntl

    # Two workers may want a package at once, and apt-get would fail for one of them.
    with (Path(tempfile.gettempdir()) / "kvsctl-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (["update"], ["install", "-y", "--no-install-recommends", name]):
            subprocess.run(["apt-get", "-q", *command], capture_output=True, check=False)


def shared(path: str) -> Path:
    """Return a file that the package installs into `share`. An older editable install lacks it."""
    found = Path(sys.prefix, "share", path)
    if not found.is_file():
        skip_or_fail(f"{found} is missing: install kvsctl again")
    return found


def package(name: str) -> Any:
    """Import a package of the `test` extra. Skip if it is missing, or fail with CI=true."""
    if importlib.util.find_spec(name) is None:
        skip_or_fail(f"{name} is not installed")
    return importlib.import_module(name)
