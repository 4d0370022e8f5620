"""Carry out a unit, in the process that received it. Print nothing."""

import os
import signal
import threading
from contextlib import nullcontext
from multiprocessing.connection import Connection
from typing import Final, Self

import msgspec

from kvsctl import __version__
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.jobs.event_loop import on_a_loop
from kvsctl.jobs.fan_out.orders import StopOrders, send_stop
from kvsctl.jobs.fan_out.relay import RelayedDisplay
from kvsctl.jobs.fan_out.unit import Unit, UnitEnd
from kvsctl.jobs.job import JobEnd, KeptEnd
from kvsctl.jobs.runner import NoInterrupts
from kvsctl.jobs.signals import Signals
from kvsctl.report.console import Environment
from kvsctl.service.auth.terminal_use import lent_by
from kvsctl.unexpected import explained

ABORT: Final = b"abort"
_GRACE_SECONDS: Final = 5.0
"""How long an aborted unit may take to report, before its process ends."""
_STOP_SECONDS: Final = 60.0
"""How long a unit may take to finish requests in flight after its parent has died."""

_idle: Final = threading.Event()
_idle.set()


class _Quiet(Environment, frozen=True):
    """An environment without streams, which keeps errors and warnings."""

    errors: list[tuple[str, str | None]] = msgspec.field(default_factory=list)
    warnings: list[str] = msgspec.field(default_factory=list)

    @classmethod
    def new(cls, unit: Unit) -> Self:
        """Return the environment of a unit."""
        display = None if unit.relay is None else RelayedDisplay(unit.relay, unit.name)
        return cls(
            stdout_fd=None,
            stderr_fd=None,
            stdout_is_terminal=False,
            stderr_is_terminal=False,
            stderr_has_colour=False,
            can_redraw=False,
            width=80,
            stdin_is_open=False,
            display=display,
        )

    def warn(self, text: str) -> None:
        """See Environment."""
        self.warnings.append(text)

    def fail(self, message: str, hint: str | None, status: ExitStatus | None = None) -> None:
        """See Environment."""
        del status
        self.errors.append((message, hint))


def version() -> str:
    """Return the version of kvsctl in this process."""
    return __version__


def carry_out(unit: Unit) -> UnitEnd:
    """Carry out a unit, and return how it ended. Raise nothing."""
    environment, kept = _Quiet.new(unit), KeptEnd(wants_report=True)
    _idle.clear()
    try:
        job = unit.job_of(unit.options).watched_by(kept)
        is_main = threading.current_thread() is threading.main_thread()
        display = environment.display
        lending = lent_by(display.lending) if isinstance(display, RelayedDisplay) else nullcontext()
        with lending, Signals() if is_main else nullcontext(NoInterrupts()) as signals:
            orders = StopOrders(unit.fan_out, signals)
            work = unit.work(job, environment, orders)
            status = on_a_loop(work, has_network=job.has_network)
    except Exception as error:
        end = error if isinstance(error, KvsctlError) else explained(error)
        environment.fail(end.message, end.hint)
        status = end.status
    finally:
        _idle.set()
    end_of_job = kept.end or JobEnd(None, 0.0, None)
    return UnitEnd(
        unit.name,
        status,
        end_of_job.report,
        environment.errors,
        environment.warnings,
        end_of_job.installations,
    )


def prepare(fan_out: str, orders: Connection) -> None:
    """Prepare a process that does nothing but units of one fan-out.

    Ctrl-C reaches every process of a terminal; only the parent acts on it. If the
    parent dies, the unit finishes what is in flight, and then the process ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):  # the process began with it blocked
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    thread = threading.Thread(target=_obey, args=(fan_out, orders), daemon=True)
    thread.start()


def _obey(fan_out: str, orders: Connection) -> None:
    """Follow the orders of the parent until it ends."""
    try:
        while True:
            order, status = orders.recv()
            send_stop(fan_out, status, is_abort=order == ABORT)
            if order == ABORT:
                _end_within(_GRACE_SECONDS, status)
    except (EOFError, OSError):
        send_stop(fan_out, ExitStatus.TERMINATED)
        _idle.wait(_STOP_SECONDS)
        os._exit(ExitStatus.TERMINATED)


def _end_within(seconds: float, status: int) -> None:
    """End the process if a unit works longer than this: it waits for something outside."""
    if not _idle.wait(seconds):
        os._exit(status)
