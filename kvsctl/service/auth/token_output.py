"""Read a token from a file or a command: at most as long as a token can be, and never for ever."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

MOST_BYTES: Final = 64 * 1024
"""No token is longer: it would not fit into the header of a request."""


class SaysTooMuchError(Exception):
    """There are more than `MOST_BYTES`."""


def file_bytes(path: Path) -> bytes:
    """A file's content, also a pipe's. Raises OSError, ValueError, SaysTooMuchError."""
    with path.open("rb") as opened:
        return _bounded(opened.read(MOST_BYTES + 1))


def command_bytes(words: Sequence[str], timeout_seconds: float) -> tuple[int, bytes]:
    """A command's exit code, and what it printed on stdout; one that does not end is killed.

    Raises OSError and ValueError where it cannot be run, SaysTooMuchError, and
    subprocess.TimeoutExpired, also if only what it started goes on.
    """
    ends = time.monotonic() + timeout_seconds
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    printed: list[bytes] = []
    # A thread, as a pipe that another process keeps open has no end, and Windows no select on it.
    reader = threading.Thread(target=_read, args=(process, printed), daemon=True)
    reader.start()
    try:
        reader.join(timeout_seconds)
        if not printed:
            raise subprocess.TimeoutExpired(words, timeout_seconds)
        text = _bounded(printed[0])
        return process.wait(max(0.0, ends - time.monotonic())), text
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _read(process: "subprocess.Popen[bytes]", printed: list[bytes]) -> None:
    assert process.stdout is not None  # noqa: S101
    with process.stdout as pipe:
        printed.append(pipe.read(MOST_BYTES + 1))


def _bounded(content: bytes) -> bytes:
    if len(content) > MOST_BYTES:
        raise SaysTooMuchError
    return content


_T = TypeVar("_T")


async def in_daemon_thread(work: Callable[[], _T]) -> _T:
    """Awaits `work()`, which runs in a thread of its own.

    Unlike with `asyncio.to_thread`, neither the loop nor the process waits for the thread when
    whoever awaits is cancelled: nothing ends a call that hangs. Raises what `work` raises.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def settle(settling: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else settling())

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            failure = error
            settle(lambda: done.set_exception(failure))
        else:
            settle(lambda: done.set_result(result))

    threading.Thread(target=run, name="kvsctl-blocking", daemon=True).start()
    return await done
