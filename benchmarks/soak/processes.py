"""Run server and client as processes, as a user does, and measure their memory."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

KVSCTL: Final = Path(sys.executable).with_name("kvsctl")
_LAST_BYTES: Final = 512 * 1024
"""More than the size of any group in this journal."""


@dataclass(frozen=True)
class Ended:
    """How a process ended. `status` is negative if a signal ended it."""

    status: int
    out: bytes
    err: bytes
    peak_mb: float


def requests_met(url: str) -> dict[str, int]:
    """Return the number of requests to the server, by the fault that each met."""
    with urllib.request.urlopen(f"{url}/_emulator/stats") as answer:
        met: dict[str, int] = json.load(answer)["faults"]
    return met


class Client:
    """One run of the client, which can be killed or awaited."""

    def __init__(self, words: list[str], folder: Path, *, splits_slabs: bool = False) -> None:
        environment = dict(os.environ)
        if splits_slabs:
            environment["KVSCTL_SPLIT_SLABS"] = "1"
        self._out, self._err = folder / "client.out", folder / "client.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [KVSCTL, *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self._ended: Ended | None = None

    def has_ended(self) -> bool:
        """Return whether the run has ended, without waiting."""
        self._wait(os.WNOHANG)
        return self._ended is not None

    def kill(self) -> Ended:
        """Kill the run with SIGKILL, which it cannot catch."""
        os.kill(self._process.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> Ended:
        """Wait for the end of the run."""
        self._wait(0)
        assert self._ended is not None
        return self._ended

    def _wait(self, options: int) -> None:
        if self._ended is not None:
            return
        process, status, used = os.wait4(self._process.pid, options)
        if process == 0:
            return
        self._process.returncode = os.waitstatus_to_exitcode(status)
        unit = 1024 if sys.platform == "darwin" else 1
        self._ended = Ended(
            self._process.returncode,
            self._out.read_bytes(),
            self._err.read_bytes(),
            round(used.ru_maxrss / unit / 1024, 1),
        )


def records_noted(journal: Path) -> int:
    """Return the record count in the last group of a journal that is being written."""
    try:
        with journal.open("rb") as file:
            file.seek(max(0, journal.stat().st_size - _LAST_BYTES))
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return 0
    if len(lines) < 2:
        return 0
    group: dict[str, Any] = json.loads(lines[-1].partition(b" ")[2])
    counts: dict[str, int] = group.get("counts", {})
    return counts.get("records", 0)


def await_noted(client: Client, journal: Path, records: int) -> bool:
    """Wait until the journal counts `records`; return False if the client ended before."""
    while records_noted(journal) < records:
        if client.has_ended():
            return False
        time.sleep(0.02)
    return not client.has_ended()
