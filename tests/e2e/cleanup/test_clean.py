"""`clean` by the command against the emulator: the rules of a retention file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cleanup.stores import STORE_KINDS, filled
from tests.support.commands.command import Command, records_file
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.serving import serving

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[3]
_OLD, _NEW = "2024-01-01T00:00:00Z", "2200-01-01T00:00:00Z"


def _example() -> str:
    return (_ROOT / "examples/retention.toml").read_text("utf-8")


def _records() -> list[dict[str, Any]]:
    drafts = {
        "draft:gone": {"owner": None, "savedAt": _OLD},
        "draft:fresh": {"owner": None, "savedAt": _NEW},
        "draft:owned": {"owner": 7, "savedAt": _OLD},
        "draft:undated": {"owner": None},
        **{f"draft:{n}": {"owner": n, "savedAt": _NEW} for n in range(16)},
    }
    days = range(1, 6)
    reports = {f"report:{who}:2026-01-0{n}": n for who in ("acme", "x") for n in days}
    logs = {f"log-{n}": n for n in range(3)}
    others = {"other": 1, "log": 2, "report": 3}
    return [{"key": key, "value": one} for key, one in (drafts | reports | logs | others).items()]


_GONE = ["draft:gone", "report:x:2026-01-01", "report:x:2026-01-02"]
_EXPIRING = ["log-0", "log-1", "log-2"]


@pytest.fixture(params=STORE_KINDS)
def store(request: pytest.FixtureRequest, kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a filled store: embedded, or behind a server."""
    given = records_file(tmp_path / "in.jsonl", _records())
    with filled(request.param, kvsctl, tmp_path, given) as command:
        yield command


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The example of the documentation."""
    path = tmp_path / "retention.toml"
    path.write_text(_example(), "utf-8")
    return path


def _held(command: Command) -> dict[str, bool]:
    """Return every key of the store, and whether it expires."""
    lines = command("export", "-q", status=0).lines
    return {one["key"]: "expireTime" in one for one in lines}


def _expected() -> dict[str, bool]:
    keys = [one["key"] for one in _records()]
    return {key: key in _EXPIRING for key in sorted(keys) if key not in _GONE}


def _rule(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [rule for rule in report["rules"] if rule["name"] == name]
    return dict(found)


def test_the_example_is_that_of_the_documentation() -> None:
    page = (_ROOT / "docs/clean-up.md").read_text("utf-8")
    assert re.findall(r"^```toml\n(.*?)^```", page, re.M | re.S) == [_example()]


def test_the_example_does_what_the_documentation_says(store: Command, rules: Path) -> None:
    report = store("clean", "-f", rules, "--yes", "--json", status=0).report
    assert _held(store) == _expected()
    assert (report["command"], report["records"], report["succeeded"]) == ("clean", 7, 6)
    drafts, reports, logs = (_rule(report, name) for name in ("drafts", "reports", "logs"))
    assert (drafts["action"], drafts["succeeded"]) == ("delete", 1)
    assert drafts["skipped_by"] == {"undecided": 1}
    assert (reports["succeeded"], reports["kept"]) == (2, 3)
    assert (logs["action"], logs["ttl"], logs["succeeded"]) == ("expire", "90d", 3)
    again = store("clean", "-f", rules, "--yes", "--json", status=0).report
    assert again["succeeded"] == 0
    assert _held(store) == _expected()
    store("delete", "-q", "draft:undated", status=0)
    assert b"kvsctl: no rule chose a record\n" in store("clean", "-f", rules, "-y", status=0).err


def test_the_report_for_people_has_a_line_for_each_rule(store: Command, rules: Path) -> None:
    text = store("clean", "-f", rules, "-y", status=0).err.decode()
    assert "  drafts  delete  2 records · 1 succeeded · 1 skipped (undecided 1)\n" in text
    assert "  reports  delete  2 records · 2 succeeded · 3 kept\n" in text
    assert "  logs  expire 90d  3 records · 3 succeeded\n" in text


def test_a_dry_run_prints_the_keys_and_changes_nothing(store: Command, rules: Path) -> None:
    before = _held(store)
    done = store("clean", "-f", rules, "-n", "--json", status=0)
    assert done.out.decode().split() == [*_GONE, *_EXPIRING]
    report = json.loads(done.err.splitlines()[-1])
    assert (report["dry_run"], report["unsent"]) == (True, 6)
    assert [rule["unsent"] for rule in report["rules"]] == [1, 2, 3]
    assert report["cost_usd"] == pytest.approx(sum(rule["cost_usd"] for rule in report["rules"]))
    assert report["units"]["write"] == sum(rule["units"]["write"] for rule in report["rules"])
    assert _held(store) == before


def test_a_plan_has_the_lines_of_all_rules_and_applies(
    store: Command, rules: Path, tmp_path: Path
) -> None:
    before, plan = _held(store), tmp_path / "plan.jsonl"
    store("clean", "-f", rules, "--plan", plan, status=0)
    assert _held(store) == before
    lines = [json.loads(line) for line in plan.read_bytes().splitlines()]
    assert [line["key"] for line in lines] == [*_GONE, *_EXPIRING]
    assert [line["rule"] for line in lines] == ["drafts", *["reports"] * 2, *["logs"] * 3]
    assert [line.get("ttl") for line in lines] == [None] * 3 + ["90d"] * 3
    store("apply", plan, "-y", status=0)
    assert _held(store) == _expected()


def test_the_undo_has_what_was_deleted_and_what_was_rewritten(
    store: Command, rules: Path, tmp_path: Path
) -> None:
    before = store("export", "-q", status=0).out
    undo = tmp_path / "undo.jsonl"
    store("clean", "-f", rules, "-y", "--undo", undo, status=0)
    lines = [json.loads(line) for line in undo.read_bytes().splitlines()]
    assert sorted(line["key"] for line in lines) == sorted([*_GONE, *_EXPIRING])
    store("set", "-q", "-f", undo, status=0)
    assert store("export", "-q", status=0).out == before


def test_nothing_changes_if_one_guard_refuses(store: Command, rules: Path) -> None:
    before = _held(store)
    rules.write_text(_example().replace('max_delete = "10%"', 'max_delete = "4%"'), "utf-8")
    refused = store("clean", "-f", rules, "-y", status=2).err.decode()
    assert 'rule "drafts": 1 record would be deleted, 5% of the 20 that were listed' in refused
    assert "and max_delete is 4%: nothing was changed\n" in refused
    assert _held(store) == before
    assert store("clean", "-f", rules, "--plan", "-", status=2).out == b""
    assert _held(store) == before


def test_protected_keys_are_touched_by_no_rule(store: Command, rules: Path, tmp_path: Path) -> None:
    (tmp_path / "keep.txt").write_text("log-*\n", "utf-8")
    (tmp_path / "more.txt").write_text("draft:gone\n", "utf-8")
    text = _example().replace('protect = ["report:acme:*"]', 'protect = "keep.txt"')
    rules.write_text(text, "utf-8")
    store("clean", "-f", rules, "-y", "--protect", tmp_path / "more.txt", status=0)
    held = _held(store)
    assert not any(held[key] for key in _EXPIRING)
    assert "draft:gone" in held
    assert "report:acme:2026-01-02" not in held


def test_a_shard_is_a_part_of_the_keys(store: Command, rules: Path) -> None:
    first = store("clean", "-f", rules, "-y", "--shard", "1/2", "--json", status=0).report
    second = store("clean", "-f", rules, "-y", "--shard", "2/2", "--json", status=0).report
    assert (first["shard"], second["shard"]) == ("1/2", "2/2")
    assert _held(store) == _expected()
    for name, kept in (("drafts", 0), ("reports", 3), ("logs", 0)):
        parts = [_rule(report, name) for report in (first, second)]
        assert sum(part["kept"] for part in parts) == kept
    assert first["skipped"] + second["skipped"] == 1


def test_a_question_has_a_line_for_each_rule(kvsctl: Command, rules: Path, tmp_path: Path) -> None:
    given = records_file(tmp_path / "in.jsonl", _records())
    with filled("embedded", kvsctl, tmp_path, given) as command:
        before = _held(command)
        screen = in_terminal(command, "clean", "-f", rules, typed=b"n\n")
        assert screen.status == 2
        lines = screen.text.replace("\r\n", "\n")
        assert "About to change 6 records (" in lines
        assert "\n  drafts: delete 1 record (50 bytes): draft:gone\n" in lines
        assert "\n  logs: give a ttl of 90d to 3 records (3 bytes): log-0, log-1, log-2\n" in lines
        assert "Kept, because nothing can be decided about them: 1.\n" in lines
        assert "Kept, as the latest of their groups: 3.\n" in lines
        assert "Each record expires 90d after it is written." in lines
        assert "not confirmed: nothing was changed" in lines
        assert _held(command) == before
        assert in_terminal(command, "clean", "-f", rules, typed=b"y\n").status == 0
        assert _held(command) == _expected()


_WRONG = r"""[[rules]]
name = "one"
action = "delete"
prefixx = "a"
older-than = "3 fortnights"
larger_than = "huge"
match = ["a*", "no/slash"]
where = ["value.a =="]
max_delete = "120%"
protect = ["a/b"]

