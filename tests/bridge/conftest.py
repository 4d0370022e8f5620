"""A Forge app, installed once."""

from pathlib import Path

import pytest

from kvsctl.bridge.app_folder import init
from tests.support.node import install_once

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

    def prepare(folder: Path) -> None:
        (folder / "manifest.yml").write_text(_APP, "utf-8")
        init(folder, ".js")

    return install_once(_NODE, "bridge-app", tmp_path_factory, prepare)
