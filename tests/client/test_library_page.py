"""The examples of docs/library.md, run against a store of their own."""

import doctest
from pathlib import Path

import pytest

_PAGE = Path(__file__).parents[2] / "docs/library.md"


def test_every_example_of_the_page_does_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVSCTL_LOCAL_DB", str(tmp_path / "local.db"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("KVSCTL_CONFIG", "KVSCTL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    text = _PAGE.read_text("utf-8").replace("```", "")
    examples = doctest.DocTestParser().get_doctest(text, {}, _PAGE.name, str(_PAGE), 0)
    assert len(examples.examples) > 10
    said: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(examples, out=said.append)
    assert "".join(said) == ""
