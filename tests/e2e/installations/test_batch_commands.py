"""set, get, delete, list and export on several installations."""

import gzip
import json
from pathlib import Path

import pytest

from tests.e2e.installations.support import ALL, container, exit_codes, lines_by_name
from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving

_MISSING = "No such file or directory"
_NAMES = [f"i{number:02}" for number in range(12)]
_FAULTS = "refuse-installation=i03:404,refuse-installation=i05:403,refuse-installation=i07:429"


def test_each_installation_gets_the_records_of_the_input(kvsctl: Command, tmp_path: Path) -> None:
    path = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(60)])
    with container(kvsctl, _NAMES) as inside:
        ended = inside("set", *ALL, "-f", path, "--json", status=0)
        lines = lines_by_name(ended.report)
        assert list(lines) == _NAMES
        assert {line["succeeded"] for line in lines.values()} == {60}
        printed = inside("get", *ALL, "k7", "k8", status=0).lines
    expected = [
        {"key": key, "value": value, "installation": name}
        for name in _NAMES
        for key, value in (("k7", 7), ("k8", 8))
    ]
    assert sorted(printed, key=lambda one: (one["installation"], one["key"])) == expected


def test_one_that_is_gone_refused_or_throttled_stops_no_other(kvsctl: Command) -> None:
    with container(kvsctl, _NAMES, "--faults", _FAULTS) as inside:
        ended = inside("set", *ALL, "a=1", "b=2", "--patience", "1", "--json", status=1)
        codes = exit_codes(ended.report)
        read = inside("get", *ALL, "a", "--patience", "0.5", status=1)
    assert {name: code for name, code in codes.items() if code} == {"i03": 1, "i05": 3, "i07": 4}
    lines = lines_by_name(ended.report)
    assert "the target refused the credentials" in lines["i05"]["error"]
    assert "nothing but 429 responses" in lines["i07"]["error"]
    assert {one["installation"] for one in ended.report["failures"]} == {"i03"}
    assert len(read.lines) == 9


def test_one_id_is_in_the_names_of_files_as_several_are(kvsctl: Command, tmp_path: Path) -> None:
    records = [{"key": "a", "value": 1}, {"key": "a b/?", "value": 1}]
    records_file(tmp_path / "in-i01.jsonl", records)
    failures = tmp_path / "failed-{installation}.jsonl"
    words = ("-t", "container", "--installation", "i01", "--failures", failures)
    with container(kvsctl, _NAMES) as inside:
        inside("set", *words, "-f", tmp_path / "in-{installation}.jsonl", status=1)
    assert not failures.exists()
    assert b"a b/?" in (tmp_path / "failed-i01.jsonl").read_bytes()


@pytest.mark.parametrize(("status", "code"), [(403, 3), (404, 1), (503, 4)])
def test_if_all_end_alike_so_does_the_command(kvsctl: Command, status: int, code: int) -> None:
    faults = ",".join(f"refuse-installation={name}:{status}" for name in _NAMES)
    with container(kvsctl, _NAMES, "--faults", faults) as inside:
        words = ("a=1", "--retries", "1", "--give-up-after", "2", "--json")
        ended = inside("set", *ALL, *words, status=code)
    assert set(exit_codes(ended.report).values()) == {code}
    assert b"kvsctl: 12 of 12 installations failed" in ended.err


def test_the_only_installation_is_not_counted(kvsctl: Command, tmp_path: Path) -> None:
    path = records_file(tmp_path / "in.jsonl", [{"key": "k", "value": 1}])
    with container(kvsctl, ["a"]) as inside:
        ended = inside("get", *ALL, "missing", status=1)
        compared = inside("diff", *ALL, "-f", path, status=1)
    assert ended.err.endswith(b"kvsctl: the installation failed\n")
    assert compared.err.endswith(b"kvsctl: the installation differs or failed\n")


