"""The worker processes of a command, found from outside."""

from pathlib import Path

from tests.support.waiting import wait_for

_WORKER = b"--multiprocessing-fork"


def workers_of(pid: int) -> list[int]:
    """Return the living workers of a process."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    except OSError:
        return []
    return [int(child) for child in children if is_worker(int(child))]


def is_worker(pid: int) -> bool:
    """Return whether a process lives and is a worker."""
    try:
        return _WORKER in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def wait_for_workers(pid: int, count: int) -> list[int]:
    """Wait until a process has so many workers, and return them."""
    return wait_for(lambda: found if len(found := workers_of(pid)) == count else None)
