"""The blocks of the pages on clean-ups, installations and scheduled jobs, run as they stand.

What is typed on a terminal there is typed on one here: y, where a command asks.
"""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from kvsctl.emulator import embedded
from kvsctl.emulator.clock import Clock
from tests.e2e.documents.pages import ROOT, block, blocks
from tests.e2e.documents.typed import run_lines, run_typed
from tests.e2e.installations.support import container
from tests.emulator.support import FakeTime
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on, program

_DAY_MS: Final = 86_400_000
_INSTALLATIONS: Final = [f"i{number:02}" for number in range(24)]
_REFUSED: Final = "i03"
_CLEAN: Final = "kvsctl clean -t container --all-installations -f retention.toml --yes"

pytestmark = [pytest.mark.slow, only_on(IS_POSIX, "the blocks need a POSIX shell and a terminal")]


def _blocks(page: str, language: str) -> list[str]:
    return [one.text for one in blocks(f"docs/{page}.md", language)]


def _block(page: str, language: str, begin: str) -> str:
    return block(f"docs/{page}.md", language, begin)


def _keys(command: Command) -> list[str]:
    return command("list", "-q", status=0).out.decode().splitlines()


@pytest.fixture
def old(kvsctl: Command, tmp_path: Path) -> Command:
    """kvsctl with records in its store that were written 100 days ago."""
    local = kvsctl.having(KVSCTL_TARGET="local")
    local.database.parent.mkdir(parents=True)
    records: list[Mapping[str, Any]] = [{"key": "session:1", "value": {"user": 7}}]
    records += [
        {"key": f"user:{number}", "value": {"plan": plan, "logins": logins}}
        for number, (plan, logins) in enumerate([("free", []), ("free", [1]), ("paid", [])])
    ]
    clock = Clock(FakeTime(int(time.time() * 1000) - 100 * _DAY_MS))
    with served(embedded(local.database, clock=clock)) as url:
        path = records_file(tmp_path / "old.jsonl", records)
        local("set", "-q", "--url", url, "-f", path, status=0)
    return local


def test_an_undo_restores_what_was_deleted(old: Command) -> None:
    delete, restore = _block("clean-up", "sh", "kvsctl delete --prefix session:").splitlines()
    before = old("export", "-q", status=0).out
    assert "Delete? [y/N]" in run_typed(old, delete)
    assert _keys(old) == ["user:0", "user:1", "user:2"]
    [undo] = old.home.glob("undo-*.jsonl")
    undo.rename(old.home / restore.split()[-1])
    run_typed(old, restore)
    assert old("export", "-q", status=0).out == before


def test_a_plan_is_shown_and_applied(old: Command) -> None:
    old("set", "-q", "new=1", status=0)
    plan, show, apply = _block("clean-up", "sh", "kvsctl delete --all").splitlines()
    run_typed(old, plan)
    assert "session:1" in run_typed(old, show)
    lines = [json.loads(line) for line in (old.home / "plan.jsonl").read_text().splitlines()]
    [shown] = _blocks("clean-up", "json")
    assert [line.keys() for line in lines] == [json.loads(shown).keys()] * 4
    assert len(_keys(old)) == 5
    run_typed(old, apply)
    assert _keys(old) == ["new"]


def test_jq_filters_a_plan(old: Command) -> None:
    program("jq")
    run_typed(old, _block("clean-up", "sh", "kvsctl delete --prefix user:"))
    assert _keys(old) == ["session:1", "user:1", "user:2"]
    assert len(list(old.home.glob("undo-*.jsonl"))) == 1


def test_the_rules_are_those_of_the_example() -> None:
    [rules] = _blocks("clean-up", "toml")
    assert rules == (ROOT / "examples/retention.toml").read_text("utf-8")


def test_installations_are_listed_as_shown(kvsctl: Command) -> None:
    [shown] = _block("installations", "", '{"installation":"').splitlines()
    with container(kvsctl, ["a", "b"]) as inside:
        command = _block("installations", "sh", "kvsctl installations -t container\n").strip()
        text = run_typed(inside, f"{command} | cat")
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert [line.keys() for line in lines] == [json.loads(shown).keys()] * 2


def test_a_file_of_installations_is_checked(kvsctl: Command) -> None:
    lines = _block("installations", "", '{"installation": "').replace("…", "0").splitlines()
    (kvsctl.home / "installations.jsonl").write_text("\n".join(lines))
    text = run_typed(kvsctl, _block("installations", "sh", "kvsctl installations -t forge"))
    for line in lines:
        assert json.loads(line)["installation"] in text