def test_canaries_come_first_and_must_succeed(kvsctl: Command) -> None:
    with container(kvsctl, _NAMES, "--faults", "refuse-installation=i01:403") as inside:
        ended = inside("set", *ALL, "a=1", "--canary", "2", "--json", status=4)
        assert exit_codes(ended.report) == {"i00": 0, "i01": 3} | dict.fromkeys(_NAMES[2:])
        assert b"a canary failed (i01, exit code 3)" in ended.err
        assert ended.report["error"]["code"] == "FAILED_INSTALLATIONS"
        inside("set", *ALL, "a=1", "--canary", "1", status=1)


def test_no_other_is_begun_after_so_many_failures(kvsctl: Command) -> None:
    with container(kvsctl, _NAMES, "--faults", _FAULTS) as inside:
        words = ("a=1", "--at-once", "1", "--stop-after-failed-installations", "10%", "--json")
        ended = inside("set", *ALL, *words, status=4)
    codes = exit_codes(ended.report)
    assert list(codes.values()) == [0, 0, 0, 1, 0, 3, *[None] * 6]
    assert b"gave up after 2 installations failed" in ended.err


def test_each_has_files_of_its_own(kvsctl: Command, tmp_path: Path) -> None:
    with container(kvsctl, ["a", "b/c"]) as inside:
        inside("set", "-t", "container", "--installation", "a", "k=1", status=0)
        inside("set", "-t", "container", "--installation", "b/c", "k=2", "l=3", status=0)
        words = ("export", "-t", "container", "--installation", "a", "--installation", "b/c")
        inside(*words, "-o", "x-{installation}.jsonl.gz", status=0, folder=tmp_path)
        keys = ("k", "l", "--failures", "f-{installation}.jsonl", "--journal", "j-{installation}")
        output = ("-o", "g-{installation}.jsonl")
        inside("get", *words[1:], *keys, *output, status=1, folder=tmp_path)
    assert json.loads(gzip.decompress((tmp_path / "x-a.jsonl.gz").read_bytes()))["value"] == 1
    assert gzip.decompress((tmp_path / "x-b_c.jsonl.gz").read_bytes()).count(b"\n") == 2
    assert (tmp_path / "x-b_c.jsonl.gz.manifest.json").exists()
    assert json.loads((tmp_path / "f-a.jsonl").read_text("utf-8"))["key"] == "l"
    assert (tmp_path / "f-b_c.jsonl").read_bytes() == b""
    assert (tmp_path / "j-a").stat().st_size
    assert (tmp_path / "g-b_c.jsonl").read_bytes().count(b"\n") == 2


def test_a_journal_is_resumed_whatever_form_the_report_has(kvsctl: Command, tmp_path: Path) -> None:
    with container(kvsctl, ["a", "b"]) as inside:
        for command, more in (("set", ("k=1",)), ("delete", ("k",))):
            words = (command, *ALL, *more, "--journal", f"{command}-{{installation}}")
            inside(*words, status=0, folder=tmp_path)
            ended = inside(*words, "--json", status=0, folder=tmp_path)
            assert [one["exit_code"] for one in ended.report["installations"]] == [0, 0]
            inside(*words, "-q", status=0, folder=tmp_path)


def test_the_form_of_the_output_is_named_as_it_is_given(kvsctl: Command, tmp_path: Path) -> None:
    with container(kvsctl, ["a"], "--faults", "refuse-installation=a:403") as inside:
        words = ("list", *ALL, "--ledger", tmp_path / "ledger")
        inside(*words, status=3)
        refused = inside(*words, "--as", "jsonl", status=2)
    assert b"--as is jsonl, but was not given when the ledger was begun" in refused.err


