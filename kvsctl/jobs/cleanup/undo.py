"""Where a job keeps what it deletes or rewrites."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from kvsctl.config.targets import Target
from kvsctl.outputs.names import named
from kvsctl.outputs.undo_file import UndoFile


class UndoPlan(msgspec.Struct, frozen=True):
    """Where records are written before they are deleted or rewritten.

    `path` may be a template: see `outputs/names.py`.
    `has_values`: whole records, and not only what identifies them.
    """

    path: Path
    has_values: bool = True

    def file(
        self, moment: datetime, target: Target, may_append_to: Callable[[Path], bool]
    ) -> UndoFile:
        """Return the undo file of a job that was begun at `moment`. Open nothing."""
        path = named(self.path, moment, target)
        return UndoFile(path, has_values=self.has_values, may_append=may_append_to(path))
