"""Explain an exception that no code handled: a shortage, a wrong name, damage, or a defect.

When memory is short, any code can fail in any way: half-imported modules lack attributes, and C
modules raise SystemError. So the type of the exception means little, and the state of the process
decides. It is read from `/proc`. On systems without it, only the exception is known.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from kvsctl.errors import Defect, KvsctlError, StreamError, UsageError, not_permitted

_NEAR_BYTES: Final = 16 << 20
"""More than any single allocation at start-up: the stack of a thread (8 MiB), a library (5 MiB)."""
_SHORTAGES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_LIMITS_HINT: Final = "Raise the limits of the process (ulimit -a), or stop other programs."
_DAMAGE_HINT: Final = "Reinstall kvsctl, or delete the __pycache__ folders of its environment."
_AT_WORK: Final = "a job was at work"
_LIMITED: Final = {b"Max address space": b"VmPeak:", b"Max data size": b"VmData:"}
"""Lines of `/proc/self/limits`, and the line of `/proc/self/status` that each limit bounds."""
_UNIT_BYTES: Final = 1024
_RESERVE_BYTES: Final = 2 << 20

_reserve: Final = [bytes(_RESERVE_BYTES)]
"""Address space that is freed when a command ends in an error, so that the error can be shown.

It is never written to: a bytes object of zeros costs no time, while filling a bytearray takes 1 ms.
"""


def explained(error: Exception) -> KvsctlError:
    """Return the error to show for an exception that ended the command.

    A KvsctlError is returned as it is. For any other exception, the reserved memory is freed.
    """
    if isinstance(error, KvsctlError):
        return error
    _reserve.clear()
    if is_shortage(error):
        # Any other exception may hold a key or a value.
        reason = str(error) if isinstance(error, OSError) or _is_refused(error) else ""
        return StreamError(
            f"out of memory, threads or open files: {reason}".rstrip(": "), _LIMITS_HINT
        )
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        # Files are opened before anything is sent, so nothing was sent.
        return UsageError(f"{error.filename}: the name is too long", "Give a shorter name.")
    if damage := _damage(error):
        if _has_begun(error):
            return StreamError(f"cannot continue: {damage}", _DAMAGE_HINT)
        return UsageError(f"cannot start: {damage}", _DAMAGE_HINT)
    if isinstance(error, PermissionError) and error.filename is not None:
        return not_permitted(error, StreamError if _has_begun(error) else UsageError)
    return Defect(f"kvsctl has a defect: {type(error).__name__}")


@contextmanager
def job_at_work() -> Iterator[None]:
    """Mark exceptions that leave the block: something may have been sent before them."""
    try:
        yield
    except Exception as error:
        with suppress(MemoryError):
            error.add_note(_AT_WORK)
        raise


def is_shortage(error: BaseException) -> bool:
    """Return whether the process lacked memory, threads or open files, which is not a defect."""
    if isinstance(error, OSError) and error.errno == errno.EAGAIN:
        return True
    return any(_is_refused(one) for one in _chain(error)) or is_memory_scarce()


def is_memory_scarce() -> bool:
    """Return whether the process is, or has been, next to a limit on its memory."""
    spare_bytes = spare_memory_bytes()
    return spare_bytes is not None and spare_bytes < _NEAR_BYTES


def _damage(error: BaseException) -> str | None:
    """Return what could not be imported and why; None if the exception is about something else.

    Importing byte code that was not written to its end raises EOFError, ValueError or TypeError.
    """
    frames = _frames(error)
    if frames and frames[-1].f_code.co_filename.startswith("<frozen importlib"):
        path = frames[-1].f_locals.get("bytecode_path")
        return f"{path}: {error}" if path else str(error)
    if isinstance(error, SyntaxError):
        return f"{error.filename}: {error.msg}"
    return str(error) if isinstance(error, ImportError) else None


def _has_begun(error: BaseException) -> bool:
    """Return whether a job was at work, so that something may have been sent."""
    return _AT_WORK in getattr(error, "__notes__", ())


def _frames(error: BaseException) -> list[FrameType]:
    frames: list[FrameType] = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    return frames


def spare_memory_bytes() -> int | None:
    """Return how many bytes the peak size of the process is below its limits on memory.

    Return None if it has no limit, or if that is not known (not Linux).
    """
    try:
        return _spare_bytes(_read("/proc/self/limits"), _read("/proc/self/status"))
    except OSError as error:
        return 0 if error.errno in _SHORTAGES else None
    except MemoryError:
        return 0


def _spare_bytes(limits: bytes, status: bytes) -> int | None:
    used: dict[bytes, int] = {}
    for line in status.splitlines():
        if line.startswith(b"Vm"):
            name, kibibytes, _ = line.split()
            used[name] = int(kibibytes) * _UNIT_BYTES
    spare: list[int] = []
    for line in limits.splitlines():
        for limited, name in _LIMITED.items():
            if line.startswith(limited):
                soft = line[len(limited) :].split()[0]
                if soft != b"unlimited" and name in used:
                    spare.append(int(soft) - used[name])
    return min(spare, default=None)


def _is_refused(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _SHORTAGES
    is_thread = isinstance(error, RuntimeError) and str(error) == "can't start new thread"
    return isinstance(error, MemoryError) or is_thread


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception, its causes and contexts, and the members of groups."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, 1 << 14)
    finally:
        os.close(fd)
