"""The entities of a manifest."""

from pathlib import Path
from typing import Any

import pytest

from kvsctl.emulator import EmulatorError
from kvsctl.emulator.storage.entities import Entity, Index
from kvsctl.emulator.storage.manifest import declared_entities, read_manifest

MANIFEST = """
modules: {}
app:
  id: ari:cloud:ecosystem::app/1
  storage:
    entities:
      - name: employee
        attributes:
          name: {type: string}
          age: {type: integer}
        indexes:
          - age
          - name: by-name
            range: [name]
            partition: [age]
"""


def test_entities_are_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yml"
    path.write_text(MANIFEST)
    assert read_manifest(path) == {
        "employee": Entity(
            "employee",
            {"name": "string", "age": "integer"},
            {"age": Index("age", (), "age"), "by-name": Index("by-name", ("age",), "name")},
        )
    }


def test_a_manifest_may_declare_none() -> None:
    assert declared_entities({"app": {"id": "x"}}) == {}


def declaring(**entity: Any) -> Any:
    return {"app": {"storage": {"entities": [{"name": "abc", "attributes": {}} | entity]}}}


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ([], "the manifest must be a mapping"),
        ({"app": {"storage": {"entities": {}}}}, "must be a list"),
        (declaring(name="ab"), "invalid entity name ab"),
        (declaring(name=None), "invalid entity name None"),
        (declaring(attributes=[]), "the attributes of abc must be a mapping"),
        (declaring(attributes={"a": {"type": "date"}}), "type must be one of"),
        (declaring(attributes={"a b": {"type": "any"}}), "invalid attribute name"),
        (declaring(indexes=["a"]), 'index a uses the undeclared attribute "a"'),
        (declaring(indexes=[{"name": "x"}]), "needs a name and a range"),
        (declaring(attributes={"a": {"type": "any"}}, indexes=["a", "a"]), "declared twice"),
        (declaring(indexes=[{"name": "by-key", "range": ["a"]}]), "reserved"),
    ],
)
def test_errors_name_what_is_wrong(manifest: Any, message: Any) -> None:
    with pytest.raises(ValueError, match=message):
        declared_entities(manifest)


def test_an_entity_is_declared_once() -> None:
    manifest = declaring()
    manifest["app"]["storage"]["entities"] *= 2
    with pytest.raises(ValueError, match="abc is declared twice"):
        declared_entities(manifest)


def test_an_unusable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yml"
    for content, message in ((b"a: [", "not valid YAML"), (b"\xff", "read"), (b"1", "mapping")):
        path.write_bytes(content)
        with pytest.raises(EmulatorError, match=message):
            read_manifest(path)
    with pytest.raises(EmulatorError, match=r"cannot read .*: no such file"):
        read_manifest(tmp_path / "none.yml")
