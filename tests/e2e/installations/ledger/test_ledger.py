"""A job on several installations is resumed from its ledger."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.installations.support import ALL, container, exit_codes, let_fail, lines_by_name
from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving
from tests.support.waiting import wait_until

_NAMES = [f"i{number:02}" for number in range(20)]
_SLOW = "latency-ms=50"
_RULES = '[[rules]]\nname = "old"\nprefix = "tmp:"\naction = "delete"\n'
_DISPLAY_MEMBERS = ("records", "succeeded", "failed", "requests", "units")


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()[1:]]


def _ended(path: Path) -> list[str]:
    if not path.exists():
        return []
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return [json.loads(line)["installation"] for line in whole[1:] if b'"installation"' in line]


def _reopen(path: Path) -> None:
    """Make of the ledger of a job that has ended one that was stopped before its end."""
    whole, end = path.read_bytes(), b'{"complete":true}\n'
    assert whole.endswith(end)
    path.write_bytes(whole.removesuffix(end))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_job_is_resumed_where_it_was(
    kvsctl: Command, tmp_path: Path, number: signal.Signals
) -> None:
    path, ledger = tmp_path / "in.jsonl", tmp_path / "ledger"
    records_file(path, [{"key": f"k{n}", "value": n} for n in range(60)])
    words = ("set", *ALL, "-f", path, "--ledger", ledger, "--at-once", "2", "-c", "1", "--json")
    with container(kvsctl, _NAMES, "--faults", _SLOW) as inside:
        with inside.start(*words) as process:
            wait_until(lambda: len(_ended(ledger)) >= 4)
            process.send_signal(number)
            process.wait(30)
        before = _ended(ledger)
        assert 4 <= len(before) < len(_NAMES)
        ended = inside(*words, status=0)
        report = ended.report
        assert b"installations were finished by an earlier run" in ended.err
        again = inside(*words, status=0).report
        found = inside("list", *ALL, status=0)
    lines = lines_by_name(report)
    assert list(lines) == _NAMES
    assert report["succeeded"] == 60 * len(_NAMES) == len(found.lines)
    assert sorted(_ended(ledger)) == _NAMES, "each is noted once"
    assert _lines(ledger)[-1] == {"complete": True}
    assert [again[name] for name in _DISPLAY_MEMBERS] == [report[n] for n in _DISPLAY_MEMBERS]


def test_a_line_that_was_cut_short_is_done_again(kvsctl: Command, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    words = ("set", *ALL, "k=1", "--ledger", ledger, "--json")
    with container(kvsctl, _NAMES[:4]) as inside:
        inside(*words, status=0)
        whole = ledger.read_bytes().splitlines(keepends=True)
        ledger.write_bytes(b"".join(whole[:3]) + whole[3][:20])
        report = inside(*words, status=0).report
    assert report["succeeded"] == 4
    assert len(lines_by_name(report)) == 4
    assert sorted(_ended(ledger)) == _NAMES[:4]


def test_the_rate_is_that_of_what_this_run_has_sent(kvsctl: Command, tmp_path: Path) -> None:
    words = ("set", *ALL, "k=1", "l=2", "--ledger", tmp_path / "ledger")
    with container(kvsctl, ["a", "b"]) as inside:
        first, again = inside(*words, status=0), inside(*words, status=0)
    for ended in (first, again):
        assert b"4 succeeded" in ended.err
    assert b"keys/s" in first.err
    assert b"keys/s" not in again.err


def test_what_did_not_end_well_is_done_again(kvsctl: Command, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    words = ("set", *ALL, "k=1", "--ledger", ledger, "--json")
    with container(kvsctl, ["a", "b", "c"], "--faults", "refuse-installation=b:403") as inside:
        first = inside(*words, status=1).report
        assert exit_codes(first) == {"a": 0, "b": 3, "c": 0}
        assert [line.get("exit_code") for line in _lines(ledger)].count(3) == 1
        second = inside(*words, status=1).report
    assert exit_codes(second) == {"a": 0, "b": 3, "c": 0}
    requests = {name: line["requests"] for name, line in lines_by_name(second).items()}
    assert requests == {"a": 1, "b": 1, "c": 1}


def test_failed_records_are_retried_only_if_that_is_asked_for(
    kvsctl: Command, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    words = ("set", *ALL, "k=1", "l=2", "--ledger", ledger, "--json")
    with container(
        kvsctl, ["a", "b"], "--faults", "refuse=k:INVALID_KEY,only=batch/set,first=1"
    ) as inside:
        first = inside(*words, status=1).report
        assert sorted(exit_codes(first).values(), key=str) == [0, 1]
        assert inside(*words, status=1).report["failures"] == first["failures"]
        last = inside(*words, "--retry-failed", status=0).report
    assert (last["succeeded"], last["failed"]) == (4, 0)


def test_a_complete_ledger_of_a_selection_starts_anew(kvsctl: Command, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    words = ("delete", *ALL, "--prefix", "tmp:", "--yes", "--ledger", ledger, "--json")
    with container(kvsctl, ["a", "b"]) as inside:
        for _ in range(2):
            inside("set", *ALL, "tmp:1=1", "tmp:2=2", "other=3", status=0)
            assert inside(*words, status=0).report["succeeded"] == 4
            assert sorted(_ended(ledger)) == ["a", "b"]


def test_a_nightly_job_works_on_all_though_one_refuses_each_time(
    kvsctl: Command, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    words = ("delete", *ALL, "--prefix", "tmp:", "--yes", "--ledger", ledger, "--json")
    with serving(kvsctl, *(f"--installation={name}" for name in "abc")) as url:
        inside = kvsctl.having(FORGE_EGRESS_PROXY_URL=url)
        for _ in range(2):
            let_fail(url, "")
            inside("set", *ALL, "-q", "tmp:1=1", status=0)
            let_fail(url, "refuse-installation=b:403")
            ended = inside(*words, status=1)
            assert exit_codes(ended.report) == {"a": 0, "b": 3, "c": 0}
            assert ended.report["succeeded"] == 2
            assert b"finished by an earlier run" not in ended.err
        let_fail(url, "")
        inside("set", *ALL, "-q", "tmp:2=2", status=0)
        ended = inside(*words, "--retry-failed", status=0)
        assert b"2 installations were finished by an earlier run" in ended.err
        left = {(line["installation"], line["key"]) for line in inside("list", *ALL).lines}
        assert left == {("a", "tmp:2"), ("c", "tmp:2")}


def test_an_answer_of_no_leaves_the_ledger_without_lines(kvsctl: Command, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    words = ("delete", *ALL, "--prefix", "tmp:", "--yes", "--max-delete", "1", "--ledger", ledger)
    with container(kvsctl, ["a", "b"]) as inside:
        inside("set", "-t", "container", "--installation", "a", "tmp:1=1", "tmp:2=2", status=0)
        inside(*words, status=2)
        assert _ended(ledger) == []
        inside(*words[:-3], "2", *words[-2:], status=0)
    assert sorted(_ended(ledger)) == ["a", "b"]


def test_the_totals_of_rules_are_resumed(kvsctl: Command, tmp_path: Path) -> None:
    rules, ledger = tmp_path / "rules.toml", tmp_path / "ledger"
    rules.write_text('[[rules]]\nname = "old"\nprefix = "tmp:"\naction = "delete"\n', "utf-8")
    words = ("clean", *ALL, "-f", rules, "--yes", "--ledger", ledger, "--json")
    with container(kvsctl, ["a", "b"]) as inside:
        inside("set", *ALL, "tmp:1=1", "tmp:2=2", status=0)
        whole = inside(*words, status=0).report
        lines = ledger.read_bytes().splitlines(keepends=True)
        ledger.write_bytes(b"".join(lines[:2]))
        resumed = inside(*words, status=0).report
    assert whole["rules"][0]["succeeded"] == 4
    assert resumed["rules"][0]["succeeded"] == resumed["succeeded"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", *ALL, "k=2"), b"the input has changed since the ledger was begun"),
        (("delete", *ALL, "k"), b"the command is delete, but was set"),
        (("set", *ALL, "k=1", "--ttl", "1d"), b"--ttl is 1d, but was not given"),
    ],
)
def test_the_ledger_of_another_job_is_refused(
    kvsctl: Command, tmp_path: Path, words: tuple[str, ...], said: bytes
) -> None:
    ledger = tmp_path / "ledger"
    with container(kvsctl, ["a", "b"]) as inside:
        inside("set", *ALL, "k=1", "--ledger", ledger, status=0)
        before = ledger.read_bytes()
        assert said in inside(*words, "--ledger", ledger, status=2).err
        assert ledger.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"something else\n", b"ledger:1: not a line of a ledger"),
        (
            b'{"ledger":2,"version":"9","command":"set","target":"t","form":{},"input":[]}\n',
            b"the ledger has format 2, but this kvsctl supports 1",
        ),
    ],
)
def test_any_other_file_is_left_alone(
    kvsctl: Command, tmp_path: Path, content: bytes, said: bytes
) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_bytes(content)
    with container(kvsctl, ["a", "b"]) as inside:
        assert said in inside("set", *ALL, "k=1", "--ledger", ledger, status=2).err
    assert ledger.read_bytes() == content


@pytest.mark.parametrize("extra", [(), ("--workers", "2")])
def test_a_dry_run_finishes_no_installation(
    kvsctl: Command, tmp_path: Path, extra: tuple[str, ...]
) -> None:
    ledger = tmp_path / "ledger"
    words = ("set", *ALL, "k=1", "--ledger", str(ledger), "--json", *extra)
    with container(kvsctl, ["a", "b"]) as inside:
        assert inside.process(*words, "--dry-run", status=0).report["unsent"] == 2
        assert not ledger.exists()
        assert inside.process(*words, status=0).report["succeeded"] == 2
        before = ledger.read_bytes()
        assert inside.process(*words, "--dry-run", status=0).report["unsent"] == 2
        assert ledger.read_bytes() == before
        assert len(inside("list", *ALL, status=0).lines) == 2


def test_a_dry_run_of_a_clean_up_leaves_the_ledger_alone(kvsctl: Command, tmp_path: Path) -> None:
    rules, ledger = tmp_path / "rules.toml", tmp_path / "ledger"
    rules.write_text('[[rules]]\nname = "old"\nprefix = "k"\naction = "delete"\n', "utf-8")
    with container(kvsctl, ["a", "b"]) as inside:
        inside("set", *ALL, "k=1", status=0)
        for words in (
            ("delete", "--prefix", "k"),
            ("expire", "--prefix", "k", "--ttl", "1d"),
            ("clean", "-f", rules),
        ):
            inside(*words, *ALL, "--dry-run", "--ledger", ledger, status=0)
            assert not ledger.exists()


def test_the_ledger_of_plans_is_not_that_of_changes(kvsctl: Command, tmp_path: Path) -> None:
    plan = ("--plan", tmp_path / "plan-{installation}.jsonl")
    with container(kvsctl, ["a", "b"]) as inside, serving(kvsctl) as url:
        inside("set", *ALL, "k=1", status=0)
        for command in (("delete",), ("expire", "--ttl", "1d"), ("sync", "--from", url)):
            ledger = tmp_path / command[0]
            words = (*command, *ALL, "--prefix", "k", "--yes", "--ledger", ledger)
            inside(*words, *plan, status=0)
            _reopen(ledger)
            ended = inside(*words, status=2)
            assert b"--plan is not given, but was given when the ledger was begun" in ended.err
            for file in tmp_path.glob("plan-*"):
                file.unlink()
        assert len(inside("list", *ALL, status=0).lines) == 2


def test_the_ledger_of_other_rules_is_refused(kvsctl: Command, tmp_path: Path) -> None:
    rules, ledger = tmp_path / "rules.toml", tmp_path / "ledger"
    rules.write_text(_RULES, "utf-8")
    rules.with_name("kept").write_text("config\n", "utf-8")
    words = ("clean", *ALL, "-f", rules, "--yes", "--ledger", ledger)
    with container(kvsctl, ["a", "b"]) as inside:
        inside("set", *ALL, "tmp:1=1", "old:1=1", status=0)
        inside(*words, status=0)
        _reopen(ledger)
        rules.write_text("# Comments may change.\n" + _RULES, "utf-8")
        inside(*words, status=0)
        _reopen(ledger)
        inside(*words, "--protect", rules.with_name("kept"), status=2)
        rules.write_text(_RULES.replace("tmp:", "old:"), "utf-8")
        said = inside(*words, status=2).err
        assert b"the input has changed since the ledger was begun: listing has a different" in said
        assert len(inside("list", *ALL, status=0).lines) == 2


def test_the_files_of_a_nightly_job_can_change(kvsctl: Command, tmp_path: Path) -> None:
    rules, ledger = tmp_path / "rules.toml", tmp_path / "ledger"
    protect = tmp_path / "protect"
    words = ("clean", *ALL, "-f", rules, "--protect", protect, "--yes", "--ledger", ledger)
    with container(kvsctl, ["a", "b"]) as inside:
        inside("set", *ALL, "tmp:1=1", "old:1=1", "old:2=1", status=0)
        for text, kept in ((_RULES, "old:*\n"), (_RULES.replace("tmp:", "old:"), "old:2\n")):
            rules.write_text(text, "utf-8")
            protect.write_text(kept, "utf-8")
            inside(*words, status=0)
        assert [one["key"] for one in inside("list", *ALL, status=0).lines] == ["old:2"] * 2
        said = inside(*words, "--consistent", status=2).err
        assert b"--consistent is given, but was not given when the ledger was begun" in said


@pytest.mark.parametrize("verb", ["delete", "clean", "export"])
def test_the_ledger_of_other_protected_keys_is_refused(
    kvsctl: Command, tmp_path: Path, verb: str
) -> None:
    protect, ledger, rules = tmp_path / "protect", tmp_path / "ledger", tmp_path / "rules.toml"
    rules.write_text('[[rules]]\nname = "old"\naction = "delete"\nall = true\n', "utf-8")
    more = {"delete": ("--all", "--yes"), "clean": ("-f", rules, "--yes"), "export": ()}[verb]
    words = (verb, *ALL, *more, "--protect", protect, "--ledger", ledger)
    with container(kvsctl, ["a", "b"]) as inside:
        inside("set", *ALL, "tmp:1=1", "kept:1=1", "old:1=1", status=0)
        protect.write_text("kept:*\nold:1\n", "utf-8")
        inside(*words, status=0)
        _reopen(ledger)
        protect.write_text("old:1\nkept:*\nkept:*\n", "utf-8")
        inside(*words, status=0)
        _reopen(ledger)
        protect.write_text("kept:*\n", "utf-8")
        said = inside(*words, status=2).err
        assert b"the input has changed since the ledger was begun: listing has other" in said
        assert b"protected keys" in said


@pytest.mark.parametrize("extra", [(), ("--workers", "2")])
def test_other_files_of_finished_installations_are_refused(
    kvsctl: Command, tmp_path: Path, extra: tuple[str, ...]
) -> None:
    ledger = tmp_path / "ledger"
    for name in "ab":
        records_file(tmp_path / f"one-{name}.jsonl", [{"key": "k", "value": 1}])
        records_file(tmp_path / f"two-{name}.jsonl", [{"key": "k", "value": 2}])

    def words(kind: str) -> tuple[str, ...]:
        path = tmp_path / f"{kind}-{{installation}}.jsonl"
        return "set", *ALL, "-f", str(path), "--ledger", str(ledger), *extra

    with container(kvsctl, ["a", "b"]) as inside:
        inside.process(*words("one"), status=0)
        said = inside.process(*words("two"), status=2).err
        assert b"the input of a has changed since it was finished: " in said
        assert b"two-a.jsonl has different content" in said
        (tmp_path / "two-a.jsonl").unlink()
        said = inside.process(*words("two"), status=2).err
        assert b"two-a.jsonl is read in place of " in said
        (tmp_path / "one-a.jsonl").unlink()
        inside.process(*words("one"), status=0)
        assert [line["value"] for line in inside("get", *ALL, "k").lines] == [1, 1]


def test_files_of_installations_that_are_not_finished_may_change(
    kvsctl: Command, tmp_path: Path
) -> None:
    words = ("set", *ALL, "-f", tmp_path / "{installation}.jsonl", "--ledger", tmp_path / "ledger")
    records_file(tmp_path / "a.jsonl", [{"key": "k", "value": 1}])
    records_file(tmp_path / "b.jsonl", [{"key": "k?", "value": 1}])
    with container(kvsctl, ["a", "b", "c"]) as inside:
        assert exit_codes(inside(*words, "--json", status=1).report) == {"a": 0, "b": 1, "c": 2}
        records_file(tmp_path / "b.jsonl", [{"key": "k", "value": 22}])
        records_file(tmp_path / "c.jsonl", [{"key": "k", "value": 3}])
        assert b"the input of b has changed" in inside(*words, status=2).err
        inside(*words, "--retry-failed", status=0)
        inside(*words, status=0)
        values = {line["installation"]: line["value"] for line in inside("get", *ALL, "k").lines}
        assert values == {"a": 1, "b": 22, "c": 3}


def test_it_is_for_several_installations(kvsctl: Command, tmp_path: Path) -> None:
    ended = kvsctl("set", "-t", "local", "k=1", "--ledger", tmp_path / "ledger", status=2)
    assert b"--ledger is for several installations" in ended.err
    ended = kvsctl("set", "-t", "local", "k=1", "--canary", "1", status=2)
    assert b"--canary is for several installations" in ended.err


@pytest.mark.parametrize("extra", [(), ("--workers", "1")])
def test_canaries_stay_the_same_until_each_has_succeeded(
    kvsctl: Command, tmp_path: Path, extra: tuple[str, ...]
) -> None:
    ledger, names = tmp_path / "ledger", _NAMES[:6]
    words = ("set", *ALL, "k=1", "--ledger", str(ledger), "--canary", "3", "--json", *extra)
    with container(kvsctl, names, "--faults", "refuse-installation=i01:403") as inside:
        for _ in range(3):
            ended = inside.process(*words, status=4)
            assert exit_codes(ended.report) == {"i00": 0, "i01": 3, "i02": 0} | dict.fromkeys(
                names[3:]
            )
            assert b"a canary failed (i01, exit code 3)" in ended.err
        found = inside("list", *ALL).lines
    assert {line["installation"] for line in found} == {"i00", "i02"}


def test_a_canary_with_failed_records_stops_the_next_run(kvsctl: Command, tmp_path: Path) -> None:
    words = ("set", *ALL, "k=1", "--ledger", tmp_path / "ledger", "--canary", "2", "--json")
    faults = "refuse=k:INVALID_KEY,only=batch/set,first=1"
    with container(kvsctl, _NAMES[:4], "--faults", faults) as inside:
        first = inside(*words, status=4)
        again = inside(*words, status=4)
        assert exit_codes(again.report) == exit_codes(first.report)
        assert b"--retry-failed" in again.err
        last = inside(*words, "--retry-failed", status=0)
    assert exit_codes(last.report) == dict.fromkeys(_NAMES[:4], 0)