def test_failures_are_fed_back_by_their_names(kvsctl: Command, tmp_path: Path) -> None:
    failures = ("--failures", "f-{installation}.jsonl")
    with container(
        kvsctl, ["a", "b"], "--faults", "refuse=k1:INVALID_KEY,only=batch/set,first=2"
    ) as inside:
        inside("set", *ALL, "k1=1", "k2=2", *failures, status=1, folder=tmp_path)
        inside("set", *ALL, "-f", "f-{installation}.jsonl", status=0, folder=tmp_path)
        assert len(inside("get", *ALL, "k1", "k2", status=0).lines) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["get", "k", "-o", "out.jsonl"], b"-o out.jsonl: several installations cannot write"),
        (["set", "k=1", "--failures", "f"], b"such as f-{installation}"),
        (["delete", "k", "--journal", "j"], b"--journal j: several installations"),
        (["get", "k", "--values"], b"--values does not say which installation"),
        (["list", "--as", "csv"], b"--as csv does not say which installation"),
        (["list", "--count"], b"--count does not say which installation"),
        (["get", "k", "--installation", "a"], b"--installation and --all-installations exclude"),
        (["set", "k"], b'the argument has no "="'),
        (
            ["delete", "k", "--stop-after-failed-installations", "0%"],
            b"neither a number nor a percentage",
        ),
    ],
)
def test_what_cannot_be_done_on_several_is_refused(
    kvsctl: Command, words: list[str], said: bytes
) -> None:
    with container(kvsctl, ["a", "b"]) as inside:
        ended = inside(*words, *ALL)
    assert ended.status in (1, 2)
    assert said in ended.err


def test_stdin_is_read_once_only(kvsctl: Command) -> None:
    with container(kvsctl, ["a", "b"]) as inside:
        ended = inside("get", *ALL, stdin=b"k\n", status=2)
    assert b"stdin can be read only once" in ended.err


def test_two_with_one_name_in_files_are_refused(kvsctl: Command) -> None:
    with container(kvsctl, ["a/b", "a_b"]) as inside:
        ended = inside("set", *ALL, "k=1", status=2)
    assert b"installations a/b and a_b have the same name in files" in ended.err


def test_a_dry_run_adds_up_what_all_would_need(kvsctl: Command) -> None:
    with container(kvsctl, _NAMES) as inside:
        report = inside("set", *ALL, "a=1", "b=2", "-n", "--json", status=0).report
        assert inside("get", *ALL, "a", status=1).out == b""
    assert report["dry_run"] is True
    assert (report["records"], report["requests"], report["units"]["write"]) == (24, 12, 12)
    lines_by_name(report)


def test_a_dry_run_leaves_the_failures_files_beside_a_ledger_alone(
    kvsctl: Command, tmp_path: Path
) -> None:
    failures, ledger = tmp_path / "failed-{installation}.jsonl", tmp_path / "ledger"
    words = ("set", *ALL, "k=1", "bad/=2", "--failures", failures, "--ledger", ledger)
    with container(kvsctl, ["a", "b"]) as inside:
        inside(*words, status=1)
        kept = {path: path.read_bytes() for path in tmp_path.glob("failed-*")}
        assert len(kept) == 2
        delete = ("delete", *ALL, "--prefix", "k", "--failures", failures)
        inside(*delete, "--ledger", tmp_path / "other", "--dry-run", status=0)
        assert {path: path.read_bytes() for path in tmp_path.glob("failed-*")} == kept


def test_lines_are_whole_whatever_is_printed_at_once(kvsctl: Command) -> None:
    words = [f"k{number}={'x' * number}" for number in range(300)]
    with container(kvsctl, _NAMES) as inside:
        inside("set", *ALL, *words, status=0)
        listed = inside("list", *ALL, "--at-once", "12", status=0).lines
        exported = inside("export", *ALL, "--json", status=0)
    assert len({(one["installation"], one["key"]) for one in listed}) == 12 * 300
    assert len(exported.lines) == exported.report["records"] == 12 * 300


