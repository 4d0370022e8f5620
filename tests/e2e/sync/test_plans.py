"""The deletions that `kvsctl sync --plan` plans, between two served emulators."""

import json
import signal
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served

pytestmark = pytest.mark.slow


def _lines(plan: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in plan.read_bytes().splitlines()]


def test_a_line_says_what_would_be_deleted(source: str, target: Command, tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    city = b'{"key":"gone","value":{"n":1.50},"entityName":"city"}\n'
    target("set", "same=1", "--url", source, status=0)
    target("set", "same=1", "z=9", "-f", "-", stdin=city, status=0)
    words = ("sync", "-y", "--from", source, "--all", "--entity", "city", "--plain", "--plan", plan)
    assert b"planned 2 deletions in " in target(*words, status=0).err
    plain, entity = _lines(plan)
    (stored,) = target("get", "--metadata", "z", status=0).lines
    assert plain == {
        "plan": 1,
        "action": "delete",
        "target": target.environ["KVSCTL_URL"],
        "key": "z",
        "updatedAt": stored["updatedAt"],
        "hash": sha256(b'{"key":"z","value":9}').hexdigest(),
    }
    assert (entity["key"], entity["entityName"]) == ("gone", "city")
    canonical = b'{"entityName":"city","key":"gone","value":{"n":15e-1}}'
    assert entity["hash"] == sha256(canonical).hexdigest()
    assert target("list", "--count", status=0).out == b"2\n"
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert not plan.with_name("plan.jsonl.part").exists()


def test_only_what_the_selection_and_the_template_reach_is_planned(
    source: str, target: Command, tmp_path: Path
) -> None:
    target("set", "user:1=1", "user:2=2", "--url", source, status=0)
    target("set", "copy:user:1=1", "copy:user:3=3", "copy:job:1=1", "user:9=9", "copy:=0", status=0)
    words = (
        "sync",
        "-y",
        "--from",
        source,
        "--match",
        "user:[123]",
        "--key-template",
        "copy:{key}",
    )
    target(*words, "--plan", tmp_path / "one", status=0)
    assert [line["key"] for line in _lines(tmp_path / "one")] == ["copy:user:3"]
    target(
        "sync", "-y", "--from", source, "--all", *words[-2:], "--plan", tmp_path / "all", status=0
    )
    assert [line["key"] for line in _lines(tmp_path / "all")] == ["copy:job:1", "copy:user:3"]
    others = ("sync", "-y", "--from", source, "user:", "--key-template", "copy:user:{rest}")
    target(*others, "--plan", tmp_path / "two", status=0)
    assert [line["key"] for line in _lines(tmp_path / "two")] == ["copy:user:3"]


def test_a_key_that_a_lagging_listing_does_not_show_is_not_planned(
    target: Command, tmp_path: Path
) -> None:
    lagging = EmulatorOptions(query_lag_seconds=3600)
    with served(embedded(tmp_path / "lagging.db", lagging)) as source:
        target("set", "new=1", "--url", source, status=0)
        target("set", "new=1", "gone=2", status=0)
        target("sync", "-y", "--from", source, "--all", "--plan", tmp_path / "plan", status=0)
    assert [line["key"] for line in _lines(tmp_path / "plan")] == ["gone"]


@pytest.mark.parametrize("faults", ["script=ok:ok:ok,503=1", "503=1,only=batch/get"])
def test_nothing_is_planned_if_the_source_cannot_be_read_whole(
    target: Command, tmp_path: Path, faults: str
) -> None:
    records = [{"key": f"k:{n:04}", "value": n} for n in range(1500)]
    path = records_file(tmp_path / "in.jsonl", records)
    with served(embedded(tmp_path / "source.db")) as source:
        target("set", "-f", path, "--url", source, status=0)
    target("set", "gone=1", status=0)
    failing = EmulatorOptions(faults=read_faults(faults))
    with served(embedded(tmp_path / "source.db", failing)) as source:
        words = ("sync", "-y", "--from", source, "--all", "--give-up-after", "2", "--retries", "1")
        target(*words, "--plan", tmp_path / "plan", status=4)
    assert not (tmp_path / "plan").exists()
    assert not (tmp_path / "plan.part").exists()


def test_a_plan_never_replaces_a_file(source: str, target: Command, tmp_path: Path) -> None:
    target("set", "a=1", "--url", source, status=0)
    plan = tmp_path / "plan"
    plan.write_text("mine")
    words = ("sync", "-y", "--from", source, "--all", "--plan")
    assert b"exists already" in target(*words, plan, status=2).err
    assert plan.read_text() == "mine"
    assert target("list", "--count", status=0).out == b"0\n"
    target(*words, tmp_path / "plan-{date}.jsonl", status=0)
    (dated,) = tmp_path.glob("plan-2*.jsonl")
    assert len(dated.name) == len("plan-20260131T120000Z.jsonl")


def test_a_plan_never_replaces_a_symlink(source: str, target: Command, tmp_path: Path) -> None:
    target("set", "a=1", "--url", source, status=0)
    plan = tmp_path / "plan"
    plan.symlink_to(tmp_path / "nowhere")
    words = ("sync", "-y", "--from", source, "--all", "--plan", plan)
    assert b"exists already" in target(*words, status=2).err
    assert plan.is_symlink()
    assert not plan.exists()
    assert target("list", "--count", status=0).out == b"0\n"


def test_a_plan_is_named_after_its_target(source: str, target: Command, tmp_path: Path) -> None:
    target("set", "a=1", "--url", source, status=0)
    plan = tmp_path / "{installation}.jsonl"
    words = ("sync", "-y", "--from", source, "--all", "--plan", plan)
    target(*words, status=0)
    name = target.environ["KVSCTL_URL"].replace("/", "_").replace(":", "_")
    assert (tmp_path / f"{name}.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--plan", "-"], b"--plan -: not a file name"),
        (["--plan", "p", "-n"], b"--plan and --dry-run exclude each other"),
        (["--plan", "p", "--report", "p"], b"at once"),
        (["--plan", "no/such/folder"], b"no/such/folder"),
    ],
)
def test_a_plan_that_cannot_be_written_is_refused(
    source: str, target: Command, words: list[str], complaint: bytes
) -> None:
    target("set", "a=1", "--url", source, status=0)
    assert complaint in target("sync", "-y", "--from", source, "--all", *words, status=2).err
    assert target("list", "--count", status=0).out == b"0\n"


