"""The terminal, which kvsctl shares with the token commands that it runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

_lock = threading.Lock()
_erasures: list[Callable[[], None]] = []
_lenders: list[Callable[[], AbstractContextManager[None]]] = []
_lent = 0


def is_lent() -> bool:
    """Return whether a command may be writing to the terminal. If so, draw nothing on it."""
    return _lent > 0


@contextmanager
def undrawn() -> Iterator[None]:
    """Keep this process from drawing on the terminal inside the block. Erase drawings first."""
    global _lent
    with _lock:
        _lent += 1
        erasures = list(_erasures)
    try:
        for erase in erasures:
            erase()
        yield
    finally:
        with _lock:
            _lent -= 1


@contextmanager
def lent() -> Iterator[None]:
    """Leave the terminal to a command inside the block. Erase drawings first."""
    with undrawn(), ExitStack() as lending:
        with _lock:
            lenders = list(_lenders)
        for lend in lenders:
            lending.enter_context(lend())
        yield


@contextmanager
def drawn_on(erase: Callable[[], None]) -> Iterator[None]:
    """Call `erase` inside the block, from any thread, whenever the terminal is lent."""
    with _lock:
        _erasures.append(erase)
    try:
        yield
    finally:
        with _lock:
            _erasures.remove(erase)


@contextmanager
def lent_by(lend: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Enter what `lend` returns inside the block, from any thread, whenever the terminal is lent.

    A process that does not draw uses this to make the process that does lend the terminal.
    """
    with _lock:
        _lenders.append(lend)
    try:
        yield
    finally:
        with _lock:
            _lenders.remove(lend)
