"""Numbers that a bridge rounds: jobs refuse them one by one, unless that is allowed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.bridge.apps import INSTALLATION, TOKEN, gateway
from tests.bridge.test_jobs import configured, stored
from tests.e2e.installations.support import ALL, container
from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on

pytestmark = pytest.mark.slow
_LARGE = 9007199254740993
_ROUNDED = 9007199254740992
_VALUES = {"a": 1, "big": {"n": [_LARGE]}, "c": 1.5}


class Stores(NamedTuple):
    kvsctl: Command
    service: str
    """The store behind the bridge `app`."""
    other: str
    """Another one, without a bridge."""


@pytest.fixture
def stores(kvsctl: Command, app: Path) -> Iterator[Stores]:
    with serving(kvsctl) as service, serving(kvsctl) as other, gateway(app, service) as url:
        configured(kvsctl, url)
        words = [f"{key}={json.dumps(value)}" for key, value in _VALUES.items()]
        kvsctl("set", "--url", service, *words, status=0)
        yield Stores(kvsctl, service, other)


def only_failure(report: dict[str, Any], key: str = "big") -> None:
    assert [one["key"] for one in report["failures"]] == [key]
    assert report["failures"][0]["code"] == "NUMBER_NOT_EXACT"


def test_set_refuses_what_would_change_before_it_is_sent(stores: Stores, tmp_path: Path) -> None:
    kvsctl, failed = stores.kvsctl, tmp_path / "failed.jsonl"
    words = ["set", "-t", "app", "a=2", f"big={_LARGE}", "x=1e400", "y=1.0", f"s=x{_LARGE}"]
    report = kvsctl(*words, "--failures", failed, "--json", status=1).report
    assert [(one["key"], one["code"], one["source"]) for one in report["failures"]] == [
        ("big", "NUMBER_NOT_EXACT", "arg:2"),
        ("x", "NUMBER_NOT_EXACT", "arg:3"),
    ]
    assert str(_LARGE) not in json.dumps(report)
    held = stored(kvsctl, stores.service)
    assert (held["a"], held["big"], held["s"]) == (2, _VALUES["big"], f"x{_LARGE}")
    assert "x" not in held
    kvsctl("set", "-t", "app", "-f", failed, "--allow-rounding", "--json", status=1)
    assert stored(kvsctl, stores.service)["big"] == _ROUNDED
    kvsctl("set", "--url", stores.other, f"big={_LARGE}", status=0)
    assert stored(kvsctl, stores.other)["big"] == _LARGE


def test_set_changed_only_does_not_compare_with_what_may_be_rounded(stores: Stores) -> None:
    value = f'big={{"n":[{_ROUNDED}]}}'
    words = ["set", "-t", "app", "--changed-only", value]
    only_failure(stores.kvsctl(*words, "--json", status=1).report)
    report = stores.kvsctl(*words, "--allow-rounding", "--json", status=0).report
    assert report["skipped_by"] == {"unchanged": 1}
    stores.kvsctl("set", "-t", "app", value, "--verify", status=0)
    new = f"new={_ROUNDED}"
    stores.kvsctl("set", "-t", "app", "--changed-only", "--verify", new, status=0)


def test_expire_leaves_what_it_would_round(stores: Stores) -> None:
    kvsctl = stores.kvsctl
    words = ["expire", "-t", "app", "--all", "--ttl", "1h", "--yes", "--json"]
    only_failure(kvsctl(*words, status=1).report)
    assert stored(kvsctl, stores.service) == _VALUES
    lines = kvsctl("export", "--url", stores.service, status=0).lines
    assert ["expireTime" in one for one in lines] == [True, False, True]
    kvsctl(*words, "--allow-rounding", status=0)
    assert stored(kvsctl, stores.service)["big"] == {"n": [_ROUNDED]}


def test_undo_keeps_nothing_that_is_rounded(stores: Stores, tmp_path: Path) -> None:
    kvsctl = stores.kvsctl
    words = ["delete", "-t", "app", "--all", "--yes", "--json", "--undo"]
    only_failure(kvsctl(*words, tmp_path / "one", status=1).report)
    assert stored(kvsctl, stores.service) == {"big": _VALUES["big"]}
    undone = [json.loads(line)["key"] for line in (tmp_path / "one").read_bytes().splitlines()]
    assert sorted(undone) == ["a", "c"]
    kvsctl(*words, tmp_path / "two", "--undo-keys-only", status=0)
    assert stored(kvsctl, stores.service) == {}


def test_undo_may_keep_what_is_rounded(stores: Stores, tmp_path: Path) -> None:
    words = ["delete", "-t", "app", "--all", "--yes", "--allow-rounding", "--undo"]
    stores.kvsctl(*words, tmp_path / "undo", status=0)
    assert str(_ROUNDED).encode() in (tmp_path / "undo").read_bytes()


def test_delete_without_undo_has_no_use_for_values(stores: Stores) -> None:
    words = ["delete", "-t", "app", "--all", "--larger-than", "1", "--yes"]
    stores.kvsctl(*words, status=0)
    assert stored(stores.kvsctl, stores.service) == {"a": 1}


_RULES = """\
[[rules]]
name = "one"
prefix = "a"
action = "delete"