[[rules]]
name = "two"
prefix = "user:*"
entity = "a"
action = "expire"
ttl = "400y"
keep_last = 2
group_by = "user:*"

[[rules]]
name = "three"
prefix = "report:"
action = "delete"
keep_last = 2
group_by = "log:{day}"
protect = "missing.txt"

[[rules]]
name = "four"
all = true
action = "delete"
age_from = "key:*-%Y-%m"
older_than = "1d"
newer_than = "1d"
"""


def test_every_error_of_a_file_is_shown_with_its_line(kvsctl: Command, tmp_path: Path) -> None:
    path = tmp_path / "retention.toml"
    path.write_text(_WRONG, "utf-8")
    command = kvsctl.having(KVSCTL_TARGET="local")
    refused = command("clean", "-f", path, "-y", status=2).err.decode()
    found = re.findall(rf"^kvsctl: {re.escape(str(path))}:(\d+): (.*)$", refused, re.M)
    assert [(int(line), text) for line, text in found] == [
        (4, 'unknown name "prefixx"'),
        (5, 'unknown name "older-than"'),
        (5, 'older_than "3 fortnights": neither an age nor a time'),
        (6, 'larger_than "huge": not a size'),
        (7, 'match "no/slash": no key has "/"'),
        (8, "where: the expression is not complete, at column 11"),
        (9, 'max_delete "120%": neither a number nor a percentage'),
        (
            10,
            'protect "a/b": not a key: the key has "/" (U+002F) at character 2: only letters, '
            "digits, white space and : . _ - # are allowed",
        ),
        (14, 'the prefix "user:*": no key has "*"'),
        (15, "entity a: the entity name has 1 character: at least 3 are needed"),
        (17, 'ttl "400y": the ttl is not valid: write it as "45s", "30m", "12h" or "7d"'),
        (19, '"user:*" is not a template of groups: no name in braces'),
        (26, '"log:{day}": no key that the rule chooses begins like this'),
        (27, f"cannot read {tmp_path}/missing.txt: No such file or directory"),
        (33, 'age_from "key:*-%Y-%m": no key has "*"'),
        (34, 'older_than "1d" and newer_than "1d" exclude each other: no record is both'),
    ]
    assert "\n  value.a ==\n            ^\n" in refused
    assert "--" not in refused


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no rules: give --file FILE"),
        (["-f", "-"], "--file -: not a file name"),
        (["-f", "missing.toml"], "cannot read missing.toml: No such file or directory"),
        (["-f", "RULES"], "cannot ask, because this is not a terminal: nothing was changed"),
        (["-f", "RULES", "--with-values", "-n"], "--with-values needs a plan"),
        (["-f", "RULES", "--plan", "p", "-n"], "--plan changes nothing, so --dry-run does not"),
        (["-f", "RULES", "--plan", "p", "--undo", "u"], "--plan changes nothing, so --undo does"),
        (["-f", "RULES", "-y", "--undo", "RULES"], "is input and undo file"),
        (["-f", "RULES", "-y", "--undo-keys-only"], "--undo-keys-only needs a file"),
        (["-f", "RULES", "-y", "--shard", "3/2"], "--shard"),
    ],
)
def test_a_wrong_request_changes_nothing(
    kvsctl: Command, rules: Path, words: list[str], message: str
) -> None:
    command = kvsctl.having(KVSCTL_TARGET="local")
    given = [str(rules) if word == "RULES" else word for word in words]
    assert message in command("clean", *given, status=2).err.decode()


def test_a_scheduled_run_has_what_cron_jobs_need(
    store: Command, rules: Path, tmp_path: Path
) -> None:
    metrics, lock = tmp_path / "kvsctl.prom", tmp_path / "clean.lock"
    words: list[str | Path] = ["clean", "-f", rules, "-y", "--lock", lock, "--max-duration", "5m"]
    done = store(*words, "--metrics-file", metrics, "--log-format", "json", status=0)
    events = [json.loads(line) for line in done.err.splitlines()]
    assert {event["command"] for event in events} == {"clean"}
    assert events[-1]["event"] == "ended"
    assert [rule["name"] for rule in events[-1]["report"]["rules"]] == ["drafts", "reports", "logs"]
    assert b"savedAt" not in done.err
    text = metrics.read_text("utf-8")
    assert re.search(r'^kvsctl_last_run_exit_code\{.*command="clean".*\} 0$', text, re.M), text
    assert re.search(r'^kvsctl_last_run_records\{.*outcome="succeeded".*\} 6$', text, re.M), text


@pytest.mark.parametrize("rps", ["2", "4"])
def test_a_run_whose_time_is_up_leaves_the_rest_for_the_next(
    store: Command, rules: Path, rps: str
) -> None:
    words: list[str | Path] = ["clean", "-f", rules, "-y", "--json"]
    pace = ["--max-duration", "1s", "--rps", rps, "-c", "1", "--batch-size", "1"]
    ended = store(*words, *pace, status=75)
    assert ended.report["succeeded"] < 6
    unlisted = b"--max-duration 1s was up before the listing was finished: nothing was changed"
    left = b"work is left: the time of --max-duration 1s is up"
    assert left in ended.err or (unlisted in ended.err and not ended.report["succeeded"])
    store(*words, status=0)
    assert _held(store) == _expected()


_OF_ENTITIES = """
[[rules]]
name = "logs"
all = true
entity = "log"
keep_last = 2
age_from = "value.at"
action = "delete"

