"""The manifest of examples/token-relay is one that the vendor's validator takes."""

from pathlib import Path

import pytest
import yaml

from tests.bridge.test_command import judged

_EXAMPLE = Path(__file__).parents[2] / "examples/token-relay/manifest.yml"


@pytest.fixture
def folder(app: Path, tmp_path: Path) -> Path:
    (tmp_path / "node_modules").symlink_to(app / "node_modules")
    return tmp_path


@pytest.mark.slow
def test_it_is_valid(folder: Path) -> None:
    assert judged(folder, yaml.safe_load(_EXAMPLE.read_text("utf-8"))) == []


@pytest.mark.slow
def test_a_mistake_in_it_would_be_found(folder: Path) -> None:
    text = _EXAMPLE.read_text("utf-8").replace("interval: hour", "interval: hourly")
    assert judged(folder, yaml.safe_load(text))


def test_the_receiver_answers_at_its_path() -> None:
    manifest = yaml.safe_load(_EXAMPLE.read_text("utf-8"))
    (endpoint,) = manifest["modules"]["endpoint"]
    receiver = (_EXAMPLE.parent / "receiver.py").read_text("utf-8")
    assert f'INVOCATION_PATH = "{endpoint["route"]["path"]}"' in receiver
    assert endpoint["auth"] == {"appSystemToken": {"enabled": True}}
