"""The check of an export by its manifest, as a job."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kvsctl.backups.checking import damage
from kvsctl.errors import ExitStatus, Interrupted, WorkLeft
from kvsctl.jobs.compare.verifying import Verification, verify
from kvsctl.jobs.job import Schedule
from kvsctl.report.console import Environment
from tests.backups.exports import write_export
from tests.jobs.compare.interrupts import InterruptedAtOnce
from tests.support.waiting import wait_until


@pytest.fixture
def job(tmp_path: Path) -> Verification:
    """Return the check of an export that is whole."""
    return Verification(path=write_export(tmp_path / "all.jsonl", [b'{"key":"a","value":1}\n']))


def test_a_signal_ends_the_check_and_nothing_is_said_to_match(
    job: Verification, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Interrupted, match="not read to its end") as raised:
        asyncio.run(verify(job, Environment.of_process(), InterruptedAtOnce()))
    assert raised.value.status is ExitStatus.TERMINATED
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("schedule", "time"),
    [
        (Schedule(max_duration_seconds=0), "0s"),
        # As of one of several installations: the others have used the rest.
        (Schedule(max_duration_seconds=3600, spent_seconds=3600.0), "1h"),
    ],
)
def test_the_check_ends_when_its_time_is_up(
    job: Verification, monkeypatch: pytest.MonkeyPatch, schedule: Schedule, time: str
) -> None:
    def endless(*given: Any) -> None:
        wait_until(given[-1], seconds=10)

    monkeypatch.setattr("kvsctl.jobs.compare.verifying.damage", endless)
    timed = replace(job, schedule=schedule)
    with pytest.raises(WorkLeft, match=f"work is left: the time of --max-duration {time} is up"):
        asyncio.run(verify(timed, Environment.of_process()))


def test_the_event_loop_does_not_wait_for_the_file(
    job: Verification, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[int] = []

    def noted(*given: Any) -> str | None:
        readers.append(threading.get_ident())
        return damage(*given)

    monkeypatch.setattr("kvsctl.jobs.compare.verifying.damage", noted)
    assert asyncio.run(verify(job, Environment.of_process())) is ExitStatus.OK
    assert len(readers) == 1
    assert threading.get_ident() not in readers
