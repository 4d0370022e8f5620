"""Orders to the units of this process: to stop, or to abort.

Any thread may give them, before a unit begins as well as during it.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from kvsctl.errors import ExitStatus
from kvsctl.jobs.runner import Interrupts
from kvsctl.jobs.signals import Stoppable


class _Orders:
    """The orders for the units of one fan-out in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.status: ExitStatus | None = None
        self.is_abort = False
        self.runs: list[tuple[asyncio.AbstractEventLoop, Stoppable]] = []


_orders: Final[dict[str, _Orders]] = {}
_MOST_KEPT: Final = 100
_lock: Final = threading.Lock()


def _orders_of(fan_out: str) -> _Orders:
    with _lock:
        if fan_out not in _orders and len(_orders) >= _MOST_KEPT:  # of a long-lived worker
            del _orders[next(iter(_orders))]
        return _orders.setdefault(fan_out, _Orders())


def send_stop(fan_out: str, status: int, *, is_abort: bool = False) -> None:
    """Stop the units of a fan-out in this process, or abort them. `status`: their exit code.

    Units that begin later stop at once.
    """
    orders = _orders_of(fan_out)
    with orders.lock:
        orders.status = orders.status or ExitStatus(status)
        orders.is_abort = orders.is_abort or is_abort
        for loop, run in orders.runs:
            loop.call_soon_threadsafe(run.abort if orders.is_abort else run.stop)


class StopOrders:
    """The interrupts of a unit: signals, if it runs in the main thread, and orders."""

    def __init__(self, fan_out: str, signals: Interrupts) -> None:
        self._signals = signals
        self._orders = _orders_of(fan_out)

    @property
    def interrupted(self) -> ExitStatus | None:
        """See Interrupts."""
        return self._signals.interrupted or self._orders.status

    @interrupted.setter
    def interrupted(self, status: ExitStatus | None) -> None:
        self._signals.interrupted = status

    @contextmanager
    def stopping(
        self, run: Stoppable, note: Callable[[str], None], noun: str = "request"
    ) -> Iterator[None]:
        """See Interrupts."""
        orders, entry = self._orders, (asyncio.get_running_loop(), run)
        with self._signals.stopping(run, note, noun):
            with orders.lock:
                orders.runs.append(entry)
                if orders.status is not None:
                    (run.abort if orders.is_abort else run.stop)()
            try:
                yield
            finally:
                with orders.lock:
                    orders.runs.remove(entry)
