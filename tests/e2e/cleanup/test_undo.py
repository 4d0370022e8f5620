"""`delete --undo`: what is deleted can be restored by `set`."""

import json
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.e2e.cleanup.stores import STORE_KINDS, filled
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served
from tests.support.journals import records_settled
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(params=STORE_KINDS)
def store(request: pytest.FixtureRequest, kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a store of 40 records to delete, some with a ttl, and one to keep."""
    records: list[dict[str, Any]] = [
        {"key": f"tmp:{n:02}", "value": {"n": n, "big": 2**70, "x": "é\n"}} for n in range(40)
    ]
    for record in records[::4]:
        record["ttl"] = "30d"
    path = records_file(tmp_path / "in.jsonl", [*records, {"key": "keep", "value": 1}])
    with filled(request.param, kvsctl, tmp_path, path) as command:
        yield command


def _content(command: Command) -> bytes:
    return b"".join(sorted(command("export", "-q", status=0).out.splitlines(keepends=True)))


@pytest.mark.parametrize("words", [["--prefix", "tmp:"], ["--all", "--no-expiry"]])
def test_set_restores_exactly_what_went(store: Command, tmp_path: Path, words: list[str]) -> None:
    undo, before = tmp_path / "undo.jsonl", _content(store)
    report = store("delete", *words, "-y", "--undo", undo, "--json", status=0).report
    assert report["succeeded"] == len(undo.read_bytes().splitlines()) > 20
    assert stat.S_IMODE(undo.stat().st_mode) == 0o600
    assert _content(store) != before
    store("set", "-f", undo, status=0)
    # A ttl is restored to the second.
    assert [json.loads(line)["value"] for line in _content(store).splitlines()] == [
        json.loads(line)["value"] for line in before.splitlines()
    ]
    assert store("diff", "-f", tmp_path / "in.jsonl", status=0).out == b""


def test_says_where_it_is_and_its_name_has_the_time(store: Command, tmp_path: Path) -> None:
    template = tmp_path / "undo-{date}-{installation}.jsonl"
    ended = store("delete", "--prefix", "tmp:", "-y", "--undo", template, status=0)
    [undo] = tmp_path.glob("undo-*.jsonl")
    assert f"saved 40 records as they were before the change to {undo}\n" in ended.err.decode()
    assert undo.name.startswith("undo-20")
    assert "{" not in undo.name


def test_keys_only(store: Command, tmp_path: Path) -> None:
    undo = tmp_path / "undo.jsonl"
    words = ["--prefix", "tmp:0", "-y", "--undo", str(undo), "--undo-keys-only"]
    store("delete", *words, status=0)
    assert [json.loads(line) for line in undo.read_bytes().splitlines()] == [
        {"key": f"tmp:{n:02}"} for n in range(10)
    ]
    store("get", "-f", undo, "--ignore-missing", status=0)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--prefix", "tmp:", "--undo-keys-only"], "--undo-keys-only needs a file"),
        (["--prefix", "tmp:", "--undo", "-"], "--undo -: not a file name"),
        (["--prefix", "tmp:", "--undo", "there.jsonl"], "there.jsonl exists already"),
        (["--prefix", "tmp:", "--undo", "missing/undo.jsonl"], "No such file or directory"),
        (["--prefix", "tmp:", "--undo", "u-{instalation}"], "Did you mean {installation}?"),
        (["--prefix", "tmp:", "--undo", "u", "--failures", "u"], "at once"),
        (["--prefix", "tmp:", "--undo", "", "--failures", "u"], "--undo is empty"),
        (["--prefix", "tmp:", "--undo", "u", "--journal", "u"], "at once"),
        (["tmp:01", "--undo", "u"], "--undo applies to what selectors choose"),
    ],
)
def test_a_wrong_undo_deletes_nothing(
    store: Command, tmp_path: Path, words: list[str], why: str
) -> None:
    (tmp_path / "there.jsonl").write_bytes(b"earlier\n")
    ended = store("delete", "-y", *words, status=2, folder=tmp_path)
    assert why in ended.err.decode()
    assert store("list", "--count", status=0).out == b"41\n"
    assert (tmp_path / "there.jsonl").read_bytes() == b"earlier\n"


def test_the_name_with_the_installation_in_it_is_one_file(kvsctl: Command, tmp_path: Path) -> None:
    kvsctl("set", "-q", "-t", "local", "tmp:1=1", status=0)
    words = ["delete", "-t", "local", "--prefix", "tmp:", "-y", "--undo", "u-{installation}"]
    ended = kvsctl(*words, "--report", "u-local", status=2, folder=tmp_path)
    assert b"u-local is undo file and report at once" in ended.err
    assert kvsctl("list", "-t", "local", "--count", status=0).out == b"1\n"


def test_nothing_chosen_leaves_no_file(store: Command, tmp_path: Path) -> None:
    store("delete", "--prefix", "none", "-y", "--undo", tmp_path / "undo.jsonl", status=0)
    store("delete", "--prefix", "tmp:", "-n", "--undo", tmp_path / "undo.jsonl", status=0)
    assert not (tmp_path / "undo.jsonl").exists()


def test_a_resumed_run_appends_to_no_other_file(store: Command, tmp_path: Path) -> None:
    words: list[str | Path] = ["--prefix", "tmp:", "-y", "--journal", tmp_path / "j", "--undo"]
    store("delete", *words, tmp_path / "undo.jsonl", "--max-delete", "1", status=2)
    notes = tmp_path / "notes.txt"
    notes.write_bytes(b"first\nwithout a line end")
    ended = store("delete", *words, notes, status=2)
    assert f"the undo file {notes} exists already" in ended.err.decode()
    assert notes.read_bytes() == b"first\nwithout a line end"
    assert store("list", "--count", status=0).out == b"41\n"
    store("delete", *words, tmp_path / "undo.jsonl", status=0)
    assert len((tmp_path / "undo.jsonl").read_bytes().splitlines()) == 40


@pytest.mark.parametrize("name", ["undo.jsonl", "notes.txt"])
def test_a_resumed_apply_appends_to_no_other_file(
    store: Command, tmp_path: Path, name: str
) -> None:
    plan = tmp_path / "plan.jsonl"
    store("delete", "--prefix", "tmp:", "--plan", plan, status=0)
    words: list[str | Path] = ["apply", plan, "-y", "--journal", tmp_path / "j", "--undo"]
    there = tmp_path / name
    there.write_bytes(b"first\nwithout a line end")
    for _ in range(2):  # the first run begins the journal, and is refused after that
        store(*words, there, status=2)
    assert there.read_bytes() == b"first\nwithout a line end"
    assert store("list", "--count", status=0).out == b"41\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_resumed_run_appends_and_all_can_be_restored(
    kvsctl: Command, tmp_path: Path, number: signal.Signals
) -> None:
    path, journal = tmp_path / "served.db", tmp_path / "j"
    records = [{"key": f"tmp:{n:04}", "value": n} for n in range(500)]
    with served(embedded(path)) as url:
        file = records_file(tmp_path / "in.jsonl", records)
        kvsctl("set", "-q", "--url", url, "-f", file, status=0)
    faults = read_faults("seed=3,latency-ms=10..40")
    with served(embedded(path, EmulatorOptions(faults=faults))) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        words: list[str | Path] = ["delete", "--prefix", "tmp:", "-y", "-c", "1", "-q"]
        words += ["--journal", journal, "--undo", tmp_path / "undo-{date}.jsonl"]
        process = command.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        with process:
            wait_until(lambda: records_settled(journal) >= 25)
            process.send_signal(number)
            process.communicate()
        assert records_settled(journal) < 500
        command(*words, status=0)
        assert command("list", "-q").out == b""
        [undo] = tmp_path.glob("undo-*.jsonl")
        command("set", "-q", "-f", undo, status=0)
        assert command("diff", "-f", tmp_path / "in.jsonl", "--all", status=0).out == b""


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--undo", "there.jsonl"], "the undo file there.jsonl exists already"),
        (["--undo", "missing/undo.jsonl"], "No such file or directory"),
        (["--undo", "u", "--failures", "u"], "at once"),
        (["--journal", "missing/j"], "No such file or directory"),
        (["--retry-failed"], "--retry-failed needs a journal"),
        (["--confirm", "other"], "--confirm other: the target is"),
    ],
)
def test_a_dry_run_refuses_what_the_run_refuses(
    kvsctl: Command, tmp_path: Path, words: list[str], why: str
) -> None:
    (tmp_path / "there.jsonl").write_bytes(b"earlier\n")
    at = kvsctl.having(KVSCTL_TARGET="local")
    at("set", "-q", "tmp:1=1", status=0)
    for rehearsed in ["-y"], ["-n"]:
        ended = at("delete", "--prefix", "tmp:", *rehearsed, *words, status=2, folder=tmp_path)
        assert why in ended.err.decode(), rehearsed
    assert at("list", "--count", status=0).out == b"1\n"


def test_a_dry_run_of_a_resumed_job_accepts_its_undo_file(kvsctl: Command, tmp_path: Path) -> None:
    at = kvsctl.having(KVSCTL_TARGET="local")
    at("set", "-q", "tmp:1=1", "tmp:2=2", status=0)
    words = ["--prefix", "tmp:", "--journal", "j", "--undo", "u"]
    at("delete", "-y", *words, "--max-delete", "1", status=2, folder=tmp_path)
    (tmp_path / "u").touch()
    at("delete", "-n", *words, status=0, folder=tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ["set", "a=1"],
        ["delete", "a"],
        ["expire", "tmp:", "--ttl", "30d"],
        ["delete", "--all", "--undo", "u"],
    ],
)
def test_a_dry_run_of_another_target_than_the_confirmed_one_is_refused(
    kvsctl: Command, tmp_path: Path, words: list[str]
) -> None:
    given = [*words, "-n", "-t", "local"]
    ended = kvsctl(*given, "--confirm", "other", status=2, folder=tmp_path)
    assert b"--confirm other: the target is local" in ended.err
    kvsctl(*given, "--confirm", "local", status=0, folder=tmp_path)