def test_bridges_and_relays_have_urls_and_tokens_of_their_own(
    kvsctl: Command, tmp_path: Path
) -> None:
    tokens = ("--token", "a=token-of-a", "--token", "b=token-of-b")
    path = tmp_path / "installations.jsonl"
    (tmp_path / "b.token").write_text("token-of-b", "utf-8")
    with serving(kvsctl, *tokens) as url:
        lines = [
            {"installation": "a", "url": url, "token_command": "echo token-of-a"},
            {"installation": "b", "url": url, "token_file": str(tmp_path / "b.token")},
            {"installation": "c", "url": url, "token_command": "echo token-of-c"},
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
        words = ("--url", url, "--installations-file", path)
        ended = kvsctl("set", *words, "k=1", "--json", status=1)
        assert exit_codes(ended.report) == {"a": 0, "b": 0, "c": 3}
        alone = kvsctl.having(KVSCTL_TOKEN="token-of-b")("get", "--url", url, "k", status=0)
    assert alone.lines == [{"key": "k", "value": 1}]
    assert b"token-of" not in ended.err + ended.out


def test_a_missing_token_is_said_with_its_line_and_what_to_do(
    kvsctl: Command, tmp_path: Path
) -> None:
    lines = [
        {"installation": name, "url": "http://127.0.0.1:9", "token_file": str(tmp_path / name)}
        for name in ("a", "b")
    ]
    lines += [
        {"installation": name, "url": "http://127.0.0.1:9", "token_command": "false"}
        for name in ("c", "d")
    ]
    path = records_file(tmp_path / "i.jsonl", lines)
    words = ("--url", "http://127.0.0.1:9", "--installations-file", "i.jsonl", "k=1")
    ledger = ("--ledger", "l")
    shown = kvsctl("set", *words, *ledger, status=1, folder=path.parent).err.decode().splitlines()
    for number, name in enumerate(("a", "b"), 1):
        line = next(place for place, text in enumerate(shown) if text.startswith(f"  {name} "))
        assert shown[line].endswith(f"cannot read token file {tmp_path / name}: {_MISSING}")
        assert shown[line + 1] == f"    Check i.jsonl:{number}: token_file."
    assert sum(text.startswith("    Run it by itself to see why.") for text in shown) == 1
    report = kvsctl("set", *words, *ledger, "--json", status=1, folder=path.parent).report
    assert lines_by_name(report)["b"]["hint"] == "Check i.jsonl:2: token_file."


def test_the_report_has_a_line_for_each_and_the_worst_first(kvsctl: Command) -> None:
    names = [f"n{number:02}" for number in range(30)]
    with container(kvsctl, names, "--faults", "refuse-installation=n17:403") as inside:
        shown = inside("set", *ALL, "k=1", status=1).err.decode().splitlines()
        every = inside("set", *ALL, "k=1", "-v", status=1).err.decode()
        quiet = inside("set", *ALL, "k=1", "-q", "--at-once", "3", status=1).err
    assert shown[0].endswith("30 installations")
    assert shown[2].startswith("  n17  1 record, exit code 3: the target refused")
    assert shown[-2] == "  and 10 more (-v shows all, as --json and --report do)"
    assert every.count("1 record, 1 succeeded") == 29
    assert b"n17" in quiet


@pytest.mark.parametrize("checks", [(), ("--no-checks",), ("--ttl", "1d")])
def test_records_of_several_installations_do_not_go_into_one_store(
    kvsctl: Command, checks: tuple[str, ...]
) -> None:
    with container(kvsctl, ["a", "b"]) as inside:
        inside("set", *ALL, "k=1", "l=2", status=0)
        exported = inside("export", *ALL, "--at-once", "1", status=0)
    assert len(exported.lines) == 4
    first = exported.lines[0]["installation"]
    ended = kvsctl("set", "-t", "local", *checks, "--json", stdin=exported.out, status=1)
    failures = ended.report["failures"]
    assert [one["code"] for one in failures] == ["MIXED_INSTALLATIONS"] * 2
    assert [one["source"] for one in failures] == ["-:3", "-:4"]
    assert first in failures[0]["message"]
    alone = b"".join(exported.out.splitlines(keepends=True)[:2])
    kvsctl("set", "-t", "local", *checks, stdin=alone, status=0)


def test_examples_of_failures_name_their_installation(kvsctl: Command, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with container(kvsctl, _NAMES[:2], "--faults", "refuse=k:INVALID_KEY") as inside:
        first = inside("set", *ALL, "k=1", "--report", report, status=1).err
        assert b"k (arg:1, in i00): " in first
        assert b"k (arg:1, in i01): " in first
    merged = kvsctl("report", "merge", report, status=0)
    assert b"k (arg:1, in i01): " in merged.out + merged.err
