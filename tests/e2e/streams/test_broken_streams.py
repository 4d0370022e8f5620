"""Streams that are closed or full, and readers that went away."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from kvsctl.emulator import embedded
from tests.support.commands.command import KVSCTL, Command
from tests.support.commands.server import served

_WAIT_SECONDS = 30


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target."""
    return kvsctl.having(KVSCTL_TARGET="local")


def test_a_closed_pipe_ends_quietly_with_141(local: Command, tmp_path: Path) -> None:
    local("set", "k=" + "x" * 10_000, status=0)
    keys = tmp_path / "keys.txt"
    keys.write_text("k\n" * 5_000)
    process = local.start(
        "get", "-f", keys, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"key":"k"')
        process.stdout.close()
        complaint = process.stderr.read()
        assert process.wait(_WAIT_SECONDS) == 141
    assert complaint == b""


def test_a_full_disk_is_an_error_of_the_stream(local: Command) -> None:
    local("set", "k=1", status=0)
    with Path("/dev/full").open("wb") as full:
        process = local.start(
            "get", "k", stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE
        )
        _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5
    assert b"No space left on device" in complaint


def test_an_output_that_cannot_be_written_leaves_exit_code_5(local: Command) -> None:
    local("set", "k=1", status=0)
    ended = local("get", "k", "-o", "/dev/full", status=5)
    assert b"cannot write to /dev/full: No space left on device" in ended.err


@pytest.mark.parametrize("words", [("k=1",), ("k=1", "no pair")])
def test_a_report_that_cannot_be_printed_is_an_error_of_the_stream(
    local: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    saved = tmp_path / "report.json"
    with Path("/dev/full").open("wb") as full:
        process = local.start(
            "set", *words, "--json", "--report", saved,
            stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
        )  # fmt: skip
        _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5, complaint
    assert b"cannot write the report to stdout: No space left on device" in complaint
    assert json.loads(saved.read_bytes())["exit_code"] == 5


def test_a_report_that_nobody_reads_ends_quietly_with_141(local: Command, tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    near, far = os.pipe()
    os.close(near)
    process = local.start(
        "set", "k=1", "--json", "--report", saved,
        stdin=subprocess.DEVNULL, stdout=far, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(far)
    _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert (process.returncode, complaint) == (141, b"")
    assert json.loads(saved.read_bytes())["exit_code"] == 141


def test_a_report_file_that_cannot_be_opened_stops_the_run_before_it_sends(
    local: Command, tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "missing" / "report.json"):
        ended = local("set", "k=1", "--report", path, status=2)
        assert b"cannot write to" in ended.err
    assert not local.database.exists()


def test_a_failures_file_that_breaks_is_not_said_to_hold_failures(local: Command) -> None:
    ended = local("set", "k/=1", "--failures", "/dev/full", status=5)
    assert b"fed back" not in ended.err
    assert b"cannot write the failures file /dev/full" in ended.err


def test_a_report_of_records_that_nobody_reads_is_let_pass(local: Command) -> None:
    local("set", "k=1", status=0)
    with Path("/dev/full").open("wb") as full:
        process = local.start(
            "get", "k", "--json", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=full
        )
        out, _ = process.communicate(timeout=_WAIT_SECONDS)
    assert (process.returncode, out) == (0, b'{"key":"k","value":1}\n')


def test_a_report_that_cannot_be_saved_is_told_all_the_same(local: Command) -> None:
    ended = local("set", "k=1", "--json", "--report", "/dev/full", status=5)
    assert (ended.report["exit_code"], ended.report["succeeded"]) == (5, 1)
    assert b"cannot write the report to /dev/full" in ended.err
    assert b"1 succeeded" in local("set", "k=1", "--report", "/dev/full", status=5).err


@pytest.mark.parametrize(
    ("words", "said"), [("get", b"no input: give keys"), ("set -f -", b"--file -: stdin is closed")]
)
def test_a_closed_stdin_is_no_input(local: Command, words: str, said: bytes) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"{KVSCTL}" {words} <&-'],
        env=local.environ,
        capture_output=True,
        timeout=_WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("command", "hint"),
    [("export", b"Use --output FILE."), ("list", b"Redirect it to a file"), ("du", b"Redirect it")],
)
def test_a_closed_stdout_is_refused_with_what_the_command_can_do(
    local: Command, command: str, hint: bytes
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"{KVSCTL}" {command} >&-'],
        env=local.environ,
        capture_output=True,
        timeout=_WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert hint in done.stderr


def test_a_report_for_a_closed_stdout_is_refused_before_anything_is_sent(local: Command) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"{KVSCTL}" set k=1 --json >&-'],
        env=local.environ,
        capture_output=True,
        timeout=_WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert b"stdout is closed" in done.stderr
    assert not local.database.exists()


@pytest.mark.parametrize(
    ("closed", "status"),
    [("2>&-", 1), ("<&- 2>&-", 1), ("<&- >&- 2>&-", 1), (">&- 2>&- --json", 2)],
)
def test_streams_that_are_closed_change_no_exit_code(
    kvsctl: Command, tmp_path: Path, closed: str, status: int
) -> None:
    with served(embedded(tmp_path / "served.db")) as url:
        done = subprocess.run(
            ["/bin/sh", "-c", f'"{KVSCTL}" set a=1 bad/=2 --failures failed.jsonl {closed}'],
            env=kvsctl.having(KVSCTL_URL=url).environ,
            cwd=tmp_path,
            timeout=_WAIT_SECONDS,
            check=False,
        )
        assert done.returncode == status
        kvsctl("get", "a", "--url", url, status=0 if status == 1 else 1)


def test_what_a_token_command_says_goes_into_no_file_of_a_run_with_closed_streams(
    kvsctl: Command, tmp_path: Path
) -> None:
    words = "set bad/=1 k=2 --failures failed.jsonl --report report.json --journal journal"
    command = "sh -c 'echo noise >&2; echo token'"
    with served(embedded(tmp_path / "served.db")) as url:
        subprocess.run(
            ["/bin/sh", "-c", f'"{KVSCTL}" {words} --token-command "$COMMAND" <&- >&- 2>&-'],
            env=kvsctl.having(KVSCTL_URL=url, COMMAND=command).environ,
            cwd=tmp_path,
            timeout=_WAIT_SECONDS,
            check=False,
        )
    for name in ("failed.jsonl", "report.json", "journal"):
        assert b"noise" not in (tmp_path / name).read_bytes()
    assert json.loads((tmp_path / "report.json").read_bytes())["succeeded"] == 1


@pytest.mark.parametrize("words", [["--help"], ["set", "--help"], ["--version"]])
def test_what_is_printed_for_nobody_ends_quietly_with_141(local: Command, words: list[str]) -> None:
    near, far = os.pipe()
    os.close(near)
    process = local.start(*words, stdout=far, stderr=subprocess.PIPE)
    os.close(far)
    _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert (process.returncode, complaint) == (141, b"")


@pytest.mark.parametrize("words", [["--help"], ["set", "--help"], ["--version"]])
def test_what_cannot_be_printed_is_exit_5(local: Command, words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        process = local.start(*words, stdout=full, stderr=subprocess.PIPE)
        _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5
    assert complaint == b"kvsctl: cannot write to stdout: No space left on device\n"
