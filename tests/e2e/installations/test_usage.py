"""`kvsctl du` on several installations: sums for each, which name it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.installations.support import ALL, container, exit_codes, lines_by_name
from tests.support.commands.command import Command, Ended
from tests.support.commands.pseudo_terminal import in_terminal

_SIZES = {"a": 3, "b": 40, "c": 0}


@pytest.fixture
def inside(kvsctl: Command) -> Iterator[Command]:
    with container(kvsctl, list(_SIZES)) as command:
        for name, size in _SIZES.items():
            records = [f"user:{number}=12345" for number in range(size)]
            words = ("set", "-t", "container", "--installation", name)
            command(*words, "keep=1", *records, status=0)
        yield command


def _report(ended: Ended) -> dict[str, Any]:
    """Return the report on stderr: a line of sums on stdout begins as one."""
    report: dict[str, Any] = json.loads(ended.err.splitlines()[-1])
    return report


@pytest.mark.parametrize("words", [(), ("--json",), ("--as", "json")])
def test_a_line_of_json_for_each(inside: Command, words: tuple[str, ...]) -> None:
    ended = inside("du", *ALL, *words, status=0)
    documents = {one["installation"]: one for one in ended.lines}
    assert {name: one["keys"] for name, one in documents.items()} == {"a": 4, "b": 41, "c": 1}
    assert documents["b"]["bytes"] == 40 * 5 + 1
    assert documents["b"]["prefixes"][0]["prefix"] == "user:"
    assert all(one["complete"] for one in documents.values())
    alone = inside("du", "-t", "container", "--installation", "b", "--as", "json", status=0)
    [line] = alone.lines
    assert documents["b"].pop("installation") == "b"
    assert documents["b"] == line
    if words == ("--json",):
        assert {name: one["succeeded"] for name, one in lines_by_name(_report(ended)).items()} == {
            "a": 4,
            "b": 41,
            "c": 1,
        }


def test_a_table_for_each_on_a_terminal(inside: Command) -> None:
    screen = in_terminal(inside, "du", *ALL, "--at-once", "1")
    assert screen.status == 0
    text = re.sub(r"\x1b\[[0-9;]*m|\r| +$", "", screen.text, flags=re.MULTILINE)
    places = [text.index(f"Installation {name}\n") for name in _SIZES]
    assert places == sorted(places)
    assert "41 keys, 201 B of values" in text[places[1] : places[2]]
    assert "1 key, 1 B of values" in text[places[2] :]


def test_the_form_is_chosen_once(inside: Command) -> None:
    ended = inside("du", *ALL, "--as", "table", "--json", status=2)
    assert b"--json and --as table exclude each other" in ended.err


def test_one_that_cannot_be_listed_is_reported(kvsctl: Command, tmp_path: Path) -> None:
    with container(kvsctl, ["a", "b"], "--faults", "refuse-installation=b:403") as inside:
        ended = inside("du", *ALL, "--json", "--ledger", tmp_path / "ledger", status=1)
    assert [line["installation"] for line in ended.lines] == ["a"]
    assert exit_codes(_report(ended)) == {"a": 0, "b": 3}
