"""The time of a job."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from kvsctl.jobs.cron.time_limit import TimeLimit, Untouched, starting_over
from kvsctl.jobs.installations.part import schedule_of_part
from kvsctl.jobs.job import BatchJob, Journalling, Schedule
from kvsctl.model import Verb
from tests.jobs.test_runner import job
from tests.support.simulated.virtual_time import run_virtual


class _Run:
    def __init__(self) -> None:
        self.ended_at: list[float] = []

    def run_out_of_time(self) -> None:
        self.ended_at.append(asyncio.get_running_loop().time())


def _limited(tmp_path: Path, seconds: int | None, *, has_journal: bool = False) -> BatchJob:
    plain = job(Verb.SET, ["a=1"], tmp_path / "db")
    journal = Journalling(tmp_path / "journal", {}) if has_journal else None
    return replace(plain, schedule=Schedule(seconds), journal=journal)


@pytest.mark.parametrize(
    ("before", "during", "ended_at"), [(0, 3299, []), (0, 3301, [3300.0]), (3400, 1, [3400.0])]
)
def test_a_run_is_ended_once_when_the_time_since_the_start_is_up(
    tmp_path: Path, before: float, during: float, ended_at: list[float]
) -> None:
    async def work() -> tuple[list[float], str | None]:
        limit, run = TimeLimit.of(_limited(tmp_path, 3300)), _Run()
        await asyncio.sleep(before)
        with limit.stopping(run):
            await asyncio.sleep(during)
        await asyncio.sleep(10_000)
        left = limit.work_left()
        return run.ended_at, None if left is None else left.message

    expected = "work is left: the time of --max-duration 55m is up" if ended_at else None
    assert run_virtual(work()) == (ended_at, expected)


def test_one_of_several_ends_with_all_of_them_and_names_the_time_that_was_given(
    tmp_path: Path,
) -> None:
    async def work() -> tuple[list[float], list[str]]:
        run, ends_at = _Run(), asyncio.get_running_loop().time() + 3300
        await asyncio.sleep(3000)
        part = _limited(tmp_path, 3300)
        limit = TimeLimit.of(replace(part, schedule=schedule_of_part(part, ends_at)))
        with limit.stopping(run):
            await asyncio.sleep(400)
        left = limit.work_left()
        untouched = limit.ended_before(Untouched("the end", "nothing was done", ""), None)
        return run.ended_at, [error.message for error in (left, untouched) if error is not None]

    ended_at, messages = run_virtual(work())
    assert ended_at == [3300.0]
    assert messages == [
        "work is left: the time of --max-duration 55m is up",
        "the time of --max-duration 55m was up before the end: nothing was done",
    ]


@pytest.mark.parametrize(
    ("has_journal", "hint"),
    [(True, "Run the same command again to resume it."), (False, "--journal FILE")],
)
def test_the_error_says_what_running_again_does(
    tmp_path: Path, has_journal: bool, hint: str
) -> None:
    async def work() -> str | None:
        limit = TimeLimit.of(_limited(tmp_path, 1, has_journal=has_journal))
        with limit.stopping(_Run()):
            await asyncio.sleep(2)
        left = limit.work_left()
        return None if left is None else left.hint

    assert hint in (run_virtual(work()) or "")


def test_what_was_spent_before_there_was_a_job_counts(tmp_path: Path) -> None:
    async def work() -> list[float]:
        limited = replace(_limited(tmp_path, 3300), schedule=Schedule(3300, spent_seconds=300.0))
        limit, run = TimeLimit.of(limited), _Run()
        with limit.stopping(run):
            await asyncio.sleep(10_000)
        return run.ended_at

    assert run_virtual(work()) == [3000.0]


def test_a_job_without_a_limit_has_all_the_time(tmp_path: Path) -> None:
    async def work() -> tuple[float, list[float]]:
        limit, run = TimeLimit.of(_limited(tmp_path, None)), _Run()
        with limit.stopping(run):
            await asyncio.sleep(10**5)
        assert limit.work_left() is None
        return limit.ends_at, run.ended_at

    assert run_virtual(work()) == (float("inf"), [])


def test_only_files_with_a_limit_and_without_a_journal_are_warned_of(tmp_path: Path) -> None:
    assert starting_over(_limited(tmp_path, 3300)) is None, "arguments are few"
    assert starting_over(_limited(tmp_path, 3300, has_journal=True)) is None
