"""list and export of custom entities."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands.command import Command
from tests.support.commands.serving import serving

_MANIFEST = """
app:
  id: x
  storage:
    entities:
      - name: pet
        attributes:
          kind: {type: string}
          age: {type: integer}
        indexes:
          - name: by-age
            partition: [kind]
            range: [age]
      - name: toy
        attributes:
          kind: {type: string}
"""


@pytest.fixture
def pets(kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a store of two plain keys, 230 pets and a toy."""
    manifest = tmp_path / "manifest.yml"
    manifest.write_text(_MANIFEST, "utf-8")
    with serving(kvsctl, "--manifest", manifest) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        lines = [
            json.dumps({"key": f"p{n:03}", "value": {"kind": ("cat", "dog")[n % 2], "age": n % 17}})
            for n in range(230)
        ]
        there("set", "--entity", "pet", stdin="\n".join(lines).encode(), status=0)
        there("set", "--entity", "toy", 't1={"kind":"ball"}', status=0)
        there("set", "a=1", "b=2", "--ttl", "1h", status=0)
        yield there


def test_entities_are_listed_only_if_named(pets: Command) -> None:
    assert pets("list", status=0).out == b"a\nb\n"
    listed = pets("list", "--entity", "pet", status=0)
    assert listed.out.split() == [b"p%03d" % n for n in range(230)]
    assert b"entity pet" in listed.err
    assert pets("list", "--entity", "pet", "--entity", "toy", "--count", status=0).out == b"231\n"
    assert pets("list", "--entity", "toy", "--plain", status=0).out == b"a\nb\nt1\n"
    assert pets("list", "p00", "--entity", "pet", "--count", status=0).out == b"10\n"


def test_an_index_chooses_and_orders(pets: Command) -> None:
    by_age = ["list", "--entity", "pet", "--index", "by-age", "--partition", "cat"]
    cats = pets(*by_age, status=0).out.decode().split()
    numbers = [int(key[1:]) for key in cats]
    assert sorted(numbers) == list(range(0, 230, 2))
    assert [n % 17 for n in numbers] == sorted(n % 17 for n in numbers)
    old = pets(*by_age, "--range", ">=15", status=0).out.decode().split()
    assert sorted(old) == sorted(f"p{n:03}" for n in range(0, 230, 2) if n % 17 >= 15)
    some = pets(*by_age, "p00", "--range", "0..16", "--unordered", status=0)
    assert sorted(some.out.split()) == [b"p000", b"p002", b"p004", b"p006", b"p008"]


@pytest.mark.parametrize("words", [[], ["--consistent"]])
def test_entities_are_restored_as_such(
    pets: Command, kvsctl: Command, tmp_path: Path, words: list[str]
) -> None:
    exported = pets("export", "--entity", "pet", "--entity", "toy", "--plain", *words, status=0)
    assert exported.out.count(b'"entityName":"pet"') == 230
    with serving(kvsctl, "--manifest", tmp_path / "manifest.yml") as url:
        other = kvsctl.having(KVSCTL_URL=url)
        other("set", stdin=exported.out, status=0)
        again = other("export", "--entity", "pet", "--entity", "toy", "--plain", status=0)
    assert _untimed(again.out) == _untimed(exported.out)


def _untimed(lines: bytes) -> list[bytes]:
    return sorted(line.partition(b',"expireTime"')[0] for line in lines.splitlines())


def test_what_the_service_does_not_know_is_an_error(pets: Command) -> None:
    failed = pets("list", "--entity", "nothing", status=4)
    assert b"refused to list keys: SCHEMA_NOT_FOUND" in failed.err
    failed = pets("list", "--entity", "pet", "--index", "by-name", status=4)
    assert b"INVALID_ENTITY_INDEX" in failed.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--plain"], "--plain needs an entity"),
        (["--index", "by-age"], "--index needs an entity"),
        (["--entity", "pet", "--partition", "cat"], "--partition needs an index"),
        (["--entity", "pet", "--range", "1..2"], "--range needs an index"),
        (["--entity", "pet", "--entity", "toy", "--index", "x"], "--index applies to one entity"),
        (["--entity", "pet", "--index", "x", "--range", "2"], '--range "2": not a range'),
        (["--entity", "P"], "--entity P: the entity name has 1 character"),
    ],
)
def test_what_cannot_be_listed_is_refused(kvsctl: Command, words: list[str], message: str) -> None:
    assert message in kvsctl("list", "-t", "local", *words, status=2).err.decode()
