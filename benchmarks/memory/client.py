"""Run kvsctl and measure time and memory, against a served emulator or another server."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

_KVSCTL = [sys.executable, "-m", "kvsctl"]
_WAIT_FOR_END = getattr(os, "wait4", None)


class Took(NamedTuple):
    """One run: its report, wall time, peak memory, and CPU time of the process."""

    report: dict[str, Any]
    seconds: float
    peak_mb: float
    cpu_seconds: float


def can_measure() -> bool:
    """Return whether this system reports the peak memory of a process."""
    return _WAIT_FOR_END is not None


def run(folder: Path, url: str, source: Path, *words: str) -> Took:
    """Run the command in `words` on `source`; `get` writes to a file."""
    command: list[str | Path] = [*words, "-f", source]
    if words[0] == "get":
        command += ["-o", folder / "out.jsonl"]
    return run_command(folder, url, *command)


def run_command(folder: Path, url: str, *words: str | Path) -> Took:
    """Run kvsctl without limits on its pace."""
    assert _WAIT_FOR_END is not None
    command: list[str | Path] = [*_KVSCTL, *words, "--url", url, "--json"]
    command += ["--rps", "0", "--units-per-min", "0"]
    started = time.perf_counter()
    with (folder / "said").open("w+b") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=_environment(folder))
        _, _, used = _WAIT_FOR_END(process.pid, 0)
        process.returncode = (
            0  # already waited for; Popen must not wait for another process with this id
        )
        seconds = time.perf_counter() - started
        said.seek(0)
        lines = said.read().splitlines()
    reports = [line for line in lines if line.startswith(b'{"schema"')]
    if not reports:
        raise RuntimeError(f"{words}: {lines}")
    unit = 1 if sys.platform == "darwin" else 1024
    cpu_seconds = used.ru_utime + used.ru_stime
    return Took(json.loads(reports[-1]), seconds, used.ru_maxrss * unit / 1e6, cpu_seconds)


def write(source: Path, lines: Iterable[str]) -> Path:
    """Write an input file with one record per line."""
    with source.open("w") as file:
        file.writelines(f"{line}\n" for line in lines)
    return source


@contextmanager
def emulated(folder: Path, *words: str) -> Iterator[str]:
    """Run `kvsctl serve` in memory until the block ends; yield its URL."""
    with emulator_process(folder, *words) as (url, _):
        yield url


@contextmanager
def emulator_process(folder: Path, *words: str) -> Iterator[tuple[str, int]]:
    """Run `kvsctl serve` in memory until the block ends; yield its URL and its process id."""
    command = [*_KVSCTL, "serve", "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=_environment(folder)) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().decode().split()[-1], server.pid
        finally:
            server.terminate()


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "KVSCTL_TOKEN": "benchmark"}
