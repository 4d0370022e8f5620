"""Every method of the vendor's own client, run against the emulator."""

import os
import subprocess
from pathlib import Path

import pytest

from kvsctl.emulator import EmulatorOptions
from kvsctl.emulator.storage.manifest import read_manifest
from kvsctl.emulator.web.serve import ServeOptions, running
from tests.support.node import install_packages

NODE = Path(__file__).parent / "node"


@pytest.mark.slow
def test_every_method_of_the_vendors_client(tmp_path: Path) -> None:
    folder = install_packages(NODE, tmp_path)
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
