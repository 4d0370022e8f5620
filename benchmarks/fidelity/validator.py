"""The questions that the vendor's validator of manifests answers, rule by rule.

Each rule of `app.storage` has a manifest that just keeps it and one that breaks it. The validator
itself judges both, and the emulator must agree. Where the documentation is stricter, the emulator
follows it: those few rules are among the questions of the documents instead.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.fidelity.documents.entities import accepts
from benchmarks.fidelity.question import Question
from benchmarks.fidelity.sources import Cited
from benchmarks.fidelity.wire import Wire

_APP: Final = {
    "id": "ari:cloud:ecosystem::app/00000000-0000-0000-0000-000000000000",
    "runtime": {"name": "nodejs22.x"},
}
_TEXT: Final = {"type": "string"}
_RULES: Final = "out/validators/storage-validator.js"
_SCHEMA: Final = "out/schema/manifest-schema.json"


class Rule(NamedTuple):
    """A rule: what it demands, its source, and an `app.storage` on both sides of it."""

    demands: str
    cited: Cited
    keeps: Any
    breaks: Any


def _entity(**more: Any) -> dict[str, Any]:
    return {"entities": [{"name": "abc", "attributes": {"a": _TEXT, "b": _TEXT}} | more]}


def _schema(line: int, text: str) -> Cited:
    return Cited("@forge/manifest", _SCHEMA, line, text)


def _code(line: int, text: str) -> Cited:
    return Cited("@forge/manifest", _RULES, line, text)


def _attributes(count: int) -> dict[str, Any]:
    return _entity(attributes={f"a{n}": _TEXT for n in range(count)})


def _indexes(*indexes: Any) -> dict[str, Any]:
    return _entity(indexes=list(indexes))


_INDEX: Final = {"name": "by-a", "range": ["a"]}
RULES: Final = [
    Rule("storage is an object", _schema(211, '"object"'), _entity(), "x"),
    Rule(
        "storage has no members but entities and classifications",
        _schema(213, '"additionalProperties": false'),
        _entity() | {"classifications": ["ugc"]},
        _entity() | {"other": 1},
    ),
    Rule(
        "classifications are a list",
        _schema(217, '"array"'),
        {"classifications": ["pii"]},
        {"classifications": "pii"},
    ),
    Rule(
        "a classification is ugc, pii or other",
        _schema(220, '"enum"'),
        {"classifications": ["ugc", "pii", "other"]},
        {"classifications": ["secret"]},
    ),
    Rule(
        "classifications are not empty",
        _schema(226, '"minItems": 1'),
        {"classifications": ["ugc"]},
        {"classifications": []},
    ),
    Rule("entities are a list", _schema(230, '"array"'), _entity(), {"entities": {"a": 1}}),
    Rule("an entity is an object", _schema(232, '"object"'), _entity(), {"entities": ["abc"]}),
    Rule(
        "an entity has a name",
        _schema(234, '"name"'),
        _entity(),
        {"entities": [{"attributes": {}}]},
    ),
    Rule(
        "an entity has attributes",
        _schema(235, '"attributes"'),
        _entity(attributes={}),
        {"entities": [{"name": "abc"}]},
    ),
    Rule(
        "an entity has no other members",
        _schema(237, '"additionalProperties": false'),
        _entity(indexes=["a"]),
        _entity(other=1),
    ),
    Rule("an entity's name is a string", _schema(241, '"string"'), _entity(), _entity(name=123)),
    *(
        Rule(
            f"an entity's name fits its pattern: not {wrong!r}",
            _schema(242, r'"pattern": "^(?![_\\.-])(?!.*\\.{2})[a-z0-9:\\-_.]*(?<![.])$"'),
            _entity(name=right),
            _entity(name=wrong),
        )
        for right, wrong in (
            ("a_b", "_ab"),
            ("a.b", ".ab"),
            ("a-b", "-ab"),
            ("a.b.c", "a..b"),
            ("ab.c", "ab."),
            ("a:0", "a b"),
            ("abc", "Abc"),
        )
    ),
    Rule(
        "an entity's name has at least 3 characters",
        _schema(243, '"minLength": 3'),
        _entity(name="abc"),
        _entity(name="ab"),
    ),
    Rule(
        "an entity's name has at most 60 characters",
        _schema(244, '"maxLength": 60'),
        _entity(name="a" * 60),
        _entity(name="a" * 61),
    ),
    Rule(
        "attributes are an object", _schema(248, '"object"'), _entity(), _entity(attributes=["a"])
    ),
    *(
        Rule(
            f"an attribute's name fits its pattern: not {wrong!r}",
            _schema(250, '"^[a-zA-Z][a-zA-Z0-9_]*$"'),
            _entity(attributes={right: _TEXT}),
            _entity(attributes={wrong: _TEXT}),
        )
        for right, wrong in (("a_", "_a"), ("A1", "1a"), ("aB", "a-b"), ("a", ""), ("ab", "a b"))
    ),
    Rule(
        "an attribute is an object",
        _schema(252, '"object"'),
        _entity(attributes={"a": _TEXT}),
        _entity(attributes={"a": "string"}),
    ),
    Rule(
        "an attribute has a type",
        _schema(254, '"type"'),
        _entity(attributes={"a": _TEXT}),
        _entity(attributes={"a": {}}),
    ),
    Rule(
        "an attribute has no other members",
        _schema(256, '"additionalProperties": false'),
        _entity(attributes={"a": _TEXT}),
        _entity(attributes={"a": _TEXT | {"other": 1}}),
    ),
    *(
        Rule(
            f"{kind} is a type",
            _schema(line, f'"{kind}"'),
            _entity(attributes={"a": {"type": kind}}),
            _entity(attributes={"a": {"type": f"{kind}s"}}),
        )
        for line, kind in (
            (262, "string"),
            (263, "boolean"),
            (264, "float"),
            (265, "integer"),
            (266, "any"),
        )
    ),
    Rule("indexes are a list", _schema(276, '"array"'), _indexes("a"), _entity(indexes="a")),
    Rule("an index may be a string", _schema(280, '"string"'), _indexes("a"), _indexes(1)),
    Rule(
        "an index that is an object has a name",
        _schema(285, '"name"'),
        _indexes(_INDEX),
        _indexes({"range": ["a"]}),
    ),
    Rule(
        "an index that is an object has a range",
        _schema(286, '"range"'),
        _indexes(_INDEX),
        _indexes({"name": "by-a"}),
    ),
    Rule(
        "an index has no other members",
        _schema(288, '"additionalProperties": false'),
        _indexes(_INDEX | {"partition": ["b"]}),
        _indexes(_INDEX | {"other": 1}),
    ),
    Rule(
        "the name of an index is a string",
        _schema(291, '"string"'),
        _indexes(_INDEX),
        _indexes(_INDEX | {"name": 1}),
    ),
    Rule(
        "a range is a list",
        _schema(294, '"array"'),
        _indexes(_INDEX),
        _indexes(_INDEX | {"range": "a"}),
    ),
    Rule(
        "a range has names of attributes",
        _schema(296, '"string"'),
        _indexes(_INDEX),
        _indexes(_INDEX | {"range": [1]}),
    ),
    Rule(
        "a range is not empty",
        _schema(298, '"minItems": 1'),
        _indexes(_INDEX),
        _indexes(_INDEX | {"range": []}),
    ),
    Rule(
        "a partition is a list",
        _schema(301, '"array"'),
        _indexes(_INDEX | {"partition": ["b"]}),
        _indexes(_INDEX | {"partition": "b"}),
    ),
    Rule(
        "a partition has names of attributes",
        _schema(303, '"string"'),
        _indexes(_INDEX | {"partition": ["a", "b"]}),
        _indexes(_INDEX | {"partition": [1]}),
    ),
    Rule(
        "a partition is not empty",
        _schema(305, '"minItems": 1'),
        _indexes(_INDEX | {"partition": ["b"]}),
        _indexes(_INDEX | {"partition": []}),
    ),
    Rule("indexes are not empty", _schema(311, '"minItems": 1'), _indexes("a"), _indexes()),
    Rule("entities are not empty", _schema(315, '"minItems": 1'), _entity(), {"entities": []}),
    Rule(
        "an entity has at most 50 attributes",
        _code(58, "entityAttributesMaxCount"),
        _attributes(50),
        _attributes(51),
    ),
    Rule(
        "an attribute's name has at most 30 characters",
        _code(67, "entityAttributeMaxLength"),
        _entity(attributes={"a" * 30: _TEXT}),
        _entity(attributes={"a" * 31: _TEXT}),
    ),
    Rule(
        "an entity has at most 7 indexes",
        _code(78, "entityIndexesMaxCount"),
        _indexes(*({"name": f"by-{n}", "range": ["a"]} for n in range(7))),
        _indexes(*({"name": f"by-{n}", "range": ["a"]} for n in range(8))),
    ),
    Rule(
        "the name by-key is reserved",
        _code(101, "reservedIndexName"),
        _indexes(_INDEX | {"name": "by-keys"}),
        _indexes(_INDEX | {"name": "by-key"}),
    ),
    Rule(
        "an index that is a string names an attribute",
        _code(91, "indexRange.push(index)"),
        _indexes("a"),
        _indexes("c"),
    ),
    Rule(
        "a range names attributes",
        _code(110, "!attributes[range]"),
        _indexes(_INDEX | {"range": ["b"]}),
        _indexes(_INDEX | {"range": ["c"]}),
    ),
    Rule(
        "a partition names attributes",
        _code(120, "!attributes[partition]"),
        _indexes(_INDEX | {"partition": ["b"]}),
        _indexes(_INDEX | {"partition": ["c"]}),
    ),
]


def _manifest(storage: Any) -> dict[str, Any]:
    return {"app": _APP | {"storage": storage}}


class Validator:
    """The vendor's validator in a process of node."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def accepts(self, storage: Any) -> bool:
        """Return whether it accepts a manifest with this `app.storage`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        manifest = json.dumps(_manifest(storage))
        self._process.stdin.write(json.dumps(manifest).encode() + b"\n")
        self._process.stdin.flush()
        errors: list[str] = json.loads(self._process.stdout.readline())
        return errors == []


@contextmanager
def started(folder: Path) -> Iterator[Validator]:
    """Run the validator, whose packages are in a folder, until the block ends."""
    judge = Path(__file__).parents[2] / "tests" / "emulator" / "validator" / "judge.cjs"
    process = subprocess.Popen(
        ["node", "-e", judge.read_text("utf-8")],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        yield Validator(process)
        assert process.stdin is not None
        process.stdin.close()


def questions(validator: Validator, folder: Path) -> list[Question]:
    """Return a question for each rule. Raise ValueError if the validator does not have the rule."""
    found = []
    for rule in RULES:
        if not validator.accepts(rule.keeps) or validator.accepts(rule.breaks):
            raise ValueError(f"the validator has no such rule: {rule.demands}")

        def ask(_wire: Wire, rule: Rule = rule) -> None:
            assert accepts(_manifest(rule.keeps)), "a manifest that keeps the rule is refused"
            assert not accepts(_manifest(rule.breaks)), "one that breaks the rule is accepted"

        found.append(Question("validator", rule.demands, rule.cited.checked(folder), ask))
    return found
