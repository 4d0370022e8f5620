"""Processes that the system gives too little: a line says so, and no library has the last word."""

import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.commands.command import Command
from tests.support.needs import IS_LINUX, only_on, system_module

resource = system_module("resource")

_NAMES = (b"Traceback", b"Exception ignored", b"never awaited", b"was destroyed", b"deallocating")
_MEGABYTE = 1_000_000
_ENDS = {"set": {0, 2, 5}, "get": {2, 4, 5}, "serve": {2, 5}}


def _limited(kind: int, most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (most, most))


def _ended(kvsctl: Command, limit: Callable[[], None], *words: str) -> tuple[int, list[bytes]]:
    process = kvsctl.start(
        *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=limit,
    )  # fmt: skip
    _, complaint = process.communicate(timeout=60)
    assert not [name for name in _NAMES if name in complaint], complaint.decode()
    return process.returncode, complaint.splitlines()


@pytest.mark.parametrize("most", [6, 8, 16])
@pytest.mark.parametrize(
    "words",
    [["set", "k=1", "-t", "local"], ["get", "k", "--url", "http://127.0.0.1:9"], ["serve"]],
    ids=" ".join,
)
def test_too_few_open_files_end_in_a_line(kvsctl: Command, words: list[str], most: int) -> None:
    status, lines = _ended(kvsctl, _limited(resource.RLIMIT_NOFILE, most), *words)
    assert (status, lines) == (
        2,
        [
            b"kvsctl: cannot open 32 files at a time: Too many open files",
            b"Raise the limit on open files (ulimit -n).",
        ],
    )
    assert not kvsctl.database.exists()


@pytest.fixture(scope="module")
def least_megabytes() -> int:
    """The address space in which Python itself starts, up to kvsctl's first line."""
    program = [sys.executable, "-c", "import re, kvsctl.__main__"]

    def limit() -> None:
        _limited(resource.RLIMIT_AS, most * _MEGABYTE)()
        _limited(resource.RLIMIT_CPU, 5)()  # with too little, Python 3.12 may begin without an end

    for most in range(10, 200, 2):
        if not subprocess.run(
            program, capture_output=True, preexec_fn=limit, check=False
        ).returncode:
            return most
    raise AssertionError("Python does not start in 200 MB")


@only_on(IS_LINUX, "only Linux bounds the address space")
@pytest.mark.parametrize("more", [2, 5, 9, 12, 16, 20, 25, 30, 34, 44, 52, 60])
@pytest.mark.parametrize(
    "words",
    [["set", "k=1", "-t", "local"], ["get", "k", "--url", "http://127.0.0.1:9"], ["serve"]],
    ids=" ".join,
)
def test_too_little_memory_ends_in_a_line(
    kvsctl: Command, words: list[str], more: int, least_megabytes: int
) -> None:
    """Only the end of the command is tested, not how far it gets in so little memory.

    Each command ends soon if it has enough.
    """
    more_words = {"get": ["--retries", "0", "--give-up-after", "1"], "set": []}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        own = more_words.get(words[0], ["--port", str(taken.getsockname()[1])])
        limit = _limited(resource.RLIMIT_AS, (least_megabytes + more) * _MEGABYTE)
        status, lines = _ended(kvsctl, limit, *words, *own)
    assert status in _ENDS[words[0]], lines
    assert not [line for line in lines if b"defect" in line], lines
    assert status == 0 or [line for line in lines if line.startswith(b"kvsctl: ")], lines
