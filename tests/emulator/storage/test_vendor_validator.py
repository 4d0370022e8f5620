"""The vendor's own validator judges manifests: what it refuses, the emulator refuses."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvsctl.emulator import EmulatorError
from kvsctl.emulator.storage.manifest import read_manifest
from tests.support.node import install_packages

pytestmark = pytest.mark.slow
APP = {
    "id": "ari:cloud:ecosystem::app/00000000-0000-0000-0000-000000000000",
    "runtime": {"name": "nodejs22.x"},
}
# Where the emulator follows the documentation and the validator is looser (docs/emulator.md).
STRICTER = re.compile(
    r"declared twice|entities: at most 20|invalid index name|range of more than one attribute"
    r"|an attribute of type any"
)
Judge = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """Return the validator, in one process for all tests, as a function from YAML to errors."""
    source = Path(__file__).parent.parent / "validator"
    folder = install_packages(source, tmp_path_factory.mktemp("validator"))
    process = subprocess.Popen(
        ["node", "judge.cjs"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )

    def errors_of(text: str) -> list[str]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(text).encode() + b"\n")
        process.stdin.flush()
        found: list[str] = json.loads(process.stdout.readline())
        return found

    yield errors_of
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("manifests") / "manifest.yml"


def check(judge: Judge, file: Path, text: str) -> str | None:
    """Compare emulator and validator on a manifest. Return the emulator's error, or None."""
    file.write_bytes(text.encode())
    refused = judge(text)
    error = None
    try:
        read_manifest(file)
    except EmulatorError as found:
        error = str(found)
    if error is None:
        assert not refused, f"too lenient: {refused}\n{text}"
    else:
        assert refused or STRICTER.search(error), f"too strict: {error}\n{text}"
    return error


def rarely(usual: st.SearchStrategy[Any], *odd: Any) -> st.SearchStrategy[Any]:
    """Draw from `usual` most of the time, else one of `odd`."""
    # Hypothesis prefers the ends of a range.
    return st.integers(0, 31).flatmap(lambda n: st.sampled_from(odd) if n == 13 else usual)


ODD: tuple[Any, ...] = (None, "", 5, 1.5, True, [], {}, ["x"], {"x": 1})
ATTRIBUTES = ("a", "b1", "c_C", "on", "true", "null", "a" * 30)
attribute_names = rarely(
    st.sampled_from(ATTRIBUTES), "_a", "1a", "a-b", "", "a b", "a" * 31, "é", "a\n", "constructor_"
)
types = rarely(st.sampled_from(["string", "boolean", "float", "integer", "any"]), "date", *ODD)
attributes = rarely(
    st.dictionaries(
        attribute_names,
        rarely(st.fixed_dictionaries({"type": types}), {}, {"type": "any", "x": 1}, *ODD),
        max_size=6,
    ).map(lambda drawn: {"a": {"type": "string"}, "b1": {"type": "integer"}} | drawn),
    {f"a{n}": {"type": "any"} for n in range(50)},
    {f"a{n}": {"type": "any"} for n in range(51)},
    *ODD,
)
used = rarely(st.sampled_from(["a", "b1"]), "undeclared", "by-key", "c_C", *ODD)
some_used = rarely(st.lists(used, min_size=1, max_size=1), ["a", "b1"], ["a", "a"], *ODD)
index_names = rarely(
    st.sampled_from(["by-a", "x.y", "A:1", "abc", "ab_"]), "by-key", "a" * 51, "a", "a b", *ODD
)
named_indexes = st.fixed_dictionaries(
    {"name": index_names, "range": some_used}, optional={"partition": some_used}
)
indexes = rarely(
    st.lists(
        rarely(st.one_of(used, named_indexes), {"name": "abc"}, {"range": ["a"]}, *ODD),
        min_size=1,
        max_size=4,
    ),
    ["a"] * 8,
    [{"name": f"abc{n}", "range": ["a"]} for n in range(7)],
    [{"name": f"abc{n}", "range": ["a"]} for n in range(8)],
    *ODD,
)
entity_names = rarely(
    st.from_regex(r"\A[a-z0-9:][a-z0-9:_-]{2,5}\Z"),
    "a" * 60, "a" * 61, "ab", "Abc", "abc\n", "é" * 3, "_ab", "-ab", ".ab", "ab.", "a.b", "a..b",
    *ODD,
)  # fmt: skip
entities = rarely(
    st.fixed_dictionaries(
        {"name": entity_names, "attributes": attributes}, optional={"indexes": indexes}
    ),
    {"name": "abc"},
    {"name": "abc", "attributes": {}, "x": 1},
    *ODD,
)
storages = rarely(
    st.fixed_dictionaries(
        {"entities": rarely(st.lists(entities, min_size=1, max_size=3), *ODD)},
        optional={"classifications": rarely(st.just(["ugc", "pii"]), ["x"], *ODD)},
    ),
    {"entities": [{"name": f"abc{n}", "attributes": {}} for n in range(20)]},
    {"entities": [{"name": f"abc{n}", "attributes": {}} for n in range(21)]},
    {"other": 1},
    *ODD,
)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(storages, st.booleans())
def test_the_validator_agrees_on_generated_manifests(
    judge: Judge, file: Path, storage: Any, flow: bool
) -> None:
    manifest = {"app": {**APP, "storage": storage}}
    check(judge, file, json.dumps(manifest) if flow else yaml.safe_dump(manifest))


