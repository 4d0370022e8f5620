"""The terminal, which kvsctl shares with the token commands that it runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

_lock = threading.Lock()
_erasures: list[Callable[[], None]] = []
_lenders: list[Callable[[], AbstractContextManager[None]]] = []
_lent = 0


def is_lent() -> bool:
    """Return whether a command may be writing to the terminal: nothing may be drawn on it."""
    return _lent > 0


@contextmanager
def undrawn() -> Iterator[None]:
    """Have this process draw nothing on the terminal inside the block. It is erased first."""
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
    """Leave the terminal to a command inside the block. What is drawn there is erased first."""
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

    Thus a process that does not draw has the one that does lend the terminal.
    """
    with _lock:
        _lenders.append(lend)
    try:
        yield
    finally:
        with _lock:
            _lenders.remove(lend)
