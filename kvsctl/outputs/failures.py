"""The failures file: failed input, ready to be read again."""

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from kvsctl import jsontext
from kvsctl.bulk.alike import Unsent
from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.outcomes.in_order import Reorder
from kvsctl.bulk.outcomes.unreplaced import NumberSet, Standing
from kvsctl.errors import StreamError, UsageError
from kvsctl.files.claims import interference, resolved
from kvsctl.files.descriptors import descriptor
from kvsctl.files.durable import sync_file, sync_folder
from kvsctl.files.raw import (
    is_regular,
    open_cut,
    open_private,
    sync,
    write_all,
)
from kvsctl.journal.state import FailuresMark, JournalState
from kvsctl.model import Identity, Lane, Outcome, Problem, Record, State, Verb
from kvsctl.outputs.failure_line import failure_line, is_failure_line, is_raw_line
from kvsctl.slabs import Slab, Successes

_WHAT: Final = "the failures file"
_KEY_BYTES: Final = 60
"""The approximate memory that a listed key takes without its characters."""


class _Failed(NamedTuple):
    """A failure: its line, its identity, and whether it was a record that passed its checks.

    The line is empty if it is already in the file.
    """

    line: bytes
    identity: Identity | None
    passed_checks: bool


_End: TypeAlias = _Failed | Lane | list[Lane]
"""A failure, or the lane of a record that passed its checks and did not fail; or several lanes."""


def holds_failures(path: Path) -> bool:
    """Return whether every line of a file is a failure, or the file is empty. Raise OSError.

    The last line may be torn by a kill. It is not JSON then, unlike the last line of other files.
    """
    with path.open("rb") as lines:
        for line in lines:
            if not is_failure_line(line):
                # Another run may be writing it: text after a torn line is the rest of that line.
                return _is_torn(line)
    return True


def _is_torn(line: bytes) -> bool:
    if not line.startswith(b"{") or line.endswith(b"\n"):
        return False
    try:
        jsontext.members(line)
    except ValueError:
        return True
    return False


def holds_raw_lines(path: Path) -> bool:
    """Return whether a failures file holds input that could not be read. Raise OSError."""
    with path.open("rb") as lines:
        return any(map(is_raw_line, lines))