[[rules]]
name = "plain"
prefix = "k"
exclude = "k2"
action = "expire"
ttl = "1d"

[[rules]]
name = "both"
prefix = "k"
entity = ["log"]
plain = true
action = "delete"
"""


def test_rules_may_be_about_entities(kvsctl: Command, tmp_path: Path) -> None:
    manifest, rules = tmp_path / "manifest.yml", tmp_path / "rules.toml"
    manifest.write_text(
        "app:\n  id: x\n  storage:\n    entities:\n      - name: log\n"
        "        attributes:\n          at: {type: integer}\n"
    )
    rules.write_text(_OF_ENTITIES, "utf-8")
    with serving(kvsctl, "--manifest", manifest) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        logs = [
            {"key": f"k{n}", "value": {"at": 1_700_000_000 + n}, "entityName": "log"}
            for n in range(5)
        ]
        plain = [{"key": f"k{n}", "value": n} for n in range(3)]
        given = records_file(tmp_path / "in.jsonl", logs + plain + [{"key": "z", "value": 1}])
        command("set", "-q", "-f", given, status=0)
        planned = command("clean", "-f", rules, "--plan", "-", status=0).lines
        lines = [(one["rule"], one.get("entityName"), one["key"]) for one in planned]
        assert lines == [
            *(("logs", "log", f"k{n}") for n in range(3)),
            *(("plain", None, f"k{n}") for n in range(2)),
            ("both", None, "k2"),
        ]
        command("clean", "-f", rules, "-y", status=0)
        left = command("export", "-q", "--entity", "log", "--plain", status=0).lines
        expires = {(one.get("entityName"), one["key"]): "expireTime" in one for one in left}
        assert expires == {
            ("log", "k3"): False,
            ("log", "k4"): False,
            (None, "k0"): True,
            (None, "k1"): True,
            (None, "z"): False,
        }
