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
        (declaring(name="ab"), 'invalid entity name "ab"'),
        (declaring(name=None), r"invalid entity name \(nothing\)"),
        (declaring(attributes=[]), "the attributes of abc must be a mapping"),
        (declaring(attributes={"a": {"type": "date"}}), "type must be one of"),
        (declaring(attributes={"a b": {"type": "any"}}), "invalid attribute name"),
        (declaring(indexes=["a"]), 'index "a" uses the undeclared attribute "a"'),
        (declaring(indexes=[{"name": "xyz"}]), "the range of abc, index xyz must be a list"),
        (declaring(indexes=[{"name": "xyz", "range": ["a", "b"]}]), "more than one attribute"),
        (declaring(indexes=[{"name": "xy", "range": ["a"]}]), 'invalid index name "xy"'),
        (declaring(indexes=[{"name": 1, "range": ["a"]}]), "invalid index name 1"),
        (declaring(indexes="a"), "the indexes of abc must be a list"),
        (declaring(indexes=5), "the indexes of abc must be a list"),
        (declaring(indexes=[5]), "each index of abc must be a mapping"),
        (declaring(indexes=None), "the indexes of abc must be a list"),
        (declaring(extra=1), 'each entity: unknown member "extra"'),
        (declaring(attributes={"a": {"type": "any", "x": 1}}), 'abc.a: unknown member "x"'),
        (declaring(attributes={"_a": {"type": "any"}}), 'invalid attribute name "_a"'),
        (declaring(attributes={"a" * 31: {"type": "any"}}), "invalid attribute name"),
        (declaring(attributes={"a": "string"}), "abc.a must be a mapping"),
        (declaring(attributes={"a": {"type": "string"}}, indexes=["a", "a"]), "declared twice"),
        (declaring(attributes={"a": {"type": "any"}}, indexes=["a"]), "of type any"),
        (declaring(attributes={f"a{n}": {"type": "any"} for n in range(51)}), "51 attributes"),
        (declaring(indexes=["a"] * 8), "8 indexes"),
        ({"app": {"storage": {"entities": [{}] * 21}}}, "21 entities"),
        ({"app": {"storage": {"entities": []}}}, "must be a list and not empty"),
        ({"app": {"storage": None}}, "app.storage must be a mapping"),
        ({"app": {"storage": {"x": 1}}}, 'app.storage: unknown member "x"'),
        ({"app": {"storage": {"classifications": ["x"]}}}, "not one of ugc, pii, other"),
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


LAUGHS = "".join(
    f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]\n" if n else "b0: &b0 [x]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "not valid YAML: .*line 1"),
        (b"\xff", "cannot read .*: not valid UTF-8"),
        (b"1", "the manifest must be a mapping"),
        (b"", "the manifest must be a mapping"),
        (b"[" * 50_000, "not valid YAML: line 1, column 101: nested deeper than 100 levels"),
        (b"{a: " * 50_000, "nested deeper than 100 levels"),
        (b"\n".join(b" " * n + b"a:" for n in range(500)), "nested deeper than 100 levels"),
        (b"- " * 50_000, "nested deeper than 100 levels"),
        (b"? " * 50_000, "nested deeper than 100 levels"),
        (LAUGHS.encode(), "too many aliases"),
        (b"a: &a [*a]", r"unknown alias \*a"),
        (b"a: 1\na: 2", 'line 2, column 1: the key "a" is there twice'),
        (b"a: !!python/object/apply:os.system [ls]", "the tag"),
        (b"a: !x 1", 'the tag "!x"'),
        (b"? {a: 1}\n: 1", "a key that is not a scalar"),
        (b"a: 1\n---\na: 1", "more than one document"),
        (b"%YAML 1.1\n---\na: 1", "a document in YAML 1.1"),
        (b"a: \x00", "not valid YAML"),
        (b"#" * 1_000_001, "larger than 1,000,000 bytes"),
    ],
    ids=str,
)
def test_an_unusable_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "manifest.yml"
    path.write_bytes(content)
    with pytest.raises(EmulatorError, match=message) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 500


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match=r"cannot read .*: no such file"):
        read_manifest(tmp_path / "none.yml")
    with pytest.raises(EmulatorError, match=r"cannot read .*: is a directory"):
        read_manifest(tmp_path)
