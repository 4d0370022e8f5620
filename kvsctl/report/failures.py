"""The failures file: what failed, ready to be fed back."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from kvsctl.bulk.events import Event, Settled
from kvsctl.errors import StreamError
from kvsctl.model import Identity, Outcome, Problem, State, Verb
from kvsctl.report.failureline import failure_line
from kvsctl.report.ordered import Reorder
from kvsctl.report.rawfd import is_regular, open_private, sync, sync_folder, write_all


class _Failed(NamedTuple):
    """A failure: its line, whose it is, and whether it was a record that passed its checks."""

    line: bytes
    identity: Identity | None
    passed_checks: bool


_End: TypeAlias = _Failed | Identity
"""A failure, or the identity of a record that passed its checks and did not fail."""


class FailuresFile:
    """A listener that writes failed input as JSON lines, in input order, to a file of mode 600.

    A line is appended once every earlier position is settled, so whatever stops the run, what
    stands in the file is complete up to its last line. `close()` takes out the lines that a later
    record of the same identity has replaced, if that record passed its checks: feeding the file
    back never undoes newer data. Reading replaces nothing, so for get all lines stay.

    Memory is bounded by what waits for an earlier position, plus one number a failure.

    Raises UsageError if the file cannot be opened, StreamError if writing fails later.
    """

    def __init__(self, path: Path, verb: Verb) -> None:
        self._path = Path(os.path.realpath(path))
        self._fd: int | None = open_private(self._path)
        self._replaces = verb is not Verb.GET
        self._reorder: Reorder[_End] = Reorder(_held_bytes)
        self._lines = 0
        self._standing: dict[Identity, list[int]] = {}
        self._replaced: set[int] = set()

    def __call__(self, event: Event) -> None:
        """Takes outcomes in, and appends what no longer waits for an earlier one."""
        if not isinstance(event, Settled):
            return
        add = self._reorder.add
        for outcome in event.outcomes:
            if released := add(outcome.position, self._end(outcome)):
                self._append(released)

    @property
    def held_bytes(self) -> int:
        """How many bytes wait for an earlier position to settle."""
        return self._reorder.held_bytes

    def close(self) -> None:
        """Completes the file: every failure is in it, replaced ones are out, it is on disk."""
        if self._fd is None:
            return
        fd = self._fd
        try:
            self._append(self._reorder.drain())
            sync(fd)
            if self._replaced and is_regular(fd):
                self._rewrite()
        except OSError as error:
            raise self._broken(error) from error
        finally:
            self._fd = None
            os.close(fd)

    def _end(self, outcome: Outcome) -> _End | None:
        subject = outcome.subject
        passed_checks = not isinstance(subject, Problem)
        if outcome.state is State.FAILED and outcome.failure is not None:
            line = failure_line(subject, outcome.failure)
            return _Failed(line, subject.identity, passed_checks)
        return subject.identity if self._replaces and passed_checks else None

    def _append(self, ends: Iterable[_End]) -> None:
        lines = []
        for end in ends:
            if isinstance(end, Identity):
                self._replace(end)
                continue
            if self._replaces and end.identity is not None:
                if end.passed_checks:
                    self._replace(end.identity)
                self._standing.setdefault(end.identity, []).append(self._lines)
            self._lines += 1
            lines.append(end.line)
        if lines and self._fd is not None:
            try:
                write_all(self._fd, b"".join(lines))
            except OSError as error:
                raise self._broken(error) from error

    def _replace(self, identity: Identity) -> None:
        if self._standing:
            self._replaced.update(self._standing.pop(identity, ()))

    def _rewrite(self) -> None:
        """Puts a file without the replaced lines in this one's place, at once or not at all."""
        folder = self._path.parent
        fd, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=folder)
        try:
            with os.fdopen(fd, "wb") as kept, self._path.open("rb") as lines:
                kept.writelines(
                    line for number, line in enumerate(lines) if number not in self._replaced
                )
                kept.flush()
                os.fsync(kept.fileno())
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(folder)

    def _broken(self, error: OSError) -> StreamError:
        return StreamError(f"cannot write the failures file {self._path}: {error.strerror}")


def _held_bytes(end: _End) -> int:
    return len(end.key) if isinstance(end, Identity) else len(end.line)
