"""The blocks of the pages on clean-ups, installations and scheduled jobs, run as they stand.

What is typed on a terminal there is typed on one here: y, where a command asks.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from kvsctl.emulator import embedded
from kvsctl.emulator.clock import Clock
from tests.e2e.installations.support import container
from tests.emulator.support import FakeTime
from tests.support.commands.command import KVSCTL, Command, records_file
from tests.support.commands.pseudo_terminal import read_within
from tests.support.commands.server import served
from tests.support.needs import IS_POSIX, only_on, program, system_module

_ROOT: Final = Path(__file__).parents[3]
_WAIT_SECONDS: Final = 60
_DAY_MS: Final = 86_400_000
_INSTALLATIONS: Final = [f"i{number:02}" for number in range(24)]
_REFUSED: Final = "i03"
_CLEAN: Final = "kvsctl clean -t container --all-installations -f retention.toml --yes"

pytestmark = [pytest.mark.slow, only_on(IS_POSIX, "the blocks need a POSIX shell and a terminal")]


def _blocks(page: str, language: str) -> list[str]:
    """Return the blocks of a page in a language; "" for those without."""
    text = (_ROOT / f"docs/{page}.md").read_text("utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [block for name, block in found if name == language]


def _block(page: str, language: str, begin: str) -> str:
    [block] = [one for one in _blocks(page, language) if one.startswith(begin)]
    return block


def _run(command: Command, line: str, *, status: int = 0) -> str:
    """Run a line of a shell on a terminal, answer y to all questions, and return what it shows."""
    near, far = system_module("pty").openpty()
    system_module("termios").tcsetwinsize(far, (24, 200))
    environ = command.environ | {"TERM": "dumb", "COLUMNS": ""}
    environ["PATH"] = f"{KVSCTL.parent}:{environ['PATH']}"
    process = subprocess.Popen(
        ["bash", "-c", line], env=environ, cwd=command.home, stdin=far, stdout=far, stderr=far
    )
    os.close(far)
    os.write(near, b"y\n" * 3)
    shown = b""
    while chunk := read_within(near, _WAIT_SECONDS):
        shown += chunk
    os.close(near)
    text = shown.decode().replace("\r\n", "\n")
    assert process.wait(_WAIT_SECONDS) == status, f"$ {line}\n{text}"
    return text


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


def test_every_block_of_the_pages_is_run_somewhere() -> None:
    """Those of other languages are run by the tests of the examples."""
    assert len(_blocks("clean-up", "sh")) == 3
    assert len(_blocks("installations", "sh")) == 7
    assert len(_blocks("installations", "")) == 4
    assert "```" not in (_ROOT / "docs/scheduled.md").read_text("utf-8")


def test_an_undo_restores_what_was_deleted(old: Command) -> None:
    delete, restore = _block("clean-up", "sh", "kvsctl delete --prefix session:").splitlines()
    before = old("export", "-q", status=0).out
    assert "Delete? [y/N]" in _run(old, delete)
    assert _keys(old) == ["user:0", "user:1", "user:2"]
    [undo] = old.home.glob("undo-*.jsonl")
    undo.rename(old.home / restore.split()[-1])
    _run(old, restore)
    assert old("export", "-q", status=0).out == before


def test_a_plan_is_shown_and_applied(old: Command) -> None:
    old("set", "-q", "new=1", status=0)
    plan, show, apply = _block("clean-up", "sh", "kvsctl delete --all").splitlines()
    _run(old, plan)
    assert "session:1" in _run(old, show)
    lines = [json.loads(line) for line in (old.home / "plan.jsonl").read_text().splitlines()]
    [shown] = _blocks("clean-up", "json")
    assert [line.keys() for line in lines] == [json.loads(shown).keys()] * 4
    assert len(_keys(old)) == 5
    _run(old, apply)
    assert _keys(old) == ["new"]


def test_jq_filters_a_plan(old: Command) -> None:
    program("jq")
    _run(old, _block("clean-up", "sh", "kvsctl delete --prefix user:"))
    assert _keys(old) == ["session:1", "user:1", "user:2"]
    assert len(list(old.home.glob("undo-*.jsonl"))) == 1


def test_the_rules_are_those_of_the_example() -> None:
    [rules] = _blocks("clean-up", "toml")
    assert rules == (_ROOT / "examples/retention.toml").read_text("utf-8")


def test_installations_are_listed_as_shown(kvsctl: Command) -> None:
    [shown] = _block("installations", "", '{"installation":"').splitlines()
    with container(kvsctl, ["a", "b"]) as inside:
        command = _block("installations", "sh", "kvsctl installations -t container").strip()
        text = _run(inside, f"{command} | cat")
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert [line.keys() for line in lines] == [json.loads(shown).keys()] * 2


def test_a_file_of_installations_is_checked(kvsctl: Command) -> None:
    lines = _block("installations", "", '{"installation": "').replace("…", "0").splitlines()
    (kvsctl.home / "installations.jsonl").write_text("\n".join(lines))
    text = _run(kvsctl, _block("installations", "sh", "kvsctl installations -t forge"))
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
        canary_failed = _run(inside, command, status=4)
        assert "a canary failed" in canary_failed
        without = command.partition(" --canary")[0]
        _require_shown(
            _block("installations", "", "set  container"), _run(inside, without, status=1)
        )
    with container(kvsctl, _INSTALLATIONS) as inside:
        assert "24 succeeded" in _run(inside, command)


def test_all_installations_are_cleaned_after_one_question(kvsctl: Command) -> None:
    command = _block("installations", "sh", "kvsctl delete -t container").strip()
    clean = _block("installations", "sh", f"{_CLEAN} --ledger").strip()
    part = _block("installations", "sh", f"{_CLEAN} --shard").strip()
    with container(kvsctl, _INSTALLATIONS) as inside:
        inside("set", "-t", "container", "--all-installations", "tmp:1=1", "tmp:2=1", status=0)
        asked = command.replace(" --older-than 30d --yes", "")
        _require_shown(_block("installations", "", "About to delete"), _run(inside, asked))
        _run(inside, command)
        rules = (_ROOT / "examples/retention.toml").read_text("utf-8")
        (inside.home / "retention.toml").write_text(rules)
        _run(inside, clean)
        assert '{"complete":true}' in (inside.home / "clean.ledger").read_text()
        _run(inside, part)
        report = json.loads((inside.home / "part-2.json").read_text())
        assert 0 < len(report["installations"]) < len(_INSTALLATIONS)


def test_each_installation_has_files_of_its_own(kvsctl: Command) -> None:
    with container(kvsctl, ["a", "b"]) as inside:
        records_file(
            inside.home / "new.jsonl", [{"key": "k", "value": 1}, {"key": "a/b", "value": 1}]
        )
        export, load, again = _block("installations", "sh", "kvsctl export").splitlines()
        _run(inside, export)
        assert len(list(inside.home.glob("backup-?.jsonl.gz"))) == 2
        _run(inside, load, status=1)
        for name in "ab":
            path = inside.home / f"failed-{name}.jsonl"
            path.write_text(path.read_text().replace("a/b", "a:b"))
        _run(inside, again)
        listed = inside("list", "-t", "container", "--all-installations", status=0).lines
    assert sorted((one["installation"], one["key"]) for one in listed) == [
        ("a", "a:b"), ("a", "k"), ("b", "a:b"), ("b", "k")
    ]  # fmt: skip
