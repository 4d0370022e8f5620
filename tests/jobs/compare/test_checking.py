"""Files are compared with their manifests in a thread, which a signal and the end of time stop."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kvsctl.errors import ExitStatus, Interrupted, UsageError
from kvsctl.jobs.compare.checking import compare_with_manifests, read_in_thread
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.installations.runs import Runs
from kvsctl.jobs.job import Schedule
from kvsctl.jobs.runner import Interrupts, NoInterrupts
from tests.backups.exports import write_export
from tests.jobs.compare.interrupts import InterruptedAtOnce
from tests.support.waiting import wait_until

_LINE = b'{"key":"a","value":1}\n'
_UNCHECKED = "before the input was compared with its manifest: nothing was sent"


def _note(_text: str) -> None:
    return None


async def _checked(paths: list[Path], interrupts: Interrupts, seconds: int | None = None) -> None:
    await compare_with_manifests(paths, interrupts, TimeLimit(Schedule(seconds)), _note)


def _endless(_paths: object, is_stopped: Callable[[], bool]) -> None:
    wait_until(is_stopped)


def test_a_file_that_does_not_match_is_refused(tmp_path: Path) -> None:
    good, bad = (write_export(tmp_path / name, [_LINE]) for name in ("good.jsonl", "bad.jsonl"))
    asyncio.run(_checked([good], NoInterrupts()))
    bad.write_bytes(_LINE.replace(b"1", b"2"))
    with pytest.raises(UsageError, match=r"bad.jsonl does not match bad.jsonl.manifest.json: its"):
        asyncio.run(_checked([good, bad], NoInterrupts()))


def test_a_signal_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvsctl.jobs.compare.checking.require_matching", _endless)
    with pytest.raises(Interrupted, match=f"interrupted {_UNCHECKED}") as raised:
        asyncio.run(_checked([], InterruptedAtOnce()))
    assert raised.value.status is ExitStatus.TERMINATED


def test_the_end_of_the_time_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvsctl.jobs.compare.checking.require_matching", _endless)
    with pytest.raises(Interrupted, match=f"--max-duration 0s was up {_UNCHECKED}") as raised:
        asyncio.run(_checked([], NoInterrupts(), 0))
    assert raised.value.status is ExitStatus.WORK_LEFT


def test_the_end_of_the_whole_job_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvsctl.jobs.compare.checking.require_matching", _endless)
    runs = Runs(NoInterrupts())
    runs.stop()
    with pytest.raises(Interrupted, match=f"interrupted {_UNCHECKED}") as raised:
        asyncio.run(_checked([], runs))
    assert raised.value.status is ExitStatus.WORK_LEFT


def test_the_event_loop_goes_on_meanwhile() -> None:
    readers: list[int] = []

    async def read() -> tuple[str, bool]:
        going_on = threading.Event()
        asyncio.get_running_loop().call_soon(going_on.set)

        def slow(_is_stopped: Callable[[], bool]) -> str:
            readers.append(threading.get_ident())
            assert going_on.wait(30)
            return "read"

        return await read_in_thread(slow, NoInterrupts(), TimeLimit(Schedule()), _note)

    assert asyncio.run(read()) == ("read", False)
    assert readers != [threading.get_ident()]
