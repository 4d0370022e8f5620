"""A Forge app, installed once."""

import os
from pathlib import Path

import pytest

from kvsctl.bridge.app_folder import init
from tests.support.node import install_packages
from tests.support.waiting import wait_until

_NODE = Path(__file__).parent / "node"
_APP = """\
app:
  id: ari:cloud:ecosystem::app/00000000-0000-0000-0000-000000000000
  runtime:
    name: nodejs22.x
"""


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an app that has the bridge, and the packages of npm that tests need."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share one
        base = base.parent
    folder, is_ready = base / "bridge-app", base / "bridge-app.ready"
    try:
        (base / "bridge-app.begun").touch(exist_ok=False)
    except FileExistsError:
        wait_until(is_ready.exists, 300)
        if not (folder / "src").exists():
            install_packages(_NODE, folder)  # says why that is not possible, as in the other worker
        return folder
    try:
        install_packages(_NODE, folder)
        (folder / "manifest.yml").write_text(_APP, "utf-8")
        init(folder, ".js")
    finally:
        is_ready.touch()
    return folder
