"""Ctrl-C, SIGTERM and SIGHUP, from the first request of a run until its report is written."""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType, TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from kvsctl.errors import ExitStatus, Interrupted, KvsctlError
from kvsctl.texts import counted

_T = TypeVar("_T")

_STATUSES: Final = {
    signal.SIGINT: ExitStatus.INTERRUPTED,
    signal.SIGTERM: ExitStatus.TERMINATED,
}
if hasattr(signal, "SIGHUP"):  # not on Windows
    _STATUSES[signal.SIGHUP] = ExitStatus.TERMINATED
_MANY_SIGNALS: Final = 4096
_STUCK_SECONDS: Final = 2.0
"""A loop that has not handled a signal for this long is busy with a step that may never end."""


class Stoppable(Protocol):
    """What signals stop: see `bulk.run.Run`."""

    @property
    def in_flight(self) -> int | None:
        """How many requests are in flight; None: a stop takes effect at once, and says so."""
        ...

    def stop(self) -> None:
        """Finish the requests in flight and send no more."""
        ...

    def abort(self) -> None:
        """Stop at once."""
        ...


class Steered(Protocol):
    """What the outputs of a job stop and wake, and progress observes: see `bulk.run.Run`."""

    @property
    def in_flight(self) -> int | None:
        """See Stoppable."""
        ...

    @property
    def is_cut_short(self) -> bool:
        """Whether the run ended before its input ended or failed."""
        ...

    @property
    def is_torn(self) -> bool:
        """Whether a listener has crashed on an event that others have received, or will not."""
        ...

    def stop(self, error: KvsctlError | None = None) -> None:
        """Finish the requests in flight and send no more."""
        ...

    def wake(self) -> None:
        """Make the run check the pressure again."""
        ...


class Signals:
    """While a run works, the first signal stops it and the second aborts it.

    The first is answered at once, through `note`, with what is still being finished. After the run,
    files and report are completed. A first signal that arrives then is ignored, because it asks for
    just that. A second one ends the process with its exit code, because completing may wait for a
    reader or a disk.

    A run that is busy with one step, such as an expression of `--where` without end, cannot stop:
    a signal that arrives when an earlier one has waited for two seconds ends the process, too.

    A signal that was ignored when the process began, as under `nohup`, stays ignored.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting_since: float | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._received: list[ExitStatus] = []
        self._is_over = False
        self._passed = 0
        self.interrupted: ExitStatus | None = None
        """The exit code of the first signal that arrived while a run worked."""

    def __enter__(self) -> Self:
        # Read here, not where they are replaced: inside an event loop, Ctrl-C has the loop's.
        before = {number: signal.getsignal(number) for number in _STATUSES}
        self._before = {
            number: handler
            for number, handler in before.items()
            if handler not in (signal.SIG_IGN, None)
        }
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
    def stopping(
        self, run: Stoppable, note: Callable[[str], None], noun: str = "request"
    ) -> Iterator[None]:
        """Stop `run` on signals inside the block; complete files and report after it.

        `noun`: what is in flight.
        """
        loop = asyncio.get_running_loop()
        self._is_over, self._passed = False, 0
        self._waiting_since = None

        def receive(number: signal.Signals) -> None:
            self._waiting_since = None
            if self._is_over:  # it arrived during the last step of the run
                self._passed += 1
                return
            status = _STATUSES[number]
            self.interrupted = self.interrupted or status
            self._received.append(status)
            if len(self._received) == 1:
                if (in_flight := run.in_flight) is not None:
                    note(_notice(in_flight, number, noun))
                run.stop()
            else:
                run.abort()

        def handle(number: int, _frame: FrameType | None) -> None:
            received = signal.Signals(number)
            if not self._is_over:
                if self._has_waited():
                    raise SystemExit(_STATUSES[received])
                loop.call_soon_threadsafe(receive, received)
                return
            self._passed += 1
            if self._passed > 1:
                raise SystemExit(_STATUSES[received])

        for number in self._before:
            # Not loop.add_signal_handler, which Windows lacks.
            signal.signal(number, handle)
        with _woken(loop):
            try:
                yield
            finally:
                self._is_over = True

    def _has_waited(self) -> bool:
        """Return whether an earlier signal still waits for a run that is stuck."""
        now = self._clock()
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since >= _STUCK_SECONDS


async def interruptible(work: Coroutine[Any, Any, _T], refusal: str) -> _T:
    """Return the result of `work`. Raise Interrupted if a signal arrives that nothing else handles.

    `work` is then cancelled. `refusal` names what was not done.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    received: list[signal.Signals] = []

    def receive(number: signal.Signals) -> None:
        received.append(number)
        task.cancel()

    try:
        with (
            _handled(lambda number: loop.call_soon_threadsafe(receive, number)) as is_handled,
            _woken(loop) if is_handled else nullcontext(),
        ):
            return await task
    except asyncio.CancelledError:
        if not received:
            raise
        raise _interrupted(received[0], refusal) from None


@contextmanager
def interrupting(refusal: str) -> Iterator[None]:
    """Raise Interrupted inside the block if a signal arrives that nothing else handles.

    For a block that waits for the terminal and does nothing else. `refusal` names what was not
    done.
    """

    def receive(number: signal.Signals) -> None:
        raise _interrupted(number, refusal)

    with _handled(receive):
        yield


@contextmanager
def continuing(show: Callable[[], None]) -> Iterator[None]:
    """Call `show` inside the block whenever the process, having been stopped (Ctrl-Z), continues.

    Only the main thread can handle signals, and Windows has no such signals.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_main and hasattr(signal, "SIGCONT")):
        yield
        return
    before = signal.signal(signal.SIGCONT, lambda _number, _frame: show())
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, before)


@contextmanager
def _handled(receive: Callable[[signal.Signals], object]) -> Iterator[bool]:
    """Call `receive` inside the block for each signal that would end the process.

    Yield whether there are any. Only the main thread can handle signals.
    """
    is_main = threading.current_thread() is threading.main_thread()
    numbers = [one for one in _STATUSES if is_main and signal.getsignal(one) is signal.SIG_DFL]
    for one in numbers:
        signal.signal(one, lambda number, _frame: receive(signal.Signals(number)))
    try:
        yield bool(numbers)
    finally:
        for one in numbers:
            signal.signal(one, signal.SIG_DFL)


def _interrupted(number: signal.Signals, refusal: str) -> Interrupted:
    return Interrupted(f"interrupted by {number.name}: {refusal}", _STATUSES[number])


@contextmanager
def _woken(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Have signals wake the loop, so that their handlers run at once.

    Python runs a handler between two of its instructions. A signal that arrives after the last
    instruction before the loop waits for its sockets would be handled when the wait ends, which may
    be never.
    """
    far, near = socket.socketpair()
    with far, near:
        far.setblocking(False)
        near.setblocking(False)
        before = signal.set_wakeup_fd(far.fileno(), warn_on_full_buffer=False)
        if before != -1:  # uvloop and the loop of Windows do the same
            signal.set_wakeup_fd(before)
            yield
            return
        loop.add_reader(near, near.recv, _MANY_SIGNALS)
        try:
            yield
        finally:
            loop.remove_reader(near)
            signal.set_wakeup_fd(-1)


def _notice(in_flight: int, number: signal.Signals, noun: str) -> str:
    if not in_flight:
        return f"stopping: no {noun} is in flight"
    again = "Ctrl-C again" if number is signal.SIGINT else "signal again"
    return f"stopping: finishing {counted(in_flight, noun)} ({again} to abort)"
