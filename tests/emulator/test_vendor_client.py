"""Every method of the vendor's own client, run against the emulator."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kvsctl.emulator import EmulatorOptions
from kvsctl.emulator.storage.manifest import read_manifest
from kvsctl.emulator.web.serve import ServeOptions, running

NODE = Path(__file__).parent / "node"


def skip_or_fail(why: str) -> None:
    """Skip the test, or fail it with CI=true: there, a skip would hide a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"the vendor's client could not be run: {why}")
    pytest.skip(f"the vendor's client was not run: {why}")


def installed(folder: Path) -> Path:
    """Install the pinned client and its test from npm into a folder, and return the folder."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        skip_or_fail("node or npm is not installed")
    for file in NODE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        skip_or_fail(f"npm ci failed: {done.stderr.strip()[-500:]}")
    return folder


@pytest.mark.slow
def test_every_method_of_the_vendors_client(tmp_path: Path) -> None:
    folder = installed(tmp_path)
    options = EmulatorOptions(entities=read_manifest(NODE / "manifest.yml"))
    with running(ServeOptions(port=0, emulator=options)) as server:
        done = subprocess.run(
            ["node", "--test", "--test-reporter=tap", "vendor.test.mjs"],
            cwd=folder,
            env=os.environ | {"KVS_URL": server.url},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stdout
    assert "# pass 42" in done.stdout, done.stdout
