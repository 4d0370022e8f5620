"""The files of each part: names with `{shard}` in them."""

from pathlib import Path
from typing import Any, Final

from kvsctl.cli.option_groups import Given, OptionGroup
from kvsctl.cli.options.cleanup.deleting import PlanOptions, UndoOptions
from kvsctl.cli.options.comparing import SyncOptions
from kvsctl.cli.options.journal import JournalOptions
from kvsctl.cli.options.listing import ExportOptions
from kvsctl.cli.options.report import FailuresOption, OutputOption
from kvsctl.errors import UsageError

SHARD: Final = "{shard}"
WRITTEN: Final[tuple[tuple[str, type[OptionGroup], str], ...]] = (
    ("-o", OutputOption, "output"),
    ("--undo", UndoOptions, "undo"),
    ("--plan", PlanOptions, "plan"),
    ("--plan", SyncOptions, "plan"),
    ("--failures", FailuresOption, "failures"),
    ("--journal", JournalOptions, "journal"),
    ("--manifest", ExportOptions, "manifest"),
)
"""The options that name output files, with the group and the field of each."""


def require_templates(given: Given) -> None:
    """Raise UsageError for an output file that all parts would share."""
    for flag, group, field in WRITTEN:
        path: Path | None = getattr(given.of(group), field)
        if path is not None and SHARD not in path.name:
            raise UsageError(
                f"{flag} {path}: with --workers each part needs a file of its own",
                f"Write {SHARD} in its name: it becomes the number of the part.",
            )


def with_files_of(given: Given, number: int) -> Given:
    """Return the same options, with the file names of one part."""
    for _, group, field in WRITTEN:
        options = given.of(group)
        path: Path | None = getattr(options, field)
        if path is not None:
            values: dict[str, Any] = vars(options)
            name = path.name.replace(SHARD, str(number))
            given = given.having(group(**{**values, field: path.with_name(name)}))
    return given


def with_absolute_paths(given: Given) -> Given:
    """Return the same options with absolute paths, for workers in another folder."""
    for options in list(given.groups):
        values = {name: _absolute(value) for name, value in vars(options).items()}
        given = given.having(type(options)(**values))
    return given


def _absolute(value: Any) -> Any:
    if isinstance(value, list):
        return [_absolute(each) for each in value]
    return value.absolute() if isinstance(value, Path) else value
