"""Apply the permissions of files to root, as to other users."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.support.needs import IS_LINUX, IS_POSIX, IS_ROOT, only_on

HAS_PERMISSIONS: Final = only_on(IS_POSIX and (IS_LINUX or not IS_ROOT), "root may use every file")
_VERSION: Final = 0x20080522
"""The version of the structures of capget(2), with two words for each set of capabilities."""
_OVERRIDING: Final = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: a process with them may use every file."""


@contextmanager
def permissions_applied() -> Iterator[None]:
    """Let permissions apply to root inside the block, in this thread and those that it starts."""
    if not IS_ROOT:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    _require_success(libc.capget(header, sets))
    before, sets[0] = sets[0], sets[0] & ~_OVERRIDING  # the first set holds what has an effect
    _require_success(libc.capset(header, sets))
    try:
        yield
    finally:
        sets[0] = before
        _require_success(libc.capset(header, sets))


def _require_success(status: int) -> None:
    if status != 0:
        raise OSError(ctypes.get_errno(), "capabilities cannot be read or changed")
