"""Node and npm packages for tests that ask JavaScript, or the vendor's own code, for the answer."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.needs import skip_or_fail
from tests.support.waiting import wait_until


def ask_node(script: str, question: Any, folder: Path | None = None) -> Any:
    """Run a script in node with `question` as JSON on stdin, and return its stdout, parsed."""
    if shutil.which("node") is None:
        skip_or_fail("node is not installed")
    done = subprocess.run(
        ["node", "-e", script],
        cwd=folder,
        input=json.dumps(question).encode(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def install_packages(source: Path, folder: Path) -> Path:
    """Copy `source` to a folder, install its locked npm packages, and return the folder.

    Nothing that a package brings along is run.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        skip_or_fail("node or npm is not installed")
    shutil.copytree(
        source, folder, ignore=shutil.ignore_patterns("node_modules"), dirs_exist_ok=True
    )
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        skip_or_fail(f"npm ci failed: {done.stderr.strip()[-500:]}")
    return folder


def install_once(
    source: Path,
    name: str,
    factory: pytest.TempPathFactory,
    prepare: Callable[[Path], object] = lambda _folder: None,
) -> Path:
    """Install the packages of `source` once for all workers of a test run; return their folder.

    `prepare` completes it, also once.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share one
        base = base.parent
    folder, is_ready, is_whole = (base / f"{name}{end}" for end in ("", ".ready", ".whole"))
    try:
        (base / f"{name}.begun").touch(exist_ok=False)
    except FileExistsError:
        wait_until(is_ready.exists, 300)
        if not is_whole.exists():
            install_packages(source, folder)  # says why it is not possible, as in the other worker
        return folder
    try:
        install_packages(source, folder)
        prepare(folder)
        is_whole.touch()
    finally:
        is_ready.touch()
    return folder
