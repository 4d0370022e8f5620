"""The ledger of a job on several installations: a line for each that has ended, synced to disk."""

import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Self

from kvsctl import __version__
from kvsctl.config.targets import Target
from kvsctl.errors import KvsctlError, StreamError, UsageError
from kvsctl.files.claims import claim, resolved
from kvsctl.files.raw import sync, write_all
from kvsctl.jobs.installations.job import InstallationsJob, Ledgering
from kvsctl.jobs.installations.ledger_lines import (
    COMPLETE,
    VERSION,
    Content,
    Header,
    Line,
    canaries_line,
    header_line,
    is_finished,
    line_of,
    read_content,
)
from kvsctl.jobs.installations.part import PartEnd
from kvsctl.jobs.job import BatchJob
from kvsctl.journal.fingerprint import Fingerprint, change, of_files, option_named

_WHAT: Final = "the ledger"
_OTHER_JOB: Final = "A ledger can be resumed only by the command that began it. Use another file."


class Ledger:
    """A ledger that is open and locked. Raise UsageError if it belongs to another job.

    Lines are written by a thread, and waiting lines share one sync. A line that a kill has cut
    short is removed, and its installation is worked on again.
    """

    def __init__(self, ledgering: Ledgering, job: InstallationsJob, template: BatchJob) -> None:
        self._path = ledgering.path
        self._retries_failed = ledgering.retries_failed
        self._own_files = ledgering.own_files
        self._read: dict[str, list[Fingerprint]] = {}
        now = _header(ledgering, job, template)
        try:
            self._fd = claim(resolved(self._path), _WHAT)
        except OSError as error:
            raise UsageError(f"cannot open the ledger {self._path}: {error.strerror}") from error
        try:
            starts_over = template.input.is_listing and not ledgering.retries_failed
            self._content = self._begun(now, starts_over=starts_over)
        except BaseException:
            os.close(self._fd)
            raise
        self._executor = ThreadPoolExecutor(1, "ledger")
        self._waiting: deque[bytes] = deque()
        self._writes: Future[None] | None = None
        self.error: KvsctlError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until all is written, and close the file."""
        self._executor.shutdown()
        os.close(self._fd)

    def taken_over(self, target: Target) -> Line | None:
        """Return the line of an installation that need not be worked on; None for others.

        Raise UsageError if the files that it alone reads are not those of that line.
        """
        name = str(target.installation)
        line = self._finished(name)
        if self._own_files is None:
            return line
        then = () if line is None else line.input
        read = self._read[name] = of_files(self._own_files(target), then)
        changed = change(then, read) if then else None
        if changed is not None:
            raise UsageError(
                f"the input of {name} has changed since it was finished: {changed}", _OTHER_JOB
            )
        return line

    @property
    def done_before(self) -> int:
        """How many records earlier runs have changed, in all installations that it notes."""
        noted = [line.totals for line in self._content.lines.values() if line.totals is not None]
        return sum(totals.counts.get("succeeded", 0) for totals in noted)

    @property
    def canaries(self) -> Mapping[str, int | None]:
        """The canaries of all runs: the exit code of each that is finished; None for the others."""
        lines = {name: self._finished(name) for name in self._content.canaries}
        return {name: None if line is None else line.exit_code for name, line in lines.items()}

    def note_canaries(self, installations: Sequence[str]) -> None:
        """Queue the line that names the installations to work on first."""
        if installations:
            self._append(canaries_line(installations))

    def note(self, end: PartEnd) -> None:
        """Queue the line that says how an installation ended."""
        line = line_of(end.line, end.job_end, self._read.get(end.line.installation, ()))
        if line is not None:
            self._append(line)

    def complete(self) -> KvsctlError | None:
        """Note that all installations have ended. Return the error if something was not written."""
        self._append(COMPLETE)
        return self.flushed()

    def flushed(self) -> KvsctlError | None:
        """Wait until all is written. Return the error if that failed."""
        if self._writes is not None:
            self._writes.result()
        return self.error

    def _finished(self, installation: str) -> Line | None:
        line = self._content.lines.get(installation)
        return line if is_finished(line, retries_failed=self._retries_failed) else None

    def _begun(self, now: Header, *, starts_over: bool) -> Content:
        try:
            with os.fdopen(os.dup(self._fd), "rb") as file:
                content = read_content(str(self._path), file)
            begins_anew = content.header is None or (content.is_complete and starts_over)
            if content.header is not None:
                _require_same(content.header, now, begins_anew=begins_anew)
            if begins_anew:
                content = Content(header=now)
                os.ftruncate(self._fd, 0)
                os.lseek(self._fd, 0, os.SEEK_SET)
                write_all(self._fd, header_line(now))
            else:
                os.ftruncate(self._fd, content.valid_bytes)
                os.lseek(self._fd, 0, os.SEEK_END)
            sync(self._fd)
        except OSError as error:
            raise UsageError(f"cannot write the ledger {self._path}: {error.strerror}") from error
        return content

    def _append(self, line: bytes) -> None:
        self._waiting.append(line)
        self._writes = self._executor.submit(self._write)

    def _write(self) -> None:
        """Write all waiting lines. The thread calls it."""
        lines: list[bytes] = []
        while self._waiting:
            lines.append(self._waiting.popleft())
        if not lines or self.error is not None:
            return
        try:
            write_all(self._fd, b"".join(lines))
            sync(self._fd)
        except OSError as error:
            self.error = StreamError(f"cannot write the ledger {self._path}: {error.strerror}")


def _header(ledgering: Ledgering, job: InstallationsJob, template: BatchJob) -> Header:
    source = template.input.fingerprint() if ledgering.own_files is None else []
    target = job.choice.target.display
    return Header(VERSION, __version__, job.command, target, ledgering.identity, source)


def _require_same(then: Header, now: Header, *, begins_anew: bool) -> None:
    """Raise UsageError unless both are the same job.

    `begins_anew`: nothing of the earlier job is taken over. So the files of a nightly job, such as
    its rules, can have changed.
    """
    pairs: list[tuple[str, Any, Any]] = [
        ("the command", then.command, now.command),
        ("the target", then.target, now.target),
    ]
    pairs += [
        (option_named(name), then.form.get(name), now.form.get(name))
        for name in sorted({*then.form, *now.form})
    ]
    for name, one, other in pairs:
        if one != other:
            raise UsageError(
                f"{name} is {_shown(other)}, but was {_shown(one)} when the ledger was begun",
                _OTHER_JOB,
            )
    changed = None if begins_anew else change(then.input, now.input)
    if changed is not None:
        raise UsageError(f"the input has changed since the ledger was begun: {changed}", _OTHER_JOB)


def _shown(value: object) -> str:
    if value in (None, False):
        return "not given"
    return "given" if value is True else str(value)