[[rules]]
name = "rest"
match = "*"
action = "expire"
ttl = "1h"
"""


def test_clean_leaves_what_its_rules_would_round(stores: Stores, tmp_path: Path) -> None:
    kvsctl, rules = stores.kvsctl, tmp_path / "rules.toml"
    rules.write_text(_RULES, "utf-8")
    words: list[str | Path] = ["clean", "-t", "app", "-f", rules, "--json"]
    only_failure(kvsctl(*words, "--plan", tmp_path / "plan.jsonl", status=1).report)
    assert len((tmp_path / "plan.jsonl").read_bytes().splitlines()) == 2
    only_failure(kvsctl(*words, "--yes", status=1).report)
    lines = {one["key"]: one for one in kvsctl("export", "--url", stores.service, status=0).lines}
    assert lines.keys() == {"big", "c"}
    assert lines["big"] == {"key": "big", "value": _VALUES["big"]}
    rules.write_text(
        _RULES.partition("\n\n")[0].replace('prefix = "a"', 'larger_than = "2"\nmatch = "*"'),
        "utf-8",
    )
    kvsctl(*words, "--yes", status=0)
    assert stored(kvsctl, stores.service) == {}


@pytest.mark.parametrize("command", [("delete",), ("expire", "--ttl", "1h")])
def test_a_plan_has_no_line_for_what_is_rounded(
    stores: Stores, tmp_path: Path, command: tuple[str, ...]
) -> None:
    kvsctl, plan = stores.kvsctl, tmp_path / "plan.jsonl"
    words = [*command, "-t", "app", "--all", "--json", "--plan"]
    only_failure(kvsctl(*words, plan, status=1).report)
    keys = [json.loads(line)["key"] for line in plan.read_bytes().splitlines()]
    assert keys == ["a", "c"]
    whole = tmp_path / "whole.jsonl"
    kvsctl(*words, whole, "--allow-rounding", status=0)
    only_failure(kvsctl("apply", "-t", "app", whole, "--yes", "--json", status=1).report)
    assert stored(kvsctl, stores.service)["big"] == _VALUES["big"]
    kvsctl("apply", "-t", "app", whole, "--yes", "--allow-rounding", "--json")
    assert stored(kvsctl, stores.service).get("big") != _VALUES["big"]


def test_sync_from_a_bridge_leaves_out_what_is_rounded(stores: Stores) -> None:
    kvsctl = stores.kvsctl
    words = ["sync", "--from", "app", "--url", stores.other, "--all", "--yes", "--json"]
    only_failure(kvsctl(*words, status=1).report)
    assert stored(kvsctl, stores.other) == {"a": 1, "c": 1.5}
    kvsctl(*words, "--allow-rounding", status=0)
    assert stored(kvsctl, stores.other)["big"] == {"n": [_ROUNDED]}


def test_sync_to_a_bridge_refuses_what_it_would_round(stores: Stores) -> None:
    kvsctl, config = stores.kvsctl, stores.kvsctl.home / ".config/kvsctl/config.toml"
    with config.open("a") as file:
        file.write(f'[targets.other]\nurl = "{stores.other}"\n')
    kvsctl("set", "-t", "other", "a=2", f"new={_LARGE}", "big=1", status=0)
    words = ["sync", "--from", "other", "-t", "app", "--all", "--yes", "--json"]
    report = kvsctl(*words, status=1).report
    assert {one["key"]: one["code"] for one in report["failures"]} == {
        "new": "NUMBER_NOT_EXACT",
        "big": "NUMBER_NOT_EXACT",
    }
    assert stored(kvsctl, stores.service) == _VALUES | {"a": 2}
    kvsctl(*words, "--allow-rounding", status=0)
    assert stored(kvsctl, stores.service) == {"a": 2, "new": _ROUNDED, "big": 1, "c": 1.5}


def test_sync_plans_no_deletion_of_what_may_be_rounded(stores: Stores, tmp_path: Path) -> None:
    kvsctl, config = stores.kvsctl, stores.kvsctl.home / ".config/kvsctl/config.toml"
    with config.open("a") as file:
        file.write(f'[targets.other]\nurl = "{stores.other}"\n')
    words = ["sync", "--from", "other", "-t", "app", "--all", "--yes", "--plan"]
    refused = kvsctl(*words, tmp_path / "one")
    assert refused.status == 4
    assert b"NUMBER_NOT_EXACT" in refused.err
    assert not (tmp_path / "one").exists()
    kvsctl(*words, tmp_path / "two", "--allow-rounding", status=0)
    assert len((tmp_path / "two").read_bytes().splitlines()) == 3


def test_reading_alone_refuses_nothing(stores: Stores, tmp_path: Path) -> None:
    kvsctl = stores.kvsctl
    [line] = kvsctl("get", "-t", "app", "big", status=0).lines
    assert line["value"] == {"n": [_ROUNDED]}
    kvsctl("export", "-t", "app", "-o", tmp_path / "all.jsonl", status=0)
    kvsctl("list", "-t", "app", status=0)


def test_installations_are_not_made_like_what_a_bridge_may_have_rounded(stores: Stores) -> None:
    with container(stores.kvsctl, ["i1", "i2"]) as inside:
        words = ("sync", "--from", "app", *ALL, "--all", "--yes", "--json")
        report = inside(*words, status=1).report
        assert sorted((one["installation"], one["key"]) for one in report["failures"]) == [
            ("i1", "big"),
            ("i2", "big"),
        ]
        assert {one["code"] for one in report["failures"]} == {"NUMBER_NOT_EXACT"}
        assert report["succeeded"] == 4
        assert inside(*words, "--allow-rounding", status=0).report["succeeded"] == 2


@only_on(IS_POSIX, "a terminal")
def test_a_bridge_is_compared_exactly_before_it_is_asked_about(
    stores: Stores, tmp_path: Path
) -> None:
    listed = tmp_path / "installations.jsonl"
    token = f"echo {TOKEN}"
    listed.write_text(json.dumps({"installation": INSTALLATION, "token_command": token}))
    big = json.dumps({"n": [_ROUNDED]})
    stores.kvsctl("set", "--url", stores.other, f"big={big}", status=0)
    words = ("--from", stores.other, "-t", "app", "--installations-file", listed)
    screen = in_terminal(stores.kvsctl, "sync", *words, "--all", typed=b"y\n", columns=200)
    assert screen.status == 1
    assert "About to write" not in screen.text, "nothing is known to differ"
    assert "1 failed" in screen.text
    assert "NUMBER_NOT_EXACT" in screen.text
    assert stored(stores.kvsctl, stores.service)["big"] == _VALUES["big"]
