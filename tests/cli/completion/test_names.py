"""The entities and indexes of a manifest, found without a parser of YAML."""

from pathlib import Path

import pytest

from kvsctl.cli.completion.names import declared
from kvsctl.emulator.storage.manifest import read_manifest

_MANIFESTS = [
    """\
app:
  id: ari:cloud:ecosystem::app/1
  storage:
    classifications: [ugc]
    entities:
      - name: users
        attributes:
          name: {type: string}
          entities: {type: string}
        indexes:
          - name
          - name: by-name
            range:
              - name
      - name: "pages"  # quoted
        attributes:
          title:
            type: string
modules:
  webtrigger:
    - name: not-an-entity
""",
    """\
app:
  storage:
    entities:
    - attributes:
        age: {type: integer}
      indexes:
      - name: by-age
        range: [age]
      name: 'people'
""",
    "app: {}\n",
    "",
]


@pytest.mark.parametrize("text", _MANIFESTS)
def test_it_finds_what_the_emulator_reads(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.yml"
    path.write_text(text or "{}\n")
    read = read_manifest(path)
    assert declared(text) == {name: list(entity.indexes) for name, entity in read.items()}


def test_another_text_declares_nothing() -> None:
    assert declared("entities:\n  - name: a\n{[\n- x: : y\n") == {}
