"""The examples of docs/library.md, run against a store of their own."""

import doctest
import re
from pathlib import Path

import pytest

import kvsctl
from kvsctl import AsyncClient, Client

_PAGE = Path(__file__).parents[2] / "docs/library.md"


def _examples() -> doctest.DocTest:
    text = _PAGE.read_text("utf-8").replace("```", "")
    return doctest.DocTestParser().get_doctest(text, {}, _PAGE.name, str(_PAGE), 0)


def test_every_public_name_is_in_an_example() -> None:
    text = "".join(example.source for example in _examples().examples)
    names = {*kvsctl.__all__, *_public(Client), *_public(AsyncClient)}
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)] == []


def _public(kind: type) -> list[str]:
    return [name for name in vars(kind) if not name.startswith("_")]


def test_every_example_of_the_page_does_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVSCTL_LOCAL_DB", str(tmp_path / "local.db"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("KVSCTL_CONFIG", "KVSCTL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    examples = _examples()
    assert len(examples.examples) > 10
    said: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(examples, out=said.append)
    assert "".join(said) == ""
