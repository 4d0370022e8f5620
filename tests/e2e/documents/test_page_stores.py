"""The blocks on input, reports and whole stores, run as they stand against served stores."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e.documents.pages import block
from tests.e2e.documents.typed import run_lines, run_typed
from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on

_STORES: Final = "docs/whole-store.md"
_USERS: Final = [{"key": f"user:{number}", "value": {"n": number}} for number in range(40)]

pytestmark = [pytest.mark.slow, only_on(IS_POSIX, "the blocks need a POSIX shell and a terminal")]


@pytest.fixture
def stores(kvsctl: Command) -> Iterator[Command]:
    """kvsctl with two served stores, `prod` and `staging`; prod and users.jsonl hold the users."""
    records_file(kvsctl.home / "users.jsonl", _USERS)
    with serving(kvsctl) as prod, serving(kvsctl) as staging:
        config = kvsctl.home / ".config/kvsctl/config.toml"
        config.parent.mkdir(parents=True)
        sections = [
            f'[targets.{n}]\nurl = "{u}"\n' for n, u in (("prod", prod), ("staging", staging))
        ]
        config.write_text('default = "staging"\n' + "".join(sections), "utf-8")
        kvsctl("set", "-t", "prod", "-q", "-f", kvsctl.home / "users.jsonl", status=0)
        yield kvsctl


def _held(kvsctl: Command, target: str) -> dict[str, Any]:
    lines = kvsctl("export", "-q", "-t", target, status=0).lines
    return {one["key"]: one["value"] for one in lines}


def _users(prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{one['key']}": one["value"] for one in _USERS}


def test_the_line_is_a_record(stores: Command) -> None:
    line = block("docs/input.md", "json")
    stores("set", "-q", "-f", "-", stdin=line.encode(), status=0)
    [found] = stores("export", "-q", "--entity", "session", status=0).lines
    given = json.loads(line)
    assert {name: found[name] for name in ("key", "value", "entityName")} == {
        name: given[name] for name in ("key", "value", "entityName")
    }
    assert "expireTime" in found


def test_a_shard_works_on_its_part(stores: Command) -> None:
    run_lines(stores, block("docs/input.md", "sh"))
    keys = _held(stores, "staging").keys()
    assert 0 < len(keys) < len(_USERS)
    assert keys < _users().keys()
    assert {"users-2.journal", "failed-2.jsonl"} <= {one.name for one in stores.home.iterdir()}


def test_a_dry_run_says_what_a_job_costs(stores: Command) -> None:
    [shown] = run_lines(stores, block("docs/fleet-arithmetic.md", "sh"))
    [report] = [json.loads(line) for line in shown.splitlines() if line.startswith('{"schema"')]
    assert report["dry_run"]
    assert report["records"] == len(_USERS)
    assert _held(stores, "staging") == {}


def test_an_error_is_the_object_that_is_shown(kvsctl: Command) -> None:
    ended = kvsctl("set", "-t", "prod", "a=1", "--json", status=2)
    assert json.loads(ended.out) == json.loads(block("docs/reports.md", "json"))


def test_a_record_is_written_in_place_of_a_raw_line(stores: Command) -> None:
    raw, record = block("docs/reports.md", "", '{"raw"').splitlines()
    rows = ["id,name,age", "1,Ada,36", "2,Bob,40", json.loads(raw)["raw"], ""]
    (stores.home / "users.csv").write_text("\n".join(rows), "utf-8")
    words = ["-f", "users.csv", "--key", "user:{id}", "--entity", "person", "--ttl", "7d"]
    ended = stores("set", *words, "--failures", "f.jsonl", status=1, folder=stores.home)
    failures = stores.home / "f.jsonl"
    assert failures.read_text("utf-8") == f"{raw}\n"
    failures.write_text(f"{record}\n", "utf-8")
    _, line = ended.err.decode().rsplit("\n  ", 1)
    run_lines(stores, line)
    found = stores("export", "-q", "--entity", "person", status=0).lines
    assert [one["key"] for one in found] == ["user:1", "user:2", "user:3"]
    assert all("expireTime" in one for one in found)


def test_protected_keys_are_never_chosen(stores: Command) -> None:
    (stores.home / "protected.txt").write_text(block("docs/selectors.md", "", "config\n"), "utf-8")
    kept = {"config", "user:1001", "tenant:a:settings", "tenant:a:b:settings"}
    others = {"config:1", "user:1002", "tenant:a:users"}
    stores("set", "-q", *(f"{key}=1" for key in kept | others), status=0)
    words = ("--all", "--protect", stores.home / "protected.txt", "--yes")
    stores("delete", *words, status=0)
    assert _held(stores, "staging").keys() == kept


def test_a_backup_is_written_restored_and_piped(stores: Command) -> None:
    export, load, pipe = block(_STORES, "sh", "kvsctl export -t prod -o").splitlines()
    run_typed(stores, export)
    run_typed(stores, load)
    assert _held(stores, "staging") == _users()
    stores("delete", "--all", "--yes", status=0)
    run_typed(stores, pipe)
    assert _held(stores, "staging") == _users()


def _before_and_after(kvsctl: Command) -> None:
    """Write the files that the page shows before its diff."""
    text = block(_STORES, "console", "$ cat before.jsonl")
    for part in text.split("$ ")[1:3]:
        command, _, content = part.partition("\n")
        (kvsctl.home / command.split()[1]).write_text(content, "utf-8")


def test_a_terminal_shows_which_part_changed(kvsctl: Command) -> None:
    _before_and_after(kvsctl)
    line = "kvsctl diff -q -f before.jsonl --with after.jsonl"
    assert block(_STORES, "", "~ user:1") in run_typed(kvsctl, line, status=1)


def test_what_a_diff_finds_is_written_and_deleted(kvsctl: Command) -> None:
    _before_and_after(kvsctl)
    local = kvsctl.having(KVSCTL_TARGET="local")
    restore, write, delete = block(_STORES, "sh", "kvsctl diff -f backup").splitlines()
    before, after = (
        {one["key"]: one["value"] for one in map(json.loads, path.read_text().splitlines())}
        for path in (kvsctl.home / "before.jsonl", kvsctl.home / "after.jsonl")
    )
    (kvsctl.home / "backup.jsonl").write_text((kvsctl.home / "before.jsonl").read_text())
    local("set", "-q", "user:1=0", "other=0", status=0)
    run_typed(local, restore)
    assert _held(local, "local") == before | {"other": 0}
    local("delete", "-q", "other", status=0)
    run_typed(local, write)
    run_typed(local, delete)
    assert _held(local, "local") == after


def test_a_sync_copies_and_renames(stores: Command) -> None:
    rehearse, copy, rename = block(_STORES, "sh", "kvsctl sync").splitlines()
    run_typed(stores, rehearse)
    assert _held(stores, "staging") == {}
    assert "[y/N]" in run_typed(stores, copy)
    assert _held(stores, "staging") == _users()
    run_typed(stores, rename)
    assert _held(stores, "staging") == _users() | _users("copy:")


def test_a_sync_plans_lines_as_shown(stores: Command) -> None:
    stores("set", "-q", "user:x=1", status=0)
    plan = stores.home / "plan.jsonl"
    stores("sync", "--from", "prod", "-t", "staging", "user:", "--yes", "--plan", plan, status=0)
    [line] = [json.loads(one) for one in plan.read_text().splitlines()]
    shown = json.loads(block(_STORES, "json", '{"plan"'))
    assert line.keys() == shown.keys()
    assert (line["plan"], line["action"]) == (shown["plan"], shown["action"])
    assert line["target"].startswith("staging (http")
