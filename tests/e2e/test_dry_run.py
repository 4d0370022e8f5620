"""--dry-run and --check-first: what is said, and that nothing is changed."""

import json
import os
from pathlib import Path

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.needs import IS_POSIX, only_on

FAULTY = b'{"key":"a/","value":1}\nnot\n{"key":"b","value":2}\n'


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target."""
    return kvsctl.having(KVSCTL_TARGET="local")


def test_it_is_a_linter_that_lists_every_problem(local: Command, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(FAULTY * 700)
    ended = local("set", "-n", "-f", path, status=1)
    lines = ended.err.decode().splitlines()
    places = [line.split(": ")[0] for line in lines if ": INVALID_" in line]
    bad = [number for number in range(1, 2101) if number % 3]
    assert places == [f"{path}:{number}" for number in bad]
    assert ended.out == b""
    assert "DRY RUN" in lines[len(places)]
    assert not local.database.exists()


def test_the_report_says_what_the_run_would_need(local: Command, tmp_path: Path) -> None:
    path = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(60)])
    rehearsed = local("set", "-n", "-f", path, "--json", status=0).report
    done = local("set", "-f", path, "--json", status=0).report
    same = ("records", "requests", "units", "failed")
    assert {name: rehearsed[name] for name in same} == {name: done[name] for name in same}
    assert (rehearsed["dry_run"], rehearsed["unsent"], rehearsed["succeeded"]) == (True, 60, 0)
    assert 0 <= rehearsed["bytes_sent"] - done["bytes_sent"] <= 3  # at most a comma a request
    assert rehearsed["cost_usd"] > 0
    assert rehearsed["least_s"] >= 0
    assert "dry_run" not in done


@pytest.mark.parametrize("verb", ["get", "delete"])
def test_keys_are_rehearsed_too(local: Command, verb: str, tmp_path: Path) -> None:
    local("set", "a=1", status=0)
    output = ("-o", tmp_path / "out") if verb == "get" else ()
    report = local(verb, "-n", "--json", *output, stdin=b"a\nb/\n", status=1).report
    assert (report["unsent"], report["failed"], report["requests"]) == (1, 1, 1)
    assert not list(tmp_path.glob("out*"))
    local("get", "a", status=0)


def test_it_needs_no_token_and_no_service(kvsctl: Command, tmp_path: Path) -> None:
    target = ("--url", "https://nowhere.invalid")
    kvsctl("set", "a=1", *target, status=2)
    ended = kvsctl("set", "a=1", *target, "-n", "--journal", tmp_path / "j", status=0)
    assert b"https://nowhere.invalid" in ended.err
    assert not (tmp_path / "j").exists()


def test_failures_are_kept_but_not_beside_a_journal(local: Command, tmp_path: Path) -> None:
    failures, journal = tmp_path / "failed.jsonl", tmp_path / "j"
    local("set", "-n", "--failures", failures, stdin=FAULTY, status=1)
    first, second = map(json.loads, failures.read_bytes().splitlines())
    assert (first["key"], second["raw"]) == ("a/", "not")
    failures.write_bytes(b"kept")
    words = ("set", "-n", "--failures", failures, "--journal", journal)
    local(*words, stdin=FAULTY, status=1)
    assert failures.read_bytes() == b"kept"


def test_input_that_cannot_be_read_is_2_as_nothing_was_sent(local: Command) -> None:
    local("set", "-n", "--require-input", stdin=b"", status=2)
    local("set", "-n", stdin=b"", status=0)


@pytest.mark.parametrize(
    "words",
    [
        ["set", "a=1", "--lock", "{missing}/lock"],
        ["set", "a=1", "--journal", "{missing}/j"],
        ["set", "a=1", "--report", "{missing}/r"],
        ["set", "a=1", "--failures", "{missing}/f"],
        ["get", "a", "-o", "{missing}/o"],
        ["delete", "a", "--lock", "{missing}/lock"],
        ["delete", "--all", "-y", "--undo", "{missing}/u"],
        ["delete", "--all", "-y", "--lock", "{missing}/lock"],
        ["delete", "--all", "-y", "--undo", "{file}"],
        ["set", "a=1", "--confirm", "other"],
        ["probe", "-y", "--confirm", "other"],
        ["probe", "-y", "-o", "{missing}/o"],
        ["delete", "--all", "-y", "--max-delete", "1"],
    ],
    ids=" ".join,
)
def test_what_the_run_refuses_the_dry_run_finds(
    local: Command, tmp_path: Path, words: list[str]
) -> None:
    local("set", "-q", "k=1", "l=2", status=0)
    (tmp_path / "file").write_text("x")
    places = {"missing": tmp_path / "missing", "file": tmp_path / "file"}
    given = [word.format(**places) for word in words]
    dry = local(*given, "-n", status=2).err.decode().splitlines()
    run = local(*given, status=2).err.decode().splitlines()
    [refusal] = [line for line in dry if line.startswith("kvsctl: ")]
    assert run[0].startswith("kvsctl: "), "a refused run has no totals"
    # A run may call the file by its role or by its name until it is complete.
    assert run[0].split(":")[1].split()[0] == refusal.split(":")[1].split()[0]
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize(
    "words", [["set", "a=1"], ["delete", "a"], ["delete", "--all", "-y"], ["probe", "-y"]]
)
def test_a_dry_run_on_a_read_only_target_says_that_the_run_is_refused(
    local: Command, words: list[str]
) -> None:
    local("set", "-q", "a=1", status=0)
    read_only = local.having(KVSCTL_READ_ONLY="1")
    warning = b"kvsctl: warning: target local is read-only: the run will be refused\n"
    assert warning in read_only(*words, "-n", status=0).err
    assert warning not in local(*words, "-n", status=0).err
    assert warning not in read_only("get", "-n", "a", status=0).err
    assert b"read-only: nothing was sent" in read_only(*words, status=2).err


def test_the_least_time_is_that_of_the_share_of_the_quota(kvsctl: Command) -> None:
    lines = b"".join(b'{"key":"k%d","value":%d}\n' % (n, n) for n in range(500))
    words = ("set", "-n", "--json", "--batch-size", "1", "--url", "https://nowhere.invalid")
    for more, seconds in ((("--units-per-min", "100"), 240), (("--rps", "10"), 49)):
        assert kvsctl(*words, *more, stdin=lines, status=0).report["least_s"] == seconds
    assert (
        kvsctl("set", "-n", "-t", "local", "--json", stdin=lines, status=0).report["least_s"] == 0
    )


def test_the_least_time_of_a_shard_is_that_of_its_part_of_the_quota(kvsctl: Command) -> None:
    """2,800 units per minute in all: so 70 for each of 40."""
    lines = b"".join(b'{"key":"k%d","value":%d}\n' % (n, n) for n in range(8000))
    words = ("set", "-n", "--json", "--batch-size", "1", "--url", "https://nowhere.invalid")
    report = kvsctl(*words, "--shard", "7/40", stdin=lines, status=0).report
    assert 140 < report["requests"] <= 280
    assert 120 <= report["least_s"] < 240
    given = kvsctl(*words, "--shard", "7/40", "--units-per-min", "2800", stdin=lines, status=0)
    assert given.report["least_s"] < 60


class TestCheckFirst:
    def test_nothing_is_sent_if_anything_is_wrong(self, local: Command, tmp_path: Path) -> None:
        path, failures = tmp_path / "in.jsonl", tmp_path / "failed.jsonl"
        path.write_bytes(FAULTY)
        words = ("set", "--check-first", "-f", path, "--json", "--failures", failures)
        report = local(*words, status=1).report
        assert (report["failed"], report["unsent"], report["requests"]) == (2, 1, 0)
        assert [failure["source"] for failure in report["failures"]] == [f"{path}:1", f"{path}:2"]
        assert len(failures.read_bytes().splitlines()) == 2
        local("get", "b", status=1)
        ended = local("set", "--check-first", "-f", path, status=1)
        assert f"{path}:2: INVALID_JSON: ".encode() in ended.err
        assert b"Nothing was sent" in ended.err

    def test_all_is_sent_if_nothing_is_wrong(self, local: Command, tmp_path: Path) -> None:
        one = records_file(tmp_path / "1.jsonl", [{"key": f"k{n}", "value": n} for n in range(60)])
        two = records_file(tmp_path / "2.jsonl", [{"key": "k0", "value": 7}])
        words = ("set", "z=1", "--check-first", "-f", one, "-f", two)
        report = local(*words, "--json", status=0).report
        assert (report["records"], report["failed"], report["unsent"]) == (62, 0, 0)
        assert local("get", "k0", "--raw", status=0).out == b"7\n"
        journalled = ("set", "--check-first", "-f", one, "--journal", tmp_path / "j")
        local(*journalled, status=0)
        assert b"already complete" in local(*journalled, status=0).err

    @only_on(IS_POSIX, "Windows has no such pipes")
    def test_what_cannot_be_read_twice_is_refused(self, local: Command, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo")
        for words, name in ((("-f", tmp_path / "fifo"), b"fifo"), ((), b"stdin")):
            ended = local("set", "--check-first", *words, stdin=b"", status=2)
            assert b"reads the input twice" in ended.err
            assert name in ended.err