@pytest.mark.parametrize("how", ["signal", "time"])
def test_a_sync_that_is_stopped_plans_nothing_and_is_resumed_by_the_same_command(
    target: Command, tmp_path: Path, how: str
) -> None:
    records = [{"key": f"k:{n:04}", "value": n} for n in range(1000)]
    path = records_file(tmp_path / "in.jsonl", records)
    with served(embedded(tmp_path / "source.db")) as source:
        target("set", "-f", path, "--url", source, status=0)
    words = ("sync", "-y", "--all", "-c", "1", "--retries", "99", "--plan", tmp_path / "plan")
    slow = EmulatorOptions(faults=read_faults("script=ok:ok:ok,503=1"))
    with served(embedded(tmp_path / "source.db", slow)) as source:
        limit = () if how == "signal" else ("--max-duration", "2s")
        running = target.start(*words, *limit, "--from", source, "-v", stdout=-1, stderr=-1)
        assert running.stderr is not None
        if how == "signal":
            assert any(line.startswith(b"set 200") for line in iter(running.stderr.readline, b""))
            running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    assert running.returncode == (130 if how == "signal" else 75), err
    assert b"it does only what is left" in err
    assert not list(tmp_path.glob("plan*"))
    assert 0 < int(target("list", "--count", status=0).out) < 1000
    with served(embedded(tmp_path / "source.db")) as source:
        again = target(*words, "--from", source, "--json", status=0).report
    assert again["records"] == 1000
    assert again["skipped_by"]["unchanged"] > 0


@pytest.mark.parametrize("command", ["set", "get", "delete"])
def test_a_plan_is_no_input(source: str, target: Command, tmp_path: Path, command: str) -> None:
    target("set", "gone=1", status=0)
    target("sync", "-y", "--from", source, "--all", "--plan", tmp_path / "p.jsonl", status=0)
    refused = target(command, "-f", tmp_path / "p.jsonl", status=1)
    assert b"a line of a plan is not a record" in refused.err
    assert target("list", status=0).out == b"gone\n"


def test_quiet_jobs_say_nothing_of_the_plan(source: str, target: Command, tmp_path: Path) -> None:
    target("set", "gone=1", status=0)
    words = ("sync", "-y", "--from", source, "--all", "--plan", tmp_path / "plan", "-q")
    assert target(*words, status=0).err == b""


def test_an_empty_plan_is_replaced(source: str, target: Command, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    words = ("sync", "-y", "--from", source, "--all", "--plan", plan)
    target("set", "a=1", "--url", source, status=0)
    for _ in range(2):
        target(*words, status=0)
        assert plan.read_bytes() == b""
    target("set", "b=1", status=0)
    target(*words, status=0)
    assert plan.read_bytes().count(b"\n") == 1
