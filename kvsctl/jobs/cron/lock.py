"""Keep a second run out while one works (`--lock`).

The lock is an advisory one of the system (flock on Unix), so it ends with its process, however that
ends. The file stays, because removing it would let two runs lock two files of one name. Its content
is for people: it names the holder.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kvsctl.errors import UsageError, WorkLeft
from kvsctl.files.claims import InUse, claim, resolved
from kvsctl.files.mounts import network_file_system
from kvsctl.files.raw import write_all
from kvsctl.jobs.job import Job
from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.texts import utc_text

_WHAT: Final = "the lock"
_BEGINNING: Final = b"kvsctl lock: "
_MOST_BYTES: Final = 400
_FIRST_POLL_SECONDS: Final = 0.05
_MOST_POLL_SECONDS: Final = 1.0


def locked(job: Job, ends_at: float, environment: Environment) -> AbstractAsyncContextManager[None]:
    """Hold the job's lock inside the block, if it has one.

    If another run holds it, wait at most as long as the job allows and until `ends_at` by the
    loop's clock; `environment` shows a note of the wait. Raise WorkLeft if it is still held then,
    UsageError if the file cannot be a lock.
    """
    path = job.schedule.lock_path
    return nullcontext() if path is None else _holding(path, job, ends_at, environment)


@asynccontextmanager
async def _holding(
    path: Path, job: Job, ends_at: float, environment: Environment
) -> AsyncIterator[None]:
    """Hold a lock inside the block: see `locked`."""
    is_quiet = job.reporting.quiet

    def note(text: str) -> None:
        if not is_quiet:
            environment.note(text)

    fd = await _claim_within(path, job.schedule.lock_wait_seconds, ends_at, note)
    try:
        _require_lock(path, fd)
        if not is_quiet and (kind := network_file_system(path)) is not None:
            environment.warn(
                f"the lock is on a network file system ({kind}): a run on another machine "
                "may not be kept out"
            )
        _note_holder(path, fd, job.command)
        yield
    finally:
        with suppress(OSError):
            if _is_lock(fd):
                os.ftruncate(fd, 0)
        os.close(fd)


async def _claim_within(
    path: Path, wait_seconds: float, ends_at: float, note: Callable[[str], None]
) -> int:
    loop = asyncio.get_running_loop()
    until = min(loop.time() + wait_seconds, ends_at)
    poll_seconds = 0.0
    while True:
        try:
            return claim(resolved(path), _WHAT, needs_lock=True)
        except InUse:
            left_seconds = until - loop.time()
            if left_seconds <= 0:
                raise _held(path) from None
        except OSError as error:
            raise UsageError(f"cannot open the lock {path}: {error.strerror}") from error
        if not poll_seconds:
            note(f"waiting for the lock {visible(str(path))}, held by {visible(_holder(path))}")
        poll_seconds = min(2 * poll_seconds or _FIRST_POLL_SECONDS, _MOST_POLL_SECONDS)
        await asyncio.sleep(min(poll_seconds, left_seconds))


def _held(path: Path) -> WorkLeft:
    return WorkLeft(
        f"the lock {path} is held by {_holder(path)}; nothing was sent",
        "Run the same command again when it has ended, or let it wait with --lock-wait D.",
    )


def _holder(path: Path) -> str:
    """Return who holds the lock, according to its file."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES)
    except OSError:
        text = b""
    if not text.startswith(_BEGINNING):
        return "another process"
    return text.removeprefix(_BEGINNING).decode("utf-8", "replace").strip()


def _is_lock(fd: int) -> bool:
    os.lseek(fd, 0, os.SEEK_SET)
    found = os.read(fd, len(_BEGINNING))
    return not found or found == _BEGINNING


def _require_lock(path: Path, fd: int) -> None:
    """Raise UsageError for a file with other content, which the lock would replace."""
    if not _is_lock(fd):
        raise UsageError(
            f"--lock {path}: not empty, and not a lock of kvsctl", "Give another file name."
        )


def _note_holder(path: Path, fd: int, command: str) -> None:
    now = utc_text(datetime.now(UTC), timespec="seconds")
    holder = f"process {os.getpid()} on {socket.gethostname()} (kvsctl {command}), since {now}\n"
    try:
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        write_all(fd, _BEGINNING + holder.encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"cannot write to the lock {path}: {error.strerror}") from error
