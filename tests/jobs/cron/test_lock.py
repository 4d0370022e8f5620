"""The lock that keeps a second run out, on virtual time."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from kvsctl.errors import UsageError, WorkLeft
from kvsctl.files.claims import claim
from kvsctl.jobs.cron.lock import locked
from kvsctl.jobs.job import BatchJob, Reporting, Schedule
from kvsctl.model import Verb
from kvsctl.report.console import Environment
from tests.jobs.test_runner import job
from tests.support.simulated.virtual_time import run_virtual

_NEVER = float("inf")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def _locking(path: Path, wait_seconds: int = 0) -> BatchJob:
    plain = job(Verb.SET, ["a=1"], path.parent / "db")
    schedule = Schedule(lock_path=path, lock_wait_seconds=wait_seconds)
    return replace(plain, schedule=schedule, reporting=Reporting())


class _Told(Environment, frozen=True, kw_only=True):
    """An environment that keeps what is said, for tests that have no streams."""

    told: list[str]

    def note(self, text: str, hint: str | None = None) -> None:
        self.told.append(text)


def _telling(told: list[str]) -> _Told:
    return _Told(None, None, False, False, False, False, 80, told=told)


async def _take(
    one: BatchJob, told: list[str], ends_at: float = _NEVER, then: Callable[[], None] | None = None
) -> float:
    """Take the lock; return when it was taken."""
    async with locked(one, ends_at, _telling(told)):
        if then is not None:
            then()
        return asyncio.get_running_loop().time()


def test_a_lock_that_is_free_says_who_has_it_and_is_empty_and_private_after(lock: Path) -> None:
    held: list[str] = []
    told: list[str] = []
    taken = run_virtual(_take(_locking(lock), told, then=lambda: held.append(lock.read_text())))
    assert (taken, told) == (0.0, [])
    assert held[0].startswith(f"kvsctl lock: process {os.getpid()} on ")
    assert "(kvsctl set), since 20" in held[0]
    assert lock.read_text() == ""
    assert lock.stat().st_mode & 0o777 == 0o600


def test_a_job_without_a_lock_opens_none(tmp_path: Path) -> None:
    plain = job(Verb.SET, ["a=1"], tmp_path / "db")
    assert run_virtual(_take(plain, [])) == 0.0
    assert list(tmp_path.iterdir()) == []


def test_a_held_lock_is_work_left_and_names_its_holder(lock: Path) -> None:
    told: list[str] = []

    async def second() -> None:
        async with locked(_locking(lock), _NEVER, _telling(told)):
            await _take(_locking(lock), [])

    with pytest.raises(WorkLeft) as refused:
        run_virtual(second())
    assert str(lock) in refused.value.message
    assert f"is held by process {os.getpid()} on " in refused.value.message
    assert refused.value.status == 75


def test_a_lock_of_another_program_is_respected(lock: Path) -> None:
    lock.write_text("of cron\n")
    fd = claim(lock, "a lock", needs_lock=True)
    try:
        with pytest.raises(WorkLeft, match="is held by another process; nothing was sent"):
            run_virtual(_take(_locking(lock), []))
    finally:
        os.close(fd)
    assert lock.read_text() == "of cron\n"


def _waiting_for(lock: Path, wait_seconds: int, held_seconds: float, told: list[str]) -> float:
    async def both() -> float:
        first = claim(lock, "a lock", needs_lock=True)
        asyncio.get_running_loop().call_later(held_seconds, os.close, first)
        return await _take(_locking(lock, wait_seconds), told)

    return run_virtual(both())


@pytest.mark.parametrize("held_seconds", [0.01, 1.0, 59.5])
def test_a_lock_is_waited_for_and_taken_within_a_second(lock: Path, held_seconds: float) -> None:
    told: list[str] = []
    taken = _waiting_for(lock, 60, held_seconds, told)
    assert held_seconds <= taken <= held_seconds + 1.0
    assert told == [f"waiting for the lock {lock}, held by another process"]


def test_the_wait_ends_after_its_seconds_or_with_the_jobs_time(lock: Path) -> None:
    fd = claim(lock, "a lock", needs_lock=True)
    try:

        async def wait(ends_at: float) -> float:
            with pytest.raises(WorkLeft):
                await _take(_locking(lock, 600), [], ends_at)
            return asyncio.get_running_loop().time()

        assert run_virtual(wait(_NEVER)) == pytest.approx(600)
        assert run_virtual(wait(60.0)) == pytest.approx(60)
    finally:
        os.close(fd)


def test_a_file_that_holds_something_else_is_left_as_it_is(lock: Path) -> None:
    lock.write_text("data")
    with pytest.raises(UsageError, match="not a lock of kvsctl"):
        run_virtual(_take(_locking(lock), []))
    assert lock.read_text() == "data"


def test_what_a_killed_run_left_is_replaced(lock: Path) -> None:
    lock.write_text("kvsctl lock: process 1 on there (kvsctl set), since long ago\n")
    run_virtual(_take(_locking(lock), []))
    assert lock.read_text() == ""


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing folder"])
def test_what_cannot_be_a_lock_is_refused(lock: Path, kind: str) -> None:
    if kind == "folder":
        lock.mkdir()
    elif kind == "pipe":
        os.mkfifo(lock)
    path = lock / "below" if kind == "missing folder" else lock
    with pytest.raises(UsageError, match=str(path)):
        run_virtual(_take(_locking(path), []))


def test_a_link_of_another_user_is_not_followed(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock.symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr("kvsctl.files.claims.is_trusted", lambda *_: False)
    with pytest.raises(UsageError, match="a symbolic link of another user"):
        run_virtual(_take(_locking(lock), []))
    assert not (tmp_path / "elsewhere").exists()
