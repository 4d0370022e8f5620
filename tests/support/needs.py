"""Programs that some tests need, installed where that is possible."""

import os
import shutil
import subprocess

import pytest


def skip_or_fail(why: str) -> None:
    """Skip the test, or fail it with CI=true: there, a skip would hide a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def program(name: str) -> str:
    """Return the path of a program, installed from Debian's package of its name if it is missing.

    Only root can install it. Otherwise skip the test, or fail it with CI=true.
    """
    if (found := shutil.which(name)) is not None:
        return found
    if shutil.which("apt-get") is not None and os.geteuid() == 0:
        for command in (["update"], ["install", "-y", "--no-install-recommends", name]):
            subprocess.run(["apt-get", "-q", *command], capture_output=True, check=False)
    found = shutil.which(name)
    if found is None:
        skip_or_fail(f"{name} is not installed")
    return str(found)
