"""The Node package with its development packages, installed once."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.node import install_once

SOURCE: Final = Path(__file__).parents[2] / "packages" / "node"


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package's folder, with the npm packages that its tests need."""
    return install_once(SOURCE, "node-package", tmp_path_factory)
