"""A token command that hangs in mid-run holds up no end of the run, and is ended with it."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import has_ended, wait_until

_WAIT_SECONDS: Final = 20
"""Less than the minute that the token command takes."""
_RECORDS: Final = 5000

pytestmark = only_on(IS_POSIX, "the token command is a script of sh")


class _TokenCommand:
    """A command that prints a token, but hangs from its `hangs`-th run on."""

    def __init__(self, folder: Path, hangs: int) -> None:
        self._script, self._pids, count = folder / "token.sh", folder / "pids", folder / "count"
        self._script.write_text(
            f"echo run >>'{count}'\n"
            f"n=$(wc -l <'{count}')\n"
            f"if [ $n -ge {hangs} ]; then\n"
            f"  sleep 50 & echo $! $$ >>'{self._pids}'; wait\n"
            "fi\n"
            "echo token-$n\n",
            "utf-8",
        )

    def __str__(self) -> str:
        return f"sh '{self._script}'"

    def await_hang(self) -> None:
        wait_until(lambda: self._pids.exists() and self._pids.read_bytes().endswith(b"\n"))

    def await_end(self) -> None:
        for pid in self._pids.read_text("utf-8").split():
            wait_until(partial(has_ended, int(pid)))


@pytest.fixture
def url(kvsctl: Command) -> Iterator[str]:
    """The URL of a store whose tokens live for half a second."""
    tokens = [word for n in range(9) for word in ("--token", f"app=token-{n}")]
    with serving(kvsctl, *tokens, "--faults", "token-lifetime=0.5,latency-ms=20") as served:
        yield served


@pytest.fixture
def words(tmp_path: Path) -> list[str | Path]:
    lines = [{"key": f"k{n}", "value": n} for n in range(_RECORDS)]
    source = records_file(tmp_path / "in.jsonl", lines)
    return ["set", "-f", source, "--json", "--batch-size", "5", "-c", "4"]


@pytest.mark.parametrize("hangs", [1, 2])
def test_the_time_limit_ends_it(
    kvsctl: Command, tmp_path: Path, url: str, words: list[str | Path], hangs: int
) -> None:
    command = _TokenCommand(tmp_path, hangs)
    limited = ("--url", url, "--token-command", str(command), "--max-duration", "2s")
    began = time.monotonic()
    ended = kvsctl(*words, *limited, status=75)
    assert time.monotonic() - began < _WAIT_SECONDS
    assert b"work is left: the time of --max-duration 2s is up" in ended.err
    _require_left(ended.report, has_sent=hangs > 1)
    command.await_end()


@pytest.mark.parametrize("hangs", [1, 2])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_ends_it(
    kvsctl: Command,
    tmp_path: Path,
    url: str,
    words: list[str | Path],
    hangs: int,
    number: signal.Signals,
    status: int,
) -> None:
    command = _TokenCommand(tmp_path, hangs)
    process = kvsctl.start(
        *(*words, "--url", url, "--token-command", str(command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            command.await_hang()
            process.send_signal(number)
            out, err = process.communicate(timeout=_WAIT_SECONDS)
        finally:
            process.kill()
    assert process.returncode == status, err.decode()
    assert b"kvsctl: stopping: " in err
    _require_left(json.loads(out), has_sent=hangs > 1)
    command.await_end()


def test_the_first_signal_ends_that_of_a_probe_that_has_written_nothing(
    kvsctl: Command, tmp_path: Path, url: str
) -> None:
    command = _TokenCommand(tmp_path, hangs=1)
    process = kvsctl.start(
        *("probe", "--yes", "--url", url, "--token-command", str(command)), stderr=subprocess.PIPE
    )
    with process:
        try:
            command.await_hang()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=_WAIT_SECONDS)
        finally:
            process.kill()
    assert process.returncode == 130, err.decode()
    command.await_end()


def _require_left(report: dict[str, int], *, has_sent: bool) -> None:
    """Require that every record that was not written was not sent."""
    assert (report["failed"], report["unknown"], report["ambiguous"]) == (0, 0, 0)
    assert (report["succeeded"] > 0) == has_sent
    assert report["unsent"] > 0
    assert report["succeeded"] + report["unsent"] == report["records"]
