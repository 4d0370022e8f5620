"""Ctrl-C and SIGTERM, from the first request of a run until its report is written."""

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
    """What signals stop: see `bulk.run.Run`."""

    def stop(self) -> None:
        """Finish the requests in flight and send no more."""
        ...

    def abort(self) -> None:
        """Stop at once."""
        ...


class Signals:
    """While a run works, the first signal stops it and the second aborts it.

    After the run, files and report are completed, which is what a first signal asks for: it is
    ignored. As completing may wait for a reader or a disk, a second signal then ends the process
    with its exit code.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._received: list[ExitStatus] = []
        self._is_over = False
        self._passed = 0
        self.interrupted: ExitStatus | None = None
        """The exit code of the first signal that arrived while a run worked."""

    def __enter__(self) -> Self:
        # Read here, not where they are replaced: inside an event loop, Ctrl-C has the loop's.
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
        """Stop `run` on signals inside the block; complete files and report after it."""
        loop = asyncio.get_running_loop()
        self._is_over, self._passed = False, 0

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
