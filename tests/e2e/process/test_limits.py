"""Processes that the system gives too little: a line says so, and no library has the last word."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.commands.command import Command

if sys.platform == "win32":
    pytest.skip("limits of POSIX", allow_module_level=True)

import resource

_NAMES = (b"Traceback", b"Exception ignored", b"never awaited", b"was destroyed", b"deallocating")


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the address space")
def test_too_little_memory_at_the_start_ends_in_a_line(kvsctl: Command) -> None:
    limit = _limited(resource.RLIMIT_AS, 25_000_000)
    status, lines = _ended(kvsctl, limit, "set", "k=1", "-t", "local")
    assert status in (2, 5), lines
    assert lines[0].startswith(b"kvsctl: "), lines
    assert len(lines) <= 2
