"""Signals to the command as a process: early, ignored, and while requests are in flight.

`KVSCTL_SIGNAL_TRIES` is how many processes get a Ctrl-C while they start. By default they are few.
"""

import json
import os
import re
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import pytest

import kvsctl as package
from tests.support.commands.command import Command, records_file
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import wait_until

_WAIT_SECONDS: Final = 30
_TRIES: Final = int(os.environ.get("KVSCTL_SIGNAL_TRIES", "24"))
_START_SECONDS: Final = 0.4
_OPENING_SECONDS: Final = 0.3
"""Enough to open the files of a run; a little less proves less, and never fails."""
_OURS: Final = str(Path(package.__file__).parent).encode()
_LEFT_BEHIND: Final = (b"Exception ignored", b"was never awaited", b"was destroyed", b"defect")

pytestmark = only_on(IS_POSIX, "signals of POSIX")


@pytest.fixture
def local(kvsctl: Command) -> Command:
    return kvsctl.having(KVSCTL_TARGET="local")


# While it starts


@pytest.mark.parametrize("words", [["set"], ["get", "k"], ["set", "-n"], ["serve", "--port", "0"]])
def test_an_early_ctrl_c_ends_the_process(local: Command, words: list[str]) -> None:
    """Whatever it interrupts: no trace of kvsctl, no crash, and no job that continues.

    Until kvsctl is imported, the interpreter has a handler of its own. It raises KeyboardInterrupt,
    which prints a trace, or is even lost. No program in Python can help that: of 400 tries over
    0.3 s on a loaded machine, 16 hit the interpreter alone, 9 more the script of a new pip until
    it calls kvsctl, and 74 more that of a pip before 25.2, which imports `re`. A script of our own
    would save the 9, but Windows starts nothing but entry points. The next Ctrl-C always ends it.
    """
    random = Random(7)
    for _ in range(max(1, _TRIES // 4)):
        process = local.start(
            *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with process:
            try:
                process.wait(random.uniform(0, _START_SECONDS))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
            status, complaint = _status_and_complaint(process)
        assert _OURS not in complaint, complaint.decode()
        if b"KeyboardInterrupt" in complaint:
            assert status is not None, complaint.decode()
            continue
        assert not [text for text in _LEFT_BEHIND if text in complaint], complaint.decode()
        assert status in {130, -signal.SIGINT, 1 if words[0] == "get" else 130}, complaint.decode()


def _status_and_complaint(process: "subprocess.Popen[bytes]") -> tuple[int | None, bytes]:
    """Return how the process ended, None if it did not, and its stderr.

    Its stdin stays open, so that nothing but the signal ends it. If the interpreter said that it
    lost the first signal, a second one is sent.
    """
    assert process.stderr is not None
    said = b""
    for _ in range(2):
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_WAIT_SECONDS / 3), said + process.stderr.read()
        if select.select([process.stderr], [], [], 0)[0]:
            said += os.read(process.stderr.fileno(), 1 << 16)
        if b"KeyboardInterrupt" not in said:
            break
        process.send_signal(signal.SIGINT)
    process.kill()
    return None, said + process.stderr.read()


def test_a_dry_run_is_ended_without_a_word(local: Command) -> None:
    process = local.start(
        "set", "-n", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"no record\n")
        process.stdin.flush()
        assert b"INVALID_JSON" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(_WAIT_SECONDS) == -signal.SIGINT
        assert process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("flag", ["-o", "--failures", "--report"])
def test_a_run_that_waits_for_the_reader_of_a_pipe_is_ended(
    local: Command, tmp_path: Path, flag: str, number: signal.Signals
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with local.start("get", "k", flag, pipe, stderr=subprocess.PIPE) as process:
        try:
            wait_until(local.database.exists)  # which is opened just before the files
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(_OPENING_SECONDS)
            process.send_signal(number)
            assert process.wait(_WAIT_SECONDS) == -number
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_check_before_the_run_is_ended_without_a_word(
    local: Command, tmp_path: Path, number: signal.Signals
) -> None:
    """Nothing is in flight, nothing was sent, and no file of the run was begun."""
    folder = tmp_path / "job"
    folder.mkdir()
    source = folder / "in.jsonl"  # checking it takes half a second
    source.write_bytes(b"no record\n" + b'{"key":"k","value":1}\n' * 600_000)
    written: list[str | Path] = [
        *("--failures", folder / "failures", "--report", folder / "report"),
        *("--journal", folder / "journal"),
    ]
    process = local.start(
        "set", "-f", source, "--check-first", *written,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"INVALID_JSON" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(_WAIT_SECONDS) == -number
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")
    assert not local.database.exists()
    assert os.listdir(folder) == ["in.jsonl"]


# Ignored


def _ignoring(number: signal.Signals) -> Callable[[], object]:
    return partial(signal.signal, number, signal.SIG_IGN)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_ignored_signal_stays_ignored(local: Command, number: signal.Signals) -> None:
    process = local.start(
        "set", "-v", stdin=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=_ignoring(number)
    )
    with process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.send_signal(number)
        process.stdin.write(b'{"key":"k1","value":1}\n')
        process.stdin.flush()
        assert process.stderr.readline(), "a request has ended"
        process.send_signal(number)
        process.stdin.write(b'{"key":"k2","value":1}\n')
        process.stdin.close()
        complaint = process.stderr.read()
        assert process.wait(_WAIT_SECONDS) == 0, complaint.decode()
    assert b"2 succeeded" in complaint


@pytest.mark.parametrize("is_ignored", [False, True])
def test_a_server_stops_on_hangup_unless_it_is_ignored(kvsctl: Command, is_ignored: bool) -> None:
    ignoring = _ignoring(signal.SIGHUP) if is_ignored else None
    process = kvsctl.start("serve", "--port", "0", stdout=subprocess.PIPE, preexec_fn=ignoring)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        if is_ignored:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.send_signal(signal.SIGTERM)
        assert process.wait(_WAIT_SECONDS) == 0


# In flight


@contextmanager
def _in_flight(
    kvsctl: Command,
    count: int,
    *words: str,
    stderr: int = subprocess.PIPE,
    source: Path | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a run whose `count` requests are sent and never answered."""
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        silent.settimeout(_WAIT_SECONDS)
        given = ["-f", source] if source else [f"k{n}=1" for n in range(count)]
        process = kvsctl.start(
            "set", *given, "--batch-size", "1", "-c", str(count),
            "--url", f"http://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "600", *words,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
        stack.enter_context(process)
        for _ in range(count):
            connection = stack.enter_context(silent.accept()[0])
            connection.settimeout(_WAIT_SECONDS)
            assert connection.recv(1)
        yield process


@pytest.mark.parametrize("more", [[], ["--json"], ["-q"], ["-v"]])
@pytest.mark.parametrize(
    ("count", "number", "notice"),
    [
        (3, signal.SIGINT, b"stopping: finishing 3 requests (Ctrl-C again to abort)"),
        (1, signal.SIGTERM, b"stopping: finishing 1 request (signal again to abort)"),
    ],
)
def test_the_first_signal_says_at_once_what_is_being_finished(
    kvsctl: Command, count: int, number: signal.Signals, notice: bytes, more: list[str]
) -> None:
    with _in_flight(kvsctl, count, *more) as process:
        assert process.stderr is not None
        process.send_signal(number)
        assert process.stderr.readline() == b"kvsctl: " + notice + b"\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(_WAIT_SECONDS) == 128 + number


@pytest.mark.parametrize("has_journal", [False, True])
def test_an_interrupted_run_says_how_far_it_came(
    kvsctl: Command, tmp_path: Path, has_journal: bool
) -> None:
    source = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(2)])
    more = ["--journal", str(tmp_path / "journal")] if has_journal else []
    with _in_flight(kvsctl, 2, *more, source=source) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.readline()
        process.send_signal(signal.SIGINT)
        report = process.stderr.read()
    assert b"The run ended early, after reading 2 records (100% of the input). " in report
    advice = b"Run the same command again to resume it." if has_journal else b"starts over"
    assert advice in report


def test_it_is_said_above_a_progress_bar(kvsctl: Command) -> None:
    master, slave = os.openpty()
    with _in_flight(kvsctl.having(TERM="xterm"), 2, stderr=slave) as process:
        os.close(slave)
        process.send_signal(signal.SIGINT)
        shown = b""
        while b"abort)" not in shown:
            shown += os.read(master, 1 << 16)
        process.send_signal(signal.SIGINT)
        assert process.wait(_WAIT_SECONDS) == 130
    os.close(master)
    notice = b"kvsctl: stopping: finishing 2 requests (Ctrl-C again to abort)"
    lines = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown).replace(b"\r", b"\n").splitlines()
    assert notice in lines


def test_a_hangup_is_a_termination(kvsctl: Command) -> None:
    with _in_flight(kvsctl, 1, "--json") as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        report = json.loads(process.stdout.read())
        assert process.wait(_WAIT_SECONDS) == 143
    assert (report["interrupted"], report["unknown"], report["exit_code"]) == (True, 1, 143)
