"""Ctrl-C and SIGTERM, from the first request of a run until its report is out."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final, Protocol, Self

from kvsctl.errors import ExitStatus

_STATUSES: Final = {
    signal.SIGINT: ExitStatus.INTERRUPTED,
    signal.SIGTERM: ExitStatus.TERMINATED,
}


class Stoppable(Protocol):
    """What signals end: see `bulk.run.Run`."""

    def stop(self) -> None:
        """Finishes what is on its way."""
        ...

    def abort(self) -> None:
        """Stops at once."""
        ...


class Signals:
    """While a run works the first signal stops it, the second aborts it.

    Once it is over, files and report are being completed, which is what a first signal asks for:
    it is let pass. Completing may wait, for a reader or a disk, so one more then ends the process
    with its code.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._received: list[ExitStatus] = []
        self._is_over = False
        self._passed = 0
        self.interrupted: ExitStatus | None = None
        """The exit code of the first signal that came while the run worked."""

    def __enter__(self) -> Self:
        # Here, not where they are set: inside a loop, Ctrl-C has a handler of the loop's.
        self._before = {number: signal.getsignal(number) for number in _STATUSES}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def stopping(self, run: Stoppable) -> Iterator[None]:
        """Signals are the run's from here on; after the block, those of what follows it."""
        loop = asyncio.get_running_loop()

        def receive(status: ExitStatus) -> None:
            self.interrupted = self.interrupted or status
            self._received.append(status)
            if len(self._received) == 1:
                run.stop()
            else:
                run.abort()

        def handle(number: int, _frame: FrameType | None) -> None:
            status = _STATUSES[signal.Signals(number)]
            if not self._is_over:
                loop.call_soon_threadsafe(receive, status)
                return
            self._passed += 1
            if self._passed > 1:
                raise SystemExit(status)

        for number in _STATUSES:
            # Not loop.add_signal_handler, which Windows lacks.
            signal.signal(number, handle)
        try:
            yield
        finally:
            self._is_over = True