BASE = yaml.safe_dump({"app": APP})


def declaring(attributes: str, indexes: str = "") -> str:
    text = f"{BASE}  storage:\n    entities:\n    - name: abc\n      attributes: {attributes}\n"
    return text + (f"      indexes: {indexes}\n" if indexes else "")


TYPED = "{type: string}"
LAUGHS = "".join(
    f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]\n" if n else "b0: &b0 [x]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        (BASE, True),
        (f"\ufeff{BASE}", True),
        (BASE.replace("\n", "\r\n"), True),
        (f"# a comment\n---\n{BASE}...\n", True),
        (f"%YAML 1.2\n---\n{BASE}", True),
        (declaring(f"{{on: {TYPED}, no: {TYPED}, y: {TYPED}}}", "[on, no, y]"), True),
        (declaring(f"{{true: {TYPED}}}", "['true']"), True),
        (declaring(f"{{true: {TYPED}}}", "[true]"), False),
        (declaring(f"{{~: {TYPED}}}"), False),
        (declaring(f"{{1: {TYPED}}}"), False),
        (declaring(f"{{.inf: {TYPED}, .nan: {TYPED}}}", "[Infinity, NaN]"), True),
        (declaring(f"{{a: {TYPED}, a: {TYPED}}}"), False),
        (declaring(f"{{a: {TYPED}, 'a': {TYPED}}}"), False),
        (declaring(f"{{a: &t {TYPED}, b: *t, c: *t}}", "[a, b]"), True),
        (declaring(f"{{&k a: {TYPED}}}", "[*k]"), True),
        (declaring(f"{{a: *t, b: &t {TYPED}}}"), False),
        (declaring("{a: &t {type: *t}}"), False),
        (declaring(f"{{a: {TYPED}, <<: {{b: {TYPED}}}}}"), False),
        (declaring(f"{{a: {TYPED}, ? [x] : {TYPED}}}"), False),
        (declaring(TYPED.replace("string", "!!str string")), False),
        (BASE + "  storage:\n    entities:\n    - {name: 123, attributes: {}}\n", False),
        (BASE + "  storage:\n    entities:\n    - {name: 0o17, attributes: {}}\n", False),
        (BASE + "  storage:\n    entities:\n    - {name: 1e10, attributes: {}}\n", False),
        (BASE + "  storage:\n    entities:\n    - {name: '123', attributes: {}}\n", True),
        (BASE + "  storage:\n    entities:\n    - {name: 2026-01-01, attributes: {}}\n", True),
        (BASE + "  storage:\n    entities:\n    - {name: 12:30:00, attributes: {}}\n", True),
        (BASE + "  storage:\n    entities:\n    - {name: null, attributes: {}}\n", False),
        (BASE + "  storage:\n    entities: {x: 1\n", False),
        (BASE + "\tstorage: {}\n", False),
        (f"{BASE}---\n{BASE}", False),
        (f"{BASE}x: *unknown\n", False),
        (LAUGHS + BASE, False),
        ("a: [" * 3, False),
        ("- a\n", False),
        ("just a text\n", False),
    ],
)
def test_the_validator_agrees_on_odd_yaml(
    judge: Judge, file: Path, text: str, accepted: bool
) -> None:
    error = check(judge, file, text)
    assert (error is None) is accepted, error
