"""A bridge that is given as another kind of target: kvsctl notices that, and stops."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.bridge.apps import INSTALLATION, gateway
from tests.bridge.test_jobs import configured, stored
from tests.support.commands.command import Command
from tests.support.commands.serving import serving

pytestmark = pytest.mark.slow
_LARGE = 9007199254740993
_SAID = b"is a bridge, but is not described as one"


class Given(NamedTuple):
    kvsctl: Command
    service: str
    url: str

    @property
    def by_url(self) -> list[str]:
        """The options of a target that is not said to be a bridge."""
        return ["--url", self.url, "--token-file", str(self.kvsctl.home / "token")]


@pytest.fixture
def given(kvsctl: Command, app: Path) -> Iterator[Given]:
    with serving(kvsctl) as service, gateway(app, service) as url:
        configured(kvsctl, url)
        yield Given(kvsctl, service, url)


def test_a_value_that_would_change_is_not_sent(given: Given) -> None:
    words = ["set", *given.by_url, f"big={_LARGE}", "--json"]
    ended = given.kvsctl(*words, status=2)
    assert _SAID in ended.err
    assert b'kind = "bridge"' in ended.err
    assert ended.report["unsent"] == 1
    assert stored(given.kvsctl, given.service) == {}


def test_nothing_more_is_sent_once_an_answer_has_shown_it(given: Given) -> None:
    """What was written before that is in the report, with its values as they were given."""
    words = [f"k{number}={number}" for number in range(9)]
    how = ["--batch-size", "1", "--concurrency", "1", "--json"]
    ended = given.kvsctl("set", *given.by_url, *words, *how, status=2)
    assert _SAID in ended.err
    assert (ended.report["succeeded"], ended.report["unsent"]) == (1, 8)
    assert stored(given.kvsctl, given.service) == {"k0": 0}


@pytest.mark.parametrize(
    "words",
    [
        ("expire", "--all", "--ttl", "1h", "--yes"),
        ("delete", "--all", "--yes"),
        ("list",),
        ("ping",),
        ("set", "a=2", "--changed-only"),
    ],
    ids=lambda words: str(words[0]),
)
def test_a_command_that_reads_first_changes_nothing(given: Given, words: tuple[str, ...]) -> None:
    given.kvsctl("set", "-t", "app", "a=1", status=0)
    ended = given.kvsctl(words[0], *given.by_url, *words[1:], status=2)
    assert _SAID in ended.err
    assert stored(given.kvsctl, given.service) == {"a": 1}


def test_lines_of_other_installations_write_nothing(given: Given, tmp_path: Path) -> None:
    file, token = tmp_path / "installations.jsonl", given.kvsctl.home / "token"
    names = ["one", INSTALLATION, "three"]
    lines = [{"installation": name, "url": given.url, "token_file": str(token)} for name in names]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    words = ["set", "-t", "forge", "--installations-file", str(file), f"a={_LARGE}", "--json"]
    report = given.kvsctl(*words).report
    assert {
        one["installation"]: one["exit_code"] for one in report["installations"]
    } == dict.fromkeys(names, 2)
    assert stored(given.kvsctl, given.service) == {}
    words[-2] = "a=1"
    report = given.kvsctl(*words).report
    assert {one["installation"]: one["exit_code"] for one in report["installations"]} == {
        "one": 3,
        INSTALLATION: 2,
        "three": 3,
    }
    assert report["succeeded"] == 1


def test_a_line_that_says_bridge_needs_a_target_that_is_one(given: Given, tmp_path: Path) -> None:
    file = tmp_path / "installations.jsonl"
    token = str(given.kvsctl.home / "token")
    line = {"installation": INSTALLATION, "url": given.url, "token_file": token, "kind": "bridge"}
    file.write_text(json.dumps(line), "utf-8")
    words = ["--installations-file", str(file), "a=1"]
    refused = given.kvsctl("set", "-t", "forge", *words, status=2)
    assert b"installations.jsonl:1: target forge is not of the kind" in refused.err
    given.kvsctl("set", "-t", "app", *words, status=0)
    assert stored(given.kvsctl, given.service) == {"a": 1}
