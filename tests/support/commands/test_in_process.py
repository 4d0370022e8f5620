"""What the command in this process gets, gives back, and puts back."""

import gc
import os
import re
import signal
import sys
import threading
import warnings
from pathlib import Path

import pytest

from tests.support.commands.command import Command
from tests.support.commands.in_process import run_in_process

_STREAMS = ("stdin", "stdout", "stderr")


def _state() -> list[object]:
    """Everything of this process that a command may change."""
    mask = os.umask(0)
    os.umask(mask)
    return [
        dict(os.environ),
        list(sys.argv),
        Path.cwd(),
        [getattr(sys, name) for name in _STREAMS],
        [getattr(sys, f"__{name}__") for name in _STREAMS],
        [(os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in range(3)],
        sorted(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else [],
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        gc.get_threshold(),
        gc.get_freeze_count(),
        sys.getswitchinterval(),
        sys.modules.get("rich"),
        mask,
        set(threading.enumerate()),
        list(warnings.filters),
    ]


@pytest.mark.parametrize(
    ("words", "stdin", "status"),
    [
        (["set", "-t", "local", "--json"], b'{"key":"k","value":1}\n', 0),
        (["get", "k", "-t", "local"], None, 1),
        (["set", "k=1", "-t", "local", "--journal", "journal", "--failures", "failed"], None, 0),
        (["get", "--no-such-option"], None, 2),
        (["set", "k=1", "--url", "http://127.0.0.1:1", "--retries", "0"], None, 4),
        (["serve", "--port", "99999"], None, 2),
        (["--help"], None, 0),
        (["--version"], None, 0),
    ],
)
def test_the_process_is_as_before(
    kvsctl: Command, tmp_path: Path, words: list[str], stdin: bytes | None, status: int
) -> None:
    kvsctl(*words, stdin=stdin, folder=tmp_path)  # what is imported once and stays
    for file in ("journal", "failed"):
        (tmp_path / file).unlink(missing_ok=True)
    before = _state()
    kvsctl(*words, stdin=stdin, folder=tmp_path, status=status)
    assert _state() == before


def test_the_process_is_as_before_when_the_command_raises(
    kvsctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("within")

    monkeypatch.setattr("tests.support.commands.in_process.main", fail)
    before = _state()
    with pytest.raises(RuntimeError, match="within"):
        kvsctl("set")
    assert _state() == before


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["get", "k", "-t", "local"],
        ["set", "k=1", "bad/=2", "-t", "local", "-v"],
        ["set", "k=1"],
        ["get", "--help"],
        ["get", "--nonsense"],
    ],
)
def test_it_ends_and_prints_as_the_process_does(tmp_path: Path, words: list[str]) -> None:
    home = tmp_path / "home"
    home.mkdir()
    here, there = Command(home)(*words), Command(home).process(*words)
    assert here.status == there.status
    assert here.out == there.out
    assert _without_chance(here.err) == _without_chance(there.err)


def _without_chance(text: bytes) -> bytes:
    """Leave out times and trace IDs."""
    return re.sub(rb"[0-9a-f]{16,}|[\d.,]+", b"", text)


def test_each_run_has_its_own_surroundings(kvsctl: Command, tmp_path: Path) -> None:
    """Variables, folder and stdin of one run are not those of the next."""
    nowhere = kvsctl.having(KVSCTL_TARGET="nowhere")
    assert b"nowhere" in nowhere("get", "k", status=2).err
    local = kvsctl.having(KVSCTL_TARGET="local")
    local("set", "--failures", "here", stdin=b"no record\n", folder=tmp_path, status=1)
    assert (tmp_path / "here").exists()
    assert b"the input has no records" in local("get", stdin=b"", status=0).err


def test_more_than_a_pipe_holds_goes_in_and_out(kvsctl: Command) -> None:
    value = "x" * 200_000
    local = kvsctl.having(KVSCTL_TARGET="local")
    local("set", stdin=b'{"key":"k","value":"%b"}\n' % value.encode(), status=0)
    got = local("get", stdin=b"k\n" * 10, status=0)
    assert got.out.count(value.encode()) == 10


def test_input_that_is_not_wanted_is_let_be(kvsctl: Command) -> None:
    assert kvsctl("--version", stdin=b"x" * 1_000_000, status=0).out


def test_a_thread_that_the_command_leaves_behind_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = threading.Event()

    def leave() -> None:
        threading.Thread(target=ends.wait, name="left").start()

    monkeypatch.setattr("tests.support.commands.in_process.main", leave)
    monkeypatch.setattr("tests.support.commands.in_process._WAIT_SECONDS", 0.01)
    try:
        with pytest.raises(AssertionError, match="left its thread left running"):
            run_in_process([], {})
    finally:
        ends.set()
