"""`delete --plan` writes what would be deleted, and `apply` deletes what is still as planned."""

import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from kvsctl.emulator import embedded
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.e2e.cleanup.stores import STORE_KINDS, filled
from tests.support.commands.command import KVSCTL, Command, records_file
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.server import served
from tests.support.needs import IS_POSIX, only_on, program

pytestmark = pytest.mark.slow

Words: TypeAlias = list[str | Path]


@pytest.fixture(params=STORE_KINDS)
def store(request: pytest.FixtureRequest, kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a store of 60 records to delete, and one to keep."""
    records = [{"key": f"tmp:{n:02}", "value": {"n": n, "x": 2**60 + n}} for n in range(60)]
    path = records_file(tmp_path / "in.jsonl", [*records, {"key": "keep", "value": 1}])
    with filled(request.param, kvsctl, tmp_path, path) as command:
        yield command


@pytest.fixture
def plan(store: Command, tmp_path: Path) -> Path:
    """A plan for the sixty records."""
    path = tmp_path / "plan.jsonl"
    store("delete", "--prefix", "tmp:", "--plan", path, status=0)
    return path


def _lines(plan: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in plan.read_bytes().splitlines()]


def _left(command: Command) -> list[str]:
    return command("list", "-q", status=0).out.decode().splitlines()


def test_a_plan_has_a_line_for_each_record_and_deletes_nothing(store: Command, plan: Path) -> None:
    lines = {line["key"]: line for line in _lines(plan)}
    assert list(lines) == [f"tmp:{n:02}" for n in range(60)], "in key order"
    line = lines["tmp:07"]
    assert list(line) == ["plan", "action", "target", "key", "updatedAt", "hash"]
    assert (line["plan"], line["action"], len(line["hash"])) == (1, "delete", 64)
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert len(_left(store)) == 61


def test_applied_at_once_it_deletes_what_delete_would(store: Command, plan: Path) -> None:
    report = store("apply", plan, "--yes", "--json", status=0).report
    assert (report["command"], report["records"], report["succeeded"]) == ("apply", 60, 60)
    assert _left(store) == ["keep"]


def test_what_has_changed_is_kept_and_applying_twice_deletes_nothing_new(
    store: Command, plan: Path
) -> None:
    store("set", "-q", "tmp:01=1", "--ttl", "1h", status=0)
    # The same value again is a change too, by its time.
    store("set", "-q", "tmp:02=" + json.dumps({"n": 2, "x": 2**60 + 2}), status=0)
    store("delete", "tmp:03", status=0)
    report = store("apply", plan, "-y", "--json", status=0).report
    assert report["skipped_by"] == {"changed": 2, "missing": 1}
    assert report["succeeded"] == 57
    assert _left(store) == ["keep", "tmp:01", "tmp:02"]
    store("set", "-q", "tmp:09=9", status=0)
    again = store("apply", plan, "-y", "--json", status=0).report
    assert (again["succeeded"], again["skipped"]) == (0, 60)
    assert _left(store) == ["keep", "tmp:01", "tmp:02", "tmp:09"]


@only_on(IS_POSIX, "a pipeline of a shell")
def test_jq_is_a_filter_between_plan_and_apply(store: Command, tmp_path: Path) -> None:
    program("jq")
    line = (
        f"{KVSCTL} delete --prefix tmp: --plan - --with-values | "
        "jq -c 'select(.value.n % 2 == 0)' | "
        f"{KVSCTL} apply - --yes --undo undo.jsonl"
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env=store.environ,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert _left(store) == ["keep", *(f"tmp:{n:02}" for n in range(1, 60, 2))]
    undone = (tmp_path / "undo.jsonl").read_bytes()
    assert undone.count(b"\n") == 30
    store("set", "-q", "-f", tmp_path / "undo.jsonl", status=0)
    assert store("diff", "-f", tmp_path / "in.jsonl", status=0).out == b""


def test_shards_of_a_plan_are_the_whole(store: Command, plan: Path) -> None:
    reports = [
        store("apply", plan, "-y", "--shard", f"{n}/3", "--json", status=0).report
        for n in (1, 2, 3)
    ]
    assert sum(report["succeeded"] for report in reports) == 60
    assert _left(store) == ["keep"]


def test_a_journal_resumes_and_ends(store: Command, plan: Path, tmp_path: Path) -> None:
    words: Words = ["-y", "--journal", tmp_path / "j"]
    store("apply", plan, *words, status=0)
    assert b"already complete" in store("apply", plan, *words, status=0).err


def test_failures_in_a_journal_are_retried(kvsctl: Command, tmp_path: Path) -> None:
    emulator, plan = embedded(tmp_path / "served.db"), tmp_path / "plan.jsonl"
    words: Words = ["apply", plan, "-y", "--journal", tmp_path / "j", "--undo", tmp_path / "u"]
    with served(emulator) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        command("set", "-q", *(f"tmp:{n}={n}" for n in range(5)), status=0)
        command("delete", "--prefix", "tmp:", "--plan", plan, status=0)
        emulator.arm(read_faults("refuse=tmp:1:MAX_SIZE,only=batch/delete"))
        assert command(*words, "--json", status=1).report["failed"] == 1
        assert b"Use --retry-failed to retry the failures." in command(*words, status=0).err
        emulator.arm(None)
        report = command(*words, "--retry-failed", "--json", status=0).report
        assert (report["succeeded"], report["failed"]) == (5, 0)
        assert command("list", "-q", status=0).out == b""


def test_a_terminal_asks_and_without_one_nothing_is_deleted(store: Command, plan: Path) -> None:
    assert b"not a terminal" in store("apply", plan, status=2).err
    screen = in_terminal(store, "apply", plan, typed=b"n\n")
    assert screen.status == 2
    assert "About to delete 60 records in " in screen.text
    assert "… and 55 more" in screen.text
    assert len(_left(store)) == 61
    assert in_terminal(store, "apply", plan, typed=b"y\n").status == 0
    assert _left(store) == ["keep"]


def test_a_dry_run_and_show_change_nothing(store: Command, plan: Path) -> None:
    rehearsed = store("apply", plan, "-n", status=0)
    assert b"60 records" in rehearsed.err
    assert b"DRY RUN" in rehearsed.err
    shown = store("apply", plan, "--show", status=0)
    lines = shown.out.decode().splitlines()
    assert len(lines) == 60
    assert any(line.startswith("delete  20") and line.endswith("Z  tmp:07") for line in lines)
    assert b"delete 60 records in " in shown.err
    assert len(_left(store)) == 61
    piped = store("apply", "-", "--show", stdin=plan.read_bytes(), status=0)
    assert piped.out == shown.out


def test_a_plan_of_sync_is_applied(store: Command, tmp_path: Path) -> None:
    plan = tmp_path / "sync.jsonl"
    with served(embedded(tmp_path / "source.db")) as source:
        store("set", "-q", "--url", source, "tmp:00=1", status=0)
        words: Words = ["--from", source, "--prefix", "tmp:", "--plan", plan]
        store("sync", *words, "-y", status=0)
        report = store("apply", plan, "-y", "--json", status=0).report
    assert report["succeeded"] == 59
    assert _left(store) == ["keep", "tmp:00"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--plan", "there", "--undo", "u"], "--plan changes nothing, so --undo does not apply"),
        (["--plan", "there", "-n"], "--plan changes nothing, so --dry-run does not apply"),
        (["--plan", "there", "--journal", "j"], "so --journal does not apply"),
        (["--plan", "there"], "the plan there exists already"),
        (["--plan", "u", "--failures", "u"], "at once"),
        (["--with-values"], "--with-values needs a plan"),
        (["--plan", "new", "--max-delete", "59"], "60 records would be deleted"),
    ],
)
def test_a_wrong_plan_is_refused(
    store: Command, tmp_path: Path, words: list[str], why: str
) -> None:
    (tmp_path / "there").write_bytes(b"earlier\n")
    ended = store("delete", "--prefix", "tmp:", *words, status=2, folder=tmp_path)
    assert why in ended.err.decode()
    assert (tmp_path / "there").read_bytes() == b"earlier\n"
    assert not (tmp_path / "new").exists()
    assert len(_left(store)) == 61


@pytest.mark.parametrize("guard", [["--max-delete", "59"], ["--max-delete-bytes", "10"]])
def test_a_pipe_to_apply_carries_out_nothing_that_a_guard_refuses(
    store: Command, guard: list[str]
) -> None:
    planning: Words = [KVSCTL, "delete", "--prefix", "tmp:", "--plan", "-", *guard]
    refused = subprocess.Popen(
        planning, env=store.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with refused:
        assert refused.stdout is not None
        assert refused.stderr is not None
        applied = subprocess.run(
            [KVSCTL, "apply", "-", "--yes"],
            env=store.environ,
            stdin=refused.stdout,
            capture_output=True,
            check=False,
        )
        assert guard[0].encode() in refused.stderr.read()
    assert refused.returncode == 2
    assert b"the input has no records" in applied.stderr
    assert len(_left(store)) == 61


def test_a_plan_that_is_not_whole_is_not_printed(kvsctl: Command, tmp_path: Path) -> None:
    """A pipe to `apply` would carry out a part of it as if it were the whole."""
    emulator = embedded(tmp_path / "served.db")
    with served(emulator) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        command("set", "-q", *(f"tmp:{n}={n}" for n in range(100)), status=0)
        planning: Words = ["delete", "--prefix", "tmp:", "--plan", "-", "-c", "1"]
        for batches, status in (("ok:ok", 4), ("ok:ok:ok:ok", 0)):
            emulator.arm(read_faults(f"script={batches},503=1,only=batch/get"))
            ended = command(*planning, "--retries", "0", "--give-up-after", "1", status=status)
            is_whole = status == 0
            assert len(ended.lines) == (100 if is_whole else 0)
            said = b"the plan is incomplete: no line of it was written" in ended.err
            assert said is not is_whole


def _changed(plan: Path, members: dict[str, object]) -> bytes:
    first, *_ = _lines(plan)
    return json.dumps(first | members).encode() + b"\n"


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"target": "prod (https://example.com)"}, "the target of the plan is prod"),
        ({"installation": "i-1"}, "the installation of the plan is i-1"),
        ({"plan": 2}, "the plan has version 2"),
        ({"plan": 0}, "the plan has version 0"),
        ({"plan": -1, "action": "explode"}, "the plan has version -1"),
        ({"action": "explode"}, 'unknown action "explode"'),
        ({"key": "no*key"}, "the key has"),
        ({"hash": None}, "not a line of a plan"),
        ({"updatedAt": "now"}, "not a line of a plan"),
    ],
)
def test_a_line_that_is_none_for_the_target_deletes_nothing_of_its_plan(
    store: Command, plan: Path, members: dict[str, object], why: str
) -> None:
    with plan.open("ab") as file:
        file.write(_changed(plan, members))
    ended = store("apply", plan, "-y", status=2)
    assert why in ended.err.decode()
    assert f"{plan}:61: " in ended.err.decode()
    assert b"nothing was changed" in ended.err
    assert len(_left(store)) == 61


@pytest.mark.parametrize("text", [b"tmp:01\n", b'{"key":"tmp:01"}\n', b"\xff\n", b"{}\n", b"[1]"])
def test_what_is_no_plan_is_refused(store: Command, text: bytes) -> None:
    ended = store("apply", "-", "-y", stdin=text, status=2)
    assert b"not a line of a plan" in ended.err
    assert len(_left(store)) == 61


def test_an_empty_plan_deletes_nothing_and_says_so(store: Command) -> None:
    assert b"the input has no records" in store("apply", "-", "-y", stdin=b"", status=0).err
    assert len(_left(store)) == 61


@pytest.mark.parametrize("command", ["set", "get", "delete"])
def test_lines_of_a_plan_are_no_records(store: Command, plan: Path, command: str) -> None:
    ended = store(command, "-f", plan, status=1)
    assert "a line of a plan is not a record" in " ".join(ended.err.decode().split())
    assert b"kvsctl apply" in ended.err
    assert len(_left(store)) == 61


def test_a_guard_counts_the_lines(store: Command, plan: Path) -> None:
    ended = store("apply", plan, "-y", "--max-delete", "59", status=2)
    assert b"60 records would be deleted, and --max-delete is 59" in ended.err
    about = f"This is about the plan {plan} for ".encode()
    assert about in ended.err, "the mails of two lines of a crontab differ"
    piped = store("apply", "-", "-y", "--max-delete", "59", stdin=plan.read_bytes(), status=2)
    assert b"This is about the plan on stdin for " in piped.err
    rehearsed = store("apply", plan, "-n", "--max-delete", "59", status=2)
    assert b"60 records would be deleted, and --max-delete is 59: nothing would be" in rehearsed.err
    assert b"would need" in rehearsed.err
    assert b"Give a number" in store("apply", plan, "-y", "--max-delete", "5%", status=2).err
    assert len(_left(store)) == 61
    store("apply", plan, "-y", "--max-delete", "60", status=0)


@pytest.mark.parametrize(
    ("words", "why"),
    [([], "no plan: give the file"), (["missing.jsonl", "-y"], "cannot read missing.jsonl")],
)
def test_apply_needs_a_plan_that_can_be_read(store: Command, words: list[str], why: str) -> None:
    assert why in store("apply", *words, status=2).err.decode()


def test_a_plan_of_expire_gives_the_ttl_to_what_has_not_changed(
    store: Command, tmp_path: Path
) -> None:
    plan = tmp_path / "expire.jsonl"
    words: Words = ["expire", "tmp:0", "--ttl", "30d", "--no-expiry", "--plan", plan]
    store(*words, status=0)
    first, *_ = _lines(plan)
    assert list(first)[:3] == ["plan", "action", "ttl"]
    assert (first["action"], first["ttl"], first["key"]) == ("expire", "30d", "tmp:00")
    assert store("list", "--no-expiry", "--count", status=0).out == b"61\n"
    assert b"delete" not in store("apply", plan, "--show", status=0).out
    store("set", "-q", "tmp:03=3", status=0)
    report = store("apply", plan, "-y", "--json", status=0).report
    assert (report["succeeded"], report["skipped_by"]) == (9, {"changed": 1})
    assert store("list", "--no-expiry", "--count", status=0).out == b"52\n"
    assert store("get", "tmp:07", "--values", status=0).lines == [{"n": 7, "x": 2**60 + 7}]
    again = store("apply", plan, "-y", "--json", status=0).report
    assert (again["succeeded"], again["skipped_by"]) == (0, {"changed": 10})


@pytest.mark.parametrize("ttl", [b'{"unit":"DAYS","value":30}', b'"30d"'])
def test_show_prints_a_ttl_in_its_short_form(store: Command, ttl: bytes) -> None:
    line = b'{"plan":1,"action":"expire","ttl":%b,"target":"t","key":"k","hash":"0"}\n' % ttl
    shown = store("apply", "-", "--show", stdin=line, status=0).out
    assert shown.startswith(b"expire 30d  ")
    # A deletion has no use for a ttl.
    other = line.replace(b'"expire"', b'"delete"')
    assert store("apply", "-", "--show", stdin=other, status=0).out.startswith(b"delete  at ")


def test_a_plan_may_delete_some_and_expire_others(store: Command, tmp_path: Path) -> None:
    deleting, expiring = tmp_path / "delete.jsonl", tmp_path / "expire.jsonl"
    store("delete", "--prefix", "tmp:1", "--plan", deleting, status=0)
    store("expire", "tmp:2", "--ttl", "1h", "--plan", expiring, status=0)
    both = [*deleting.read_bytes().splitlines(), *expiring.read_bytes().splitlines()]
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_bytes(b"".join(one + b"\n" for one in sorted(both, key=lambda line: line[-70:])))
    screen = in_terminal(store, "apply", mixed, typed=b"n\n")
    assert "About to change 20 records in " in screen.text
    assert "10 are deleted, 10 get a ttl." in screen.text
    undo = tmp_path / "undo.jsonl"
    words: Words = ["-y", "--undo", undo, "--max-delete", "10", "--journal", tmp_path / "j"]
    report = store("apply", mixed, *words, "--json", status=0).report
    assert (report["records"], report["succeeded"]) == (20, 20)
    assert len(undo.read_bytes().splitlines()) == 20
    assert [key for key in _left(store) if key.startswith("tmp:1")] == []
    assert store("list", "--no-expiry", "--count", status=0).out == b"41\n"
    assert b"already complete" in store("apply", mixed, *words[:1], *words[5:], status=0).err


def test_a_dry_run_forecasts_no_less_than_an_expiry_writes(store: Command, tmp_path: Path) -> None:
    values = [{"key": f"large:{n:02}", "value": "x" * 5_000} for n in range(30)]
    store("set", "-q", "-f", records_file(tmp_path / "large.jsonl", values), status=0)
    plan, more = tmp_path / "expire.jsonl", tmp_path / "delete.jsonl"
    store("expire", "large:", "--ttl", "30d", "--plan", plan, status=0)
    store("delete", "--prefix", "tmp:", "--plan", more, status=0)
    plan.write_bytes(more.read_bytes() + plan.read_bytes())
    rehearsed = store("apply", plan, "-n", "--json", status=0).report
    report = store("apply", plan, "-y", "--json", status=0).report
    assert rehearsed["unsent"] == report["succeeded"] == 90
    assert rehearsed["units"]["write"] >= report["units"]["write"] > 15
    assert rehearsed["requests"] >= report["requests"]
    assert rehearsed["bytes_sent"] >= report["bytes_sent"]


@pytest.mark.parametrize("ttl", [None, "soon", "400d", {"value": 0, "unit": "DAYS"}])
def test_a_line_that_expires_needs_a_ttl(store: Command, plan: Path, ttl: object) -> None:
    plan.write_bytes(_changed(plan, {"action": "expire", "ttl": ttl}))
    ended = store("apply", plan, "-y", status=2)
    assert b"ttl" in ended.err
    assert len(_left(store)) == 61


def test_an_empty_plan_is_applied_and_replaced(kvsctl: Command, tmp_path: Path) -> None:
    local, plan = kvsctl.having(KVSCTL_TARGET="local"), tmp_path / "plan.jsonl"
    words: Words = ["delete", "--prefix", "tmp:", "--plan", plan]
    for _ in range(2):
        local(*words, status=0)
        assert plan.read_bytes() == b""
        local("apply", plan, "--yes", status=0)
    local("set", "-q", "tmp:1=1", status=0)
    local(*words, status=0)
    assert len(_lines(plan)) == 1
    assert b"exists already" in local(*words, status=2).err
