"""Names of files with `{installation}` in them: one file for each installation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kvsctl.cli.fan_out.naming import WRITTEN
from kvsctl.cli.option_groups import Given, OptionGroup
from kvsctl.cli.options.cleanup.applying import ApplyOptions
from kvsctl.cli.options.cleanup.deleting import PlanOptions, UndoOptions
from kvsctl.cli.options.comparing import DiffOptions, SyncOptions, VerifyOptions
from kvsctl.cli.options.input import FileOption, InputOptions
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.files.claims import require_writable
from kvsctl.outputs.names import name_in_files, require_known_places

PLACE: Final = "{installation}"
_STREAM: Final = Path("-")
_DATED: Final = (UndoOptions, PlanOptions, SyncOptions)
"""Their names are checked where the date is put into them."""


def require_names_for_each(given: Given) -> None:
    """Raise UsageError if installations would write to one file, or a placeholder is unknown."""
    for flag, group, name in WRITTEN:
        path = getattr(given.of(group), name)
        if path is not None and PLACE in path.name and group not in _DATED:
            require_known_places(path, ("installation",))
        if path is not None and path != _STREAM and PLACE not in path.name:
            raise UsageError(
                f"{flag} {path}: several installations cannot write to one file",
                f"Put {PLACE} into its name, such as {path.stem}-{PLACE}{path.suffix}.",
            )
        if path is not None and path != _STREAM and not path.parent.is_dir():
            require_writable(path)  # one error, not one for each installation


def require_plans_for_each(given: Given) -> None:
    """Raise UsageError if several installations would share a plan: each needs its own."""
    plan = given.of(ApplyOptions).path
    if plan is not None and PLACE not in plan.name:
        raise UsageError(
            f"{plan}: several installations cannot have one plan, as each line names its own",
            f"Write a plan for each, with --plan 'plan-{PLACE}.jsonl', and give that name.",
        )


def files_of(given: Given) -> list[Path]:
    """Return the files that are read."""
    plan = given.of(ApplyOptions).path
    export = given.of(VerifyOptions).path
    files = [
        *([] if export is None else [export]),
        *given.of(FileOption).file,
        *given.of(InputOptions).file,
        *given.of(DiffOptions).file,
    ]
    return files if plan is None else [*files, plan]


def named_groups(given: Given) -> list[OptionGroup]:
    """Return the groups in which a file has `{installation}` in its name."""
    return [group for group in given.groups if any(map(_has_place, vars(group).values()))]


def with_names(given: Given, groups: list[OptionGroup], target: Target) -> Given:
    """Return the options with the names of an installation's own files, which `groups` have."""
    name = name_in_files(target)
    for group in groups:
        values: Mapping[str, Any] = {n: _named(value, name) for n, value in vars(group).items()}
        given = given.having(type(group)(**values))
    return given


def _has_place(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_place, value))
    return isinstance(value, Path) and PLACE in value.name


def _named(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_named(one, name) for one in value]
    if not _has_place(value):
        return value
    return value.with_name(value.name.replace(PLACE, name))
