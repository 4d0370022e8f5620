"""Where records are kept before they are deleted or rewritten."""

from datetime import UTC, datetime

from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.cleanup.deleting import UndoOptions
from kvsctl.cli.options.journal import JournalOptions
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.files.claims import require_writable
from kvsctl.jobs.cleanup.undo import UndoPlan
from kvsctl.jobs.file_roles import Role


def undo_of(given: Given) -> UndoPlan | None:
    """Return where records are kept before they change; None: nowhere. Raise UsageError."""
    options = given.of(UndoOptions)
    if options.undo is None:
        if options.undo_keys_only:
            raise UsageError("--undo-keys-only needs a file", "Add --undo FILE.")
        return None
    if str(options.undo) == "-":
        raise UsageError("--undo -: not a file name", "Give --undo the name of a file.")
    return UndoPlan(options.undo, not options.undo_keys_only)


def require_usable_files(given: Given, undo: UndoPlan | None, target: Target) -> None:
    """Raise UsageError, in a dry run, if the run could not have its undo file and its journal.

    A run with a journal continues the undo file of an earlier run. Only the run itself checks
    whether it may.
    """
    journal = given.of(JournalOptions).journal
    if journal is not None:
        require_writable(journal)
    if undo is not None:
        is_resumed = journal is not None and journal.exists()
        undo.file(datetime.now(UTC), target, lambda _: is_resumed).require_new()


def undo_roles(undo: UndoPlan | None, target: Target) -> list[Role]:
    """Return the role of the undo file, if there is one, by the name that it will have."""
    return [] if undo is None else [("undo file", undo.place(datetime.now(UTC), target))]
