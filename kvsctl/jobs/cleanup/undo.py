"""Where a job keeps records before it deletes or rewrites them."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.journal.state import JournalState
from kvsctl.outputs.names import has_time, named
from kvsctl.outputs.undo_file import UndoFile


class UndoPlan(msgspec.Struct, frozen=True):
    """Where records are written before they are deleted or rewritten.

    `path` may be a template: see `outputs/names.py`. `has_values`: whole records, rather than only
    their identities.
    """

    path: Path
    has_values: bool = True

    @property
    def has_time_in_name(self) -> bool:
        """Whether each run has a file of its own."""
        return has_time(self.path)

    def place(self, moment: datetime, target: Target) -> Path:
        """Return the path of the file of a job that was begun at `moment`."""
        return named(self.path, moment, target)

    def file(
        self, moment: datetime, target: Target, may_append_to: Callable[[Path], bool]
    ) -> UndoFile:
        """Return the undo file of a job that was begun at `moment`. Open nothing."""
        path = self.place(moment, target)
        return UndoFile(path, has_values=self.has_values, may_append=may_append_to(path))


def require_same_undo(path: Path | None, state: JournalState) -> None:
    """Raise UsageError if the undo file of a resumed job would lack records, or be lost.

    `path`: the undo file of the resumed run, if it has one. Until an earlier run has changed
    something, any path is accepted.
    """
    then, now = state.undo_path, None if path is None else os.path.realpath(path)
    if then is not None and now != then:
        raise UsageError(
            f"--undo is {_shown(now)}, but was {then} when the journal was begun",
            f"Give --undo {then}: the run appends to it. --journal-force resumes all the same.",
        )
    has_changed = state.keeps_no_undo or state.totals.counts.get("succeeded")
    if then is None and now is not None and has_changed:
        raise UsageError(
            f"--undo is {now}, but was not given when the journal was begun: what has changed "
            "since is not in it",
            "Leave out --undo, or start anew with another journal. --journal-force resumes all "
            "the same.",
        )


def _shown(path: str | None) -> str:
    return "not given" if path is None else path
