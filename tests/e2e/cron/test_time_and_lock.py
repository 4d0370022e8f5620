"""--max-duration and --lock, as cron uses them."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from kvsctl.emulator import embedded
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import has_ended, wait_until

_MANY = [{"key": f"k{n:04}", "value": n} for n in range(350)]
_PACE = ("--rps", "4", "--batch-size", "1", "-c", "1")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(12)])


def test_work_left_is_75_and_the_same_command_does_the_rest(
    kvsctl: Command, source: Path, tmp_path: Path
) -> None:
    journal, report = tmp_path / "journal", tmp_path / "report.json"
    words = (
        "set", "-t", "local", "-f", source, "--journal", journal, "--report", report,
        "--failures", tmp_path / "failures.jsonl",
    )  # fmt: skip
    ended = kvsctl(*words, "--max-duration", "1s", *_PACE, status=75)
    first = json.loads(report.read_bytes())
    assert b"work is left: the time of --max-duration 1s is up" in ended.err
    assert b"Run the same command again to resume it." in ended.err
    assert b"warning" not in ended.err
    assert (first["exit_code"], first["interrupted"], first["unknown"]) == (75, False, 0)
    assert first["succeeded"] < 12
    assert first["records"] == first["succeeded"] + first["unsent"]
    assert (tmp_path / "failures.jsonl").read_bytes() == b""
    kvsctl(*words, "--max-duration", "1h", status=0)
    whole = json.loads(report.read_bytes())
    assert (whole["records"], whole["succeeded"]) == (12, 12)
    kvsctl(*words, "--max-duration", "1s", status=0)


def test_a_run_that_ends_in_time_is_0_and_its_failures_are_1(kvsctl: Command, source: Path) -> None:
    kvsctl("set", "-t", "local", "-f", source, "--max-duration", "1h", status=0)
    kvsctl("get", "-t", "local", "k1", "missing", "--max-duration", "1h", status=1)
    kvsctl("delete", "-t", "local", "k1", "--max-duration", "1h", status=0)


@pytest.mark.parametrize(("more", "warns"), [((), True), (("-q",), False)])
def test_a_limit_without_a_journal_warns_that_the_input_starts_over(
    kvsctl: Command, source: Path, more: tuple[str, ...], warns: bool
) -> None:
    words = ("set", "-t", "local", "-f", str(source), "--max-duration", "1h", *more)
    warning = b"warning: --max-duration without --journal"
    assert (warning in kvsctl(*words, status=0).err) is warns
    typed = kvsctl("set", "-t", "local", "a=1", "--max-duration", "1h", *more, status=0)
    assert b"warning" not in typed.err


def test_a_silent_pipe_does_not_outlast_the_time(kvsctl: Command) -> None:
    process = kvsctl.start(
        "set", "-t", "local", "--json", "--max-duration", "3s",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"key":"before","value":1}\n')
        process.stdin.flush()
        report = json.loads(process.stdout.read())
        assert process.wait(30) == 75
    assert (report["records"], report["succeeded"]) == (1, 1)


def test_the_limit_may_come_from_the_environment(kvsctl: Command, source: Path) -> None:
    timed = kvsctl.having(KVSCTL_MAX_DURATION="1s")
    timed("set", "-t", "local", "-f", source, *_PACE, status=75)
    ended = timed("set", "-t", "local", "-f", source, "--max-duration", "soon", status=2)
    assert b'--max-duration "soon": not a duration' in ended.err


class TestOtherCommands:
    """What has no journal says that it starts over."""

    def test_a_comparison_that_runs_out_of_time_is_not_one(
        self, kvsctl: Command, source: Path
    ) -> None:
        kvsctl("set", "-q", "-t", "local", "-f", source, status=0)
        words = ("diff", "-f", source, "-t", "local", "--max-duration", "1s")
        ended = kvsctl(*words, *_PACE, status=75)
        assert b"work is left: the time of --max-duration 1s is up" in ended.err
        assert b"give it more time" in ended.err
        kvsctl(*words, status=0)

    def test_stores_that_are_listed_are_compared_only_if_both_lists_are_whole(
        self, kvsctl: Command, tmp_path: Path
    ) -> None:
        many = records_file(
            tmp_path / "many", [{"key": f"k{n:04}", "value": n} for n in range(350)]
        )
        words = ("diff", "--from", "local", "--max-duration", "1s", "--rps", "0.7", "-c", "1")
        with served(embedded(tmp_path / "other.db")) as url:
            for target in (("-t", "local"), ("--url", url)):
                kvsctl("set", "-q", *target, "-f", many, "--format", "jsonl", status=0)
            ended = kvsctl(*words, "--url", url, status=75)
        assert ended.out == b"", "half a list would show differences"

    @pytest.mark.parametrize("verb", ["list", "export"])
    def test_a_listing_that_runs_out_of_time_is_75(
        self, kvsctl: Command, tmp_path: Path, verb: str
    ) -> None:
        many = records_file(
            tmp_path / "many", [{"key": f"k{n:04}", "value": n} for n in range(350)]
        )
        kvsctl("set", "-q", "-t", "local", "-f", many, "--format", "jsonl", status=0)
        words = (verb, "-t", "local", "--max-duration", "1s", "--rps", "0.7", "-c", "1")
        ended = kvsctl(*words, status=75)
        assert b"work is left" in ended.err
        assert len(ended.out.splitlines()) < 350


@pytest.fixture
def held(kvsctl: Command, tmp_path: Path) -> Iterator[tuple[Path, "subprocess.Popen[bytes]"]]:
    """A lock, and the run that holds it until its stdin is closed."""
    lock = tmp_path / "lock"
    process = kvsctl.start(
        "set", "-t", "local", "--lock", lock, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: lock.exists() and lock.stat().st_size > 0)
        yield lock, process
    finally:
        process.communicate(timeout=30)


def test_a_second_run_is_75_says_who_runs_and_sends_nothing(
    kvsctl: Command, held: tuple[Path, "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    lock, process = held
    report = tmp_path / "report.json"
    report.write_text("that of the run before")
    words = ("set", "-q", "-t", "local", "second=1", "--lock", lock)
    ended = kvsctl(*words, "--report", report, status=75)
    assert f"the lock {lock} is held by process {process.pid} on ".encode() in ended.err
    assert b"(kvsctl set), since " in ended.err
    assert report.read_text() == "that of the run before"
    assert kvsctl("get", "-q", "-t", "local", "second").status == 1
    process.communicate(timeout=30)
    kvsctl(*words, status=0)


def test_a_second_run_waits(kvsctl: Command, held: tuple[Path, "subprocess.Popen[bytes]"]) -> None:
    lock, process = held
    words = ("set", "-t", "local", "second=1", "--lock", lock, "--lock-wait", "1m")
    waiting = kvsctl.start(*words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with waiting:
        assert waiting.stderr is not None
        line = waiting.stderr.readline()
        assert b"waiting for the lock" in line
        assert str(process.pid).encode() in line
        process.communicate(timeout=30)
        assert waiting.wait(30) == 0


def test_a_killed_run_holds_nothing(
    kvsctl: Command, held: tuple[Path, "subprocess.Popen[bytes]"]
) -> None:
    lock, process = held
    process.kill()
    process.wait(30)
    kvsctl("set", "-t", "local", "second=1", "--lock", lock, status=0)


def test_a_lock_is_a_file_of_its_own(kvsctl: Command, source: Path, tmp_path: Path) -> None:
    before = source.read_bytes()
    words = ("set", "-t", "local", "-f", source)
    assert b"input and lock at once" in kvsctl(*words, "--lock", source, status=2).err
    assert b"--lock -: not a file name" in kvsctl(*words, "--lock", "-", status=2).err
    other = records_file(tmp_path / "other", [1])
    assert b"not a lock of kvsctl" in kvsctl(*words, "--lock", other, status=2).err
    assert b"--lock-wait needs a lock" in kvsctl(*words, "--lock-wait", "1m", status=2).err
    ended = kvsctl(*words, "--lock", tmp_path / "l", "--lock-wait", "x", status=2)
    assert b'--lock-wait "x": not a duration' in ended.err
    assert source.read_bytes() == before
    assert not os.path.exists(tmp_path / "l")


def test_a_dry_run_takes_no_lock(kvsctl: Command, tmp_path: Path) -> None:
    kvsctl("set", "-n", "-t", "local", "a=1", "--lock", tmp_path / "lock", status=0)
    assert not (tmp_path / "lock").exists()


@only_on(IS_POSIX, "the token command is a script of sh")
@pytest.mark.parametrize("verb", ["set", "list", "set many"])
def test_a_token_command_is_ended_when_the_time_is_up(
    kvsctl: Command, tmp_path: Path, verb: str
) -> None:
    script, pids, url = tmp_path / "token.sh", tmp_path / "pids", "http://127.0.0.1:9"
    script.write_text(f"echo $$ >>'{pids}'\nexec sleep 50\n", "utf-8")
    command = f"sh '{script}'"
    words: tuple[str | Path, ...] = ("--url", url, "--token-command", command, "k=1")
    if verb == "set many":
        lines = [{"installation": one, "token_command": command} for one in ("a", "b")]
        words = ("--url", url, "--installations-file", records_file(tmp_path / "i", lines), "k=1")
    elif verb == "list":
        words = words[:-1]
    began = time.monotonic()
    ended = kvsctl(verb.split()[0], *words, "--max-duration", "1s", status=75)
    assert time.monotonic() - began < 20
    assert b"work is left: the time of --max-duration 1s is up" in ended.err
    begun = [int(one) for one in pids.read_text("utf-8").split()]
    assert begun
    for pid in begun:
        wait_until(partial(has_ended, pid))
