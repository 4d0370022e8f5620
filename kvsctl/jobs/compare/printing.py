"""Print differences to a file or to stdout."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from kvsctl.bulk.run import Run
from kvsctl.comparison.joining import Change, Difference
from kvsctl.errors import ExitStatus, StreamError, UsageError
from kvsctl.files.compressed import open_compressed
from kvsctl.files.sinks import ByteSink, DescriptorWriter, status_of
from kvsctl.outputs.differences import (
    DifferenceFormat,
    json_line_of,
    key_line_of,
    record_line_of,
)
from kvsctl.report.console import Environment
from kvsctl.report.store.differences import on_stdout, shown

_MOST_PENDING_BYTES: Final = 8_000_000


class DifferenceForm(Enum):
    """How differences are printed."""

    TEXT = "text"
    JSONL = "jsonl"
    KEYS = "keys"
    RECORDS = "records"


_FORMATS: Final[dict[DifferenceForm, DifferenceFormat]] = {
    DifferenceForm.JSONL: json_line_of,
    DifferenceForm.KEYS: key_line_of,
    DifferenceForm.RECORDS: record_line_of,
}


class DifferencePrinting(msgspec.Struct, frozen=True):
    """Which differences are printed, how and where.

    `only`: the changes that are printed. `form` None: text on a terminal, else JSON Lines. `path`
    None: stdout. `installation`: the installation that JSON Lines name, if there are several.
    """

    only: frozenset[Change] = frozenset(Change)
    form: DifferenceForm | None = None
    path: Path | None = None
    installation: str | None = None


class Printer:
    """Prints the differences that are wanted. Raise UsageError if the output cannot be opened."""

    def __init__(self, printing: DifferencePrinting, environment: Environment) -> None:
        self._printing = printing
        self._format = _format(printing, environment)
        self._has_moved = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._run: Run | None = None
        self._is_stopped = False
        self._sink = _opened(printing, environment, self._note_moved)

    def take(self, difference: Difference) -> None:
        """Print a difference, if its change is wanted."""
        if difference.change in self._printing.only:
            self._sink.write(self._format(difference))

    @property
    def is_unread(self) -> bool:
        """Whether the reader of the output has closed the pipe."""
        broken = self._sink.broken
        return broken is not None and status_of(broken) is ExitStatus.PIPE_CLOSED

    async def written(self) -> None:
        """Wait until little is left to write, or until `stop`.

        Raise StreamError if writing has failed.
        """
        await asyncio.sleep(0)
        while self._must_wait():
            self._has_moved.clear()
            if self._must_wait():  # the thread may just have written
                await self._has_moved.wait()
        if self._sink.broken is not None:
            raise self._failed(self._sink.broken)

    def stop(self) -> None:
        """End all waits for output that is left to write."""
        self._is_stopped = True
        self._wake()

    def _must_wait(self) -> bool:
        is_full = self._sink.pending_bytes > _MOST_PENDING_BYTES
        return is_full and self._sink.broken is None and not self._is_stopped

    def is_written(self, run: Run) -> bool:
        """Return whether more may be printed; wake `run` when that changes.

        Stop the run if writing has failed.
        """
        self._run = run
        if self._sink.broken is not None:
            run.stop()
            return False
        return self._sink.pending_bytes <= _MOST_PENDING_BYTES

    def close(self, *, is_whole: bool) -> StreamError | None:
        """Complete the output, or leave it as a part. Return the error if that failed."""
        if is_whole:
            self._sink.complete()
        else:
            self._sink.abandon()
        return None if self._sink.broken is None else self._failed(self._sink.broken)

    def _note_moved(self) -> None:
        """Note from any thread that output was written or has failed."""
        with suppress(RuntimeError):  # the loop may be closed before the last write
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._has_moved.set()
        if self._run is not None:
            self._run.wake()

    def _failed(self, broken: OSError) -> StreamError:
        return StreamError(f"cannot write to {self._printing.path or 'stdout'}: {broken.strerror}")


def _opened(
    printing: DifferencePrinting, environment: Environment, moved: Callable[[], None]
) -> ByteSink:
    if printing.path is not None:
        return open_compressed(printing.path, moved)
    if environment.stdout_sink is not None:
        return environment.stdout_sink(moved)
    if environment.stdout_fd is None:
        raise UsageError("cannot print differences: stdout is closed", "Use --output FILE.")
    return DescriptorWriter(environment.stdout_fd, moved)


def _format(printing: DifferencePrinting, environment: Environment) -> DifferenceFormat:
    form = printing.form
    if form is None:
        is_alone = printing.path is None and printing.installation is None
        is_for_people = is_alone and environment.stdout_is_terminal
        form = DifferenceForm.TEXT if is_for_people else DifferenceForm.JSONL
    if form is DifferenceForm.TEXT:
        return partial(_text, on_stdout(environment))
    if form is DifferenceForm.JSONL and printing.installation is not None:
        return partial(json_line_of, installation=printing.installation)
    return _FORMATS[form]


def _text(environment: Environment, difference: Difference) -> bytes:
    return shown(difference, environment).encode("utf-8", "backslashreplace")
