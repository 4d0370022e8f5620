"""The server and the client as processes, as a user runs them; and what they used."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

KVSCTL: Final = Path(sys.executable).with_name("kvsctl")
_LAST_BYTES: Final = 512 * 1024
"""More than any group of a journal has here."""


@dataclass(frozen=True)
class Ended:
    """How a process ended. `status` is negative where a signal ended it."""

    status: int
    out: bytes
    err: bytes
    peak_mb: float


@contextmanager
def serving(database: Path, faults: str) -> Iterator[str]:
    """`kvsctl serve` on a free port; gives its URL."""
    words = ["serve", "--port", "0", "--db", str(database), "--bad-record", "refuses-batch"]
    process = subprocess.Popen([KVSCTL, *words, "--faults", faults], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.terminate()


def requests_met(url: str) -> dict[str, int]:
    """How many requests the server has had, by the fault that each met."""
    with urllib.request.urlopen(f"{url}/_emulator/stats") as answer:
        met: dict[str, int] = json.load(answer)["faults"]
    return met


class Client:
    """One run of the client, to be killed or awaited."""

    def __init__(self, words: list[str], folder: Path) -> None:
        self._out, self._err = folder / "client.out", folder / "client.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [KVSCTL, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        self._ended: Ended | None = None

    def has_ended(self) -> bool:
        """Whether it is over; does not wait."""
        self._wait(os.WNOHANG)
        return self._ended is not None

    def kill(self) -> Ended:
        """As nothing can be caught: SIGKILL."""
        os.kill(self._process.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> Ended:
        """Waits for its end."""
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
    """How many records the last group of a journal that is being written counts."""
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
    """Waits until so many are noted; False if the client ended before."""
    while records_noted(journal) < records:
        if client.has_ended():
            return False
        time.sleep(0.02)
    return not client.has_ended()