def _shape(line: str) -> str:
    """Return a line without numbers, addresses and the names of installations."""
    line = re.sub(r"\(http\S+\)", "(URL)", line.rstrip().removesuffix("…").rstrip())
    line = re.sub(r"^  (\S+…|i\d\d)  ", "  ID  ", line)
    return re.sub(r"\brecords?\b", "records", re.sub(r"\d[\d,.]*", "N", line))


def _require_shown(block: str, text: str) -> None:
    shapes = [_shape(line) for line in text.splitlines()]
    for line in block.splitlines():
        shape = _shape(line)
        assert any(one.startswith(shape) for one in shapes), f"{line}\n{text}"


def test_one_command_for_all_installations_reports_as_shown(kvsctl: Command) -> None:
    command = _block("installations", "sh", "kvsctl set -t container --all-installations feat")
    faults = ("--faults", f"refuse-installation={_REFUSED}:403")
    with container(kvsctl, _INSTALLATIONS, *faults) as inside:
        canary_failed = run_typed(inside, command, status=4)
        assert "a canary failed" in canary_failed
        without = command.partition(" --canary")[0]
        _require_shown(
            _block("installations", "", "set  container"), run_typed(inside, without, status=1)
        )
    with container(kvsctl, _INSTALLATIONS) as inside:
        assert "24 succeeded" in run_typed(inside, command)


def test_all_installations_are_cleaned_after_one_question(kvsctl: Command) -> None:
    command = _block("installations", "sh", "kvsctl delete -t container").strip()
    clean = _block("installations", "sh", f"{_CLEAN} --ledger").strip()
    part = _block("installations", "sh", f"{_CLEAN} --shard").strip()
    with container(kvsctl, _INSTALLATIONS) as inside:
        inside("set", "-t", "container", "--all-installations", "tmp:1=1", "tmp:2=1", status=0)
        asked = command.replace(" --older-than 30d --yes", "")
        _require_shown(_block("installations", "", "About to delete"), run_typed(inside, asked))
        run_typed(inside, command)
        rules = (ROOT / "examples/retention.toml").read_text("utf-8")
        (inside.home / "retention.toml").write_text(rules)
        run_typed(inside, clean)
        assert '{"complete":true}' in (inside.home / "clean.ledger").read_text()
        run_typed(inside, part)
        report = json.loads((inside.home / "part-2.json").read_text())
        assert 0 < len(report["installations"]) < len(_INSTALLATIONS)


def test_all_installations_are_made_like_one_store(kvsctl: Command) -> None:
    compare, sync = _block(
        "installations", "sh", "kvsctl diff -t container --all-installations --from"
    ).splitlines()
    with container(kvsctl, _INSTALLATIONS) as inside, serving(kvsctl) as golden:
        config = inside.home / ".config/kvsctl/config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(f'[targets.golden]\nurl = "{golden}"\n')
        inside("set", "-t", "golden", "config:a=1", "config:b=2", status=0)
        assert "48 missing" in run_typed(inside, compare, status=1)
        asked = sync.replace(" config: --yes", " --all").partition(" --canary")[0]
        few = asked.replace("--all-installations", "--installation i00 --installation i01")
        assert "4 succeeded" in run_typed(inside, few)
        _require_shown(_block("installations", "", "About to write"), run_typed(inside, asked))
        assert "48 skipped" in run_typed(inside, sync)
        assert '{"complete":true}' in (inside.home / "sync.ledger").read_text()
        run_typed(inside, compare)


def test_each_installation_has_files_of_its_own(kvsctl: Command) -> None:
    with container(kvsctl, ["a", "b"]) as inside:
        records_file(
            inside.home / "new.jsonl", [{"key": "k", "value": 1}, {"key": "a/b", "value": 1}]
        )
        export, load, again = _block("installations", "sh", "kvsctl export").splitlines()
        run_typed(inside, export)
        assert len(list(inside.home.glob("backup-?.jsonl.gz"))) == 2
        (inside.home / "installations.jsonl").write_text(
            '{"installation":"a"}\n{"installation":"b"}\n'
        )
        run_lines(inside, _block("installations", "sh", "kvsctl verify"))
        run_typed(inside, load, status=1)
        for name in "ab":
            path = inside.home / f"failed-{name}.jsonl"
            path.write_text(path.read_text().replace("a/b", "a:b"))
        run_typed(inside, again)
        listed = inside("list", "-t", "container", "--all-installations", status=0).lines
    assert sorted((one["installation"], one["key"]) for one in listed) == [
        ("a", "a:b"), ("a", "k"), ("b", "a:b"), ("b", "k")
    ]  # fmt: skip
