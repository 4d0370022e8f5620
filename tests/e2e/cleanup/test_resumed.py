"""Clean-ups that are killed or stopped, and resumed by the same command."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from kvsctl.emulator import embedded
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.emulator.web.app import Emulator
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served
from tests.support.journals import records_settled
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

Words: TypeAlias = list[str | Path]
_COUNT = 600


@pytest.fixture
def emulator(tmp_path: Path) -> Emulator:
    """What serves the records to delete, without faults until a test arms some."""
    return embedded(tmp_path / "served.db")


@pytest.fixture
def slow(kvsctl: Command, emulator: Emulator, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a slow service that holds 600 records to delete, and one to keep."""
    records = [{"key": f"tmp:{n:04}", "value": n} for n in range(_COUNT)]
    records.append({"key": "keep", "value": 0})
    with served(emulator) as url:
        file = records_file(tmp_path / "in.jsonl", records)
        kvsctl("set", "-q", "--url", url, "-f", file, status=0)
        emulator.arm(read_faults("seed=2,latency-ms=20..60"))
        yield kvsctl.having(KVSCTL_URL=url)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("filters", [[], ["--no-expiry"]])
def test_a_stopped_clean_up_is_resumed_and_its_report_covers_all(
    slow: Command, tmp_path: Path, number: signal.Signals, filters: list[str]
) -> None:
    journal = tmp_path / "j"
    words: Words = [
        "delete",
        "--prefix",
        "tmp:",
        *filters,
        "-y",
        "-c",
        "1",
        "--journal",
        journal,
        "--json",
    ]
    process = slow.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        wait_until(lambda: records_settled(journal) >= 25)
        process.send_signal(number)
        process.communicate()
    before = records_settled(journal)
    assert 0 < before < _COUNT
    report = slow(*words, status=0).report
    assert report["failed"] == report["unknown"] == report["unsent"] == 0
    # What was deleted after the newest group of the journal is gone, so it is not listed again.
    assert before < report["succeeded"] <= _COUNT
    if number is signal.SIGINT:
        assert report["succeeded"] == _COUNT
    assert slow("list", "-q").out == b"keep\n"


def test_a_complete_journal_of_a_selection_starts_anew(slow: Command, tmp_path: Path) -> None:
    words: Words = [
        "delete",
        "--prefix",
        "tmp:",
        "-y",
        "--journal",
        tmp_path / "j",
        "--json",
    ]
    assert slow(*words, status=0).report["succeeded"] == _COUNT
    slow("set", "-q", "tmp:new=1", status=0)
    assert slow(*words, status=0).report["succeeded"] == 1
    assert slow("list", "-q").out == b"keep\n"
    empty = slow(*words, status=0)
    assert b"warning: nothing was selected, but the previous run had 1 record" in empty.err
    assert b"warning" not in slow(*words, status=0).err


def test_a_journal_of_another_selection_is_refused(slow: Command, tmp_path: Path) -> None:
    words: Words = ["-y", "--journal", tmp_path / "j"]
    slow("delete", "--prefix", "tmp:0", *words, "--max-delete", "1", status=2)
    ended = slow("delete", "--prefix", "tmp:", *words, status=2)
    assert b"the input has changed since the journal was begun" in ended.err


def test_a_journal_of_other_protected_keys_is_refused(slow: Command, tmp_path: Path) -> None:
    protect = tmp_path / "protect"
    protect.write_text("keep\n", "utf-8")
    words: Words = ["delete", "--all", "-y", "--protect", protect, "--journal", tmp_path / "j"]
    slow(*words, "--max-delete", "1", status=2)
    protect.write_text("tmp:*\n", "utf-8")
    ended = slow(*words, status=2)
    assert b"the journal was begun: listing has other protected keys" in ended.err


def test_out_of_time_is_work_left_and_the_next_run_does_the_rest(
    slow: Command, emulator: Emulator, tmp_path: Path
) -> None:
    # 24 batches take more than 7 seconds, and the run has two.
    emulator.arm(read_faults("latency-ms=300,only=batch/delete"))
    words: Words = [
        "delete",
        "--prefix",
        "tmp:",
        "-y",
        "-c",
        "1",
        "--journal",
        tmp_path / "j",
    ]
    slow(*words, "--max-duration", "2s", status=75)
    assert int(slow("list", "--count", "--prefix", "tmp:", status=0).out) > 0
    emulator.arm(None)
    assert slow(*words, "--json", status=0).report["succeeded"] == _COUNT
    assert slow("list", "-q").out == b"keep\n"


def test_what_refuses_the_rest_says_that_nothing_more_was_deleted(
    slow: Command, emulator: Emulator, tmp_path: Path
) -> None:
    emulator.arm(read_faults("latency-ms=300,only=batch/delete"))
    words: Words = ["delete", "--prefix", "tmp:", "-y", "-c", "1", "--journal", tmp_path / "j"]
    slow(*words, "--max-duration", "2s", status=75)
    emulator.arm(None)
    refused = slow(*words, "--max-delete", "30", status=2)
    assert b"and --max-delete is 30: nothing more was deleted" in refused.err
    assert slow(*words, "--json", status=0).report["succeeded"] == _COUNT


def test_failures_of_an_earlier_run_are_counted_once(
    kvsctl: Command, emulator: Emulator, tmp_path: Path
) -> None:
    failures = tmp_path / "failures.jsonl"
    words: Words = [
        "delete",
        "--prefix",
        "tmp:",
        "-y",
        "--json",
        "--journal",
        tmp_path / "j",
        "--failures",
        failures,
    ]
    with served(emulator) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        command("set", "-q", *(f"tmp:{n}={n}" for n in range(5)), status=0)
        emulator.arm(read_faults("refuse=tmp:1:MAX_SIZE,only=batch/delete"))
        report = command(*words, "--max-failures", "1", status=4).report
        assert report["failed"] == 1
        assert json.loads(failures.read_text())["key"] == "tmp:1"
        emulator.arm(None)
        report = command(*words, status=0).report
        assert (report["succeeded"], report["failed"]) == (5, 0)
        assert failures.read_bytes() == b""
        assert command("list", "-q").out == b""