class FailuresFile:
    """A listener that writes failed input as JSON lines, in input order, to a file of mode 600.

    A line is appended once every earlier position is settled. So however the run stops, the file
    is complete up to its last line. `close()` removes the lines that a later record of the same
    identity has replaced, if that record passed its checks: reading the file again never undoes
    newer data. A get replaces nothing, so all its lines stay.

    Memory is bounded by the lines that wait for an earlier position; `Standing` holds the
    identities of the lines in the file.

    With `state`, the run keeps a journal, and the file is resumed from the mark in it: `replay`
    must be called with each position that is settled there, unless they come from a listing, which
    a resumed run does not read again. Lines that wait for a position that
    this run leaves unsettled are left to the next run, and lines are removed only once the job is
    complete.

    Raise UsageError if the file cannot be opened, StreamError if writing fails later.
    """

    wants = frozenset({Settled})

    def __init__(self, path: Path, verb: Verb, state: JournalState | None = None) -> None:
        self._path = resolved(path)
        self._state = state
        self._length = state.failures.length if state else 0
        fd = (
            open_private(self._path, _WHAT)
            if state is None
            else open_cut(self._path, _WHAT, self._length)
        )
        self._fd: int | None = fd
        self._is_file = is_regular(fd)
        if self._is_file and descriptor(path) is not None:
            os.close(fd)
            raise UsageError(
                f"cannot write failures to {path}: a descriptor of a file cannot be rewritten",
                "Name the file itself.",
            )
        self._newly_held: dict[int, bytes] = {}
        self.is_broken = False
        self._replaces = verb is not Verb.GET
        # Records that an earlier run has listed are not read again, so they are not replayed.
        is_listing = state is not None and state.left is not None
        settled = state.settled if state is not None and is_listing else ()
        self._reorder: Reorder[_End] = Reorder(_held_bytes, settled)
        self._lines = _lines_of(self._path) if self._is_file and is_listing else 0
        self._standing = Standing()
        self._replaced = NumberSet()

    def __call__(self, event: Event) -> None:
        """Take in outcomes, and append the lines that no longer wait for an earlier position."""
        if not isinstance(event, Settled):
            return
        outcomes = event.outcomes
        if isinstance(outcomes, Successes):
            self._take_records(outcomes.records)
            return
        if isinstance(outcomes, Unsent) and self._state is None:
            self._take_records(outcomes.subjects)
            return
        for outcome in outcomes:
            if self._state is None or outcome.is_final:
                self._take(outcome.position, self._end(outcome))

    def replay(self, pieces: Sequence[Record | Problem]) -> None:
        """Take in what an earlier run settled, so that its failures can be replaced."""
        assert self._state is not None  # noqa: S101
        for piece in pieces:
            passed_checks = isinstance(piece, Record)
            end: _End | None = None
            if self._replaces and isinstance(piece, Record):
                end = piece.identity.lane
            if piece.position in self._state.lines:
                line = self._state.held.get(piece.position, b"")
                end = _Failed(line, piece.identity, passed_checks)
            self._take(piece.position, end)

    @property
    def mark(self) -> FailuresMark:
        """The length of the file, and the position up to which it covers the input."""
        earlier = self._state.failures.through if self._state else 0
        return FailuresMark(self._length, max(earlier, self._reorder.settled_through))

    def take_newly_held(self) -> dict[int, bytes]:
        """Return the lines that wait for an earlier position and were not returned before."""
        through = self._reorder.settled_through
        held = {place: line for place, line in self._newly_held.items() if place >= through}
        self._newly_held.clear()
        return held

    def sync(self) -> None:
        """Wait until everything written is on disk. Raise OSError or StreamError."""
        if self._fd is not None:
            self._require_untouched(self._fd)
            sync(self._fd)

    @property
    def held_bytes(self) -> int:
        """The number of bytes that wait for an earlier position to settle."""
        return self._reorder.held_bytes

    def close(self, *, is_whole: bool = True) -> None:
        """Complete the file: add every failure, remove the replaced ones, and sync it.

        With a journal the file is completed at the end of the job: while the job is not yet
        `is_whole`, the file is only synced.
        """
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        completes = is_whole or self._state is None
        lock: int | None = None
        try:
            try:
                if completes:
                    self._append(self._reorder.drain(), fd)
                self._require_untouched(fd)
                sync(fd)
                if sys.platform != "win32":  # where only a closed file can be replaced
                    lock = os.dup(fd)  # keeps other runs out until the file is replaced
            finally:
                os.close(fd)
            if completes and self._replaced and self._is_file and not self.is_broken:
                self._rewrite()
        except OSError as error:
            raise self._broken(error) from error
        finally:
            if lock is not None:
                os.close(lock)
            self._standing.close()

    def abandon(self) -> None:
        """Close the file as it is, after an error that says more."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            self._standing.close()

    def _take_records(self, records: Sequence[Record]) -> None:
        if isinstance(records, Slab):
            end = list(records.lanes) if self._replaces else None
            self._take(records.position, end, records.position + len(records))
            return
        for record in records:
            self._take(record.position, record.identity.lane if self._replaces else None)

    def _take(self, position: int, end: _End | None, stop: int | None = None) -> None:
        released = self._reorder.add(position, end, stop)
        if released and self._fd is not None:
            self._append(released, self._fd)
        elif self._state is not None and isinstance(end, _Failed):
            self._newly_held[position] = end.line

    def _end(self, outcome: Outcome) -> _End | None:
        subject = outcome.subject
        passed_checks = not isinstance(subject, Problem)
        if outcome.state is State.FAILED and outcome.failure is not None:
            line = failure_line(subject, outcome.failure)
            return _Failed(line, subject.identity, passed_checks)
        identity = subject.identity
        return identity.lane if self._replaces and passed_checks and identity else None

    def _append(self, ends: Iterable[_End], fd: int) -> None:
        """Append the lines of failures. After an error nothing more is appended."""
        if self.is_broken:
            return
        lines = []
        try:
            for end in ends:
                if not isinstance(end, _Failed):
                    self._replace(end if isinstance(end, list) else [end])
                    continue
                if self._replaces and end.identity is not None:
                    lane = end.identity.lane
                    if end.passed_checks:
                        self._replace([lane])
                    self._standing.add(lane, self._lines)
                self._lines += 1
                lines.append(end.line)
            if lines:
                self._write(b"".join(lines), fd)
        except OSError as error:
            raise self._broken(error) from error

    def _replace(self, lanes: Sequence[Lane]) -> None:
        """Note that records of these lanes have replaced the failures before them."""
        if self._standing.may_hold(lanes):
            for lane in lanes:
                self._replaced.update(self._standing.take(lane))

    def _write(self, text: bytes, fd: int) -> None:
        """Append whole lines. If there is no room for all, cut the file back to what it was."""
        self._require_untouched(fd)
        try:
            write_all(fd, text)
        except OSError:
            if self._is_file:
                with suppress(OSError):
                    os.ftruncate(fd, self._length)
            raise
        self._length += len(text)

    def _require_untouched(self, fd: int) -> None:
        """Raise StreamError if the file is not as it was left: its lines would be lost."""
        if not self._is_file or self.is_broken:
            return
        if (done := interference(self._path, fd, self._length)) is not None:
            self.is_broken = True
            raise StreamError(
                f"{_WHAT} {self._path} was {done} during the run",
                "The failures that it held are in no other file.",
            )

    def _rewrite(self) -> None:
        """Replace the file, atomically, by one without the replaced lines."""
        folder = self._path.parent
        fd, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=folder)
        try:
            with os.fdopen(fd, "wb") as kept, self._path.open("rb") as lines:
                replaced = self._replaced
                kept.writelines(line for n, line in enumerate(lines) if n not in replaced)
                kept.flush()
                sync_file(kept.fileno())
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(folder)

    def _broken(self, error: OSError) -> StreamError:
        self.is_broken = True
        return StreamError(f"cannot write the failures file {self._path}: {error.strerror}")


def _lines_of(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


def _held_bytes(end: _End) -> int:
    if isinstance(end, _Failed):
        return len(end.line)
    if isinstance(end, list):
        return sum(map(len, end)) + len(end) * _KEY_BYTES
    return len(end)
