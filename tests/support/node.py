"""Node and npm packages for tests that ask JavaScript, or the vendor's own code, for the answer."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.support.needs import skip_or_fail


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
    """Copy the files of `source` to a folder, install its locked npm packages, return the folder.

    Nothing that a package brings along is run.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        skip_or_fail("node or npm is not installed")
    folder.mkdir(exist_ok=True)
    for file in source.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        skip_or_fail(f"npm ci failed: {done.stderr.strip()[-500:]}")
    return folder
