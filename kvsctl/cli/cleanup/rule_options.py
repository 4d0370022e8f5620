"""Read the rules of a retention file for a clean-up.

The members of a rule mean the same as the options of the same names, and are read like them. An
error is that of the option, with the name of the member and its line in the file.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.selection import EntityOptions, PrefixArgument, SelectionOptions
from kvsctl.cli.protecting import protected_entries, why_not_protected
from kvsctl.cli.selectors import selection_of, spaces_of
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.actions import Action, Deleting, Expiring
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jsontext import quoted
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.records.checks import Breach
from kvsctl.records.ttl import parse_ttl
from kvsctl.retention.file import RetentionFile, RuleTable, WrittenRule, texts_of
from kvsctl.retention.groups import GroupTemplate
from kvsctl.retention.rules import Keeping
from kvsctl.selection.prefixes import within
from kvsctl.selection.selection import Selection
from kvsctl.service.queries import EntityIndex

_T = TypeVar("_T")
_FLAG: Final = re.compile(r"--([a-z][a-z-]*)")
_NAMES_OF_GUARDS: Final = ("max_delete", "max_delete_bytes")
_TEXT: Final = ("larger_than",)
"""Members that can be numbers, but are texts as options."""


class RuleOptions(NamedTuple):
    """What a rule says, read like the options."""

    written: WrittenRule
    selection: Selection
    spaces: Sequence[EntityIndex | None]
    keeping: Keeping | None
    action: Action
    most: MostDeleted
    protected: Sequence[str]


def read_rules(file: RetentionFile) -> list[RuleOptions]:
    """Return what the rules of a file say, in their order. Raise UsageError for all errors."""
    rules = [_RuleReader(file, written).read() for written in file.rules]
    file.require_correct()
    return [rule for rule in rules if rule is not None]


def protecting_files(file: RetentionFile) -> list[Path]:
    """Return the files that the rules of a file name to protect keys."""
    named = (written.table.protect for written in file.rules)
    return [file.path.parent / one for one in named if isinstance(one, str)]


class _RuleReader:
    """Reads one rule, and adds every error in it to the errors of the file."""

    def __init__(self, file: RetentionFile, written: WrittenRule) -> None:
        self._file = file
        self._written = written
        self._table = written.table

    def read(self) -> RuleOptions | None:
        selection = self._selection()
        spaces = self._tried(self._spaces, "entity")
        action = self._tried(self._action, "ttl")
        most = self._tried(self._most, "max_delete")
        protected = self._tried(self._protected, "protect")
        keeping = self._tried(lambda: self._keeping(selection), "group_by")
        if selection is None or spaces is None or action is None or most is None:
            return None
        if protected is None:
            return None
        return RuleOptions(self._written, selection, spaces, keeping, action, most, protected)

    def _selection(self) -> Selection | None:
        """Return the selection; None if a selector is wrong. All errors are noted, not only one."""
        table = self._table
        prefix = PrefixArgument(prefix=table.prefix)
        options = {name: _as_option(table, name) for name in SelectionOptions.annotations}
        is_correct = True
        while True:
            groups = [prefix, SelectionOptions(**options)]
            try:
                selection = selection_of(Given(groups), orders=table.keep_last is not None)
            except UsageError as error:
                is_correct = False
                name = _refuse(self._file, self._written, error, "prefix")
                if name == "prefix" and prefix.prefix is not None:
                    prefix = PrefixArgument()
                elif name in options and options[name] != SelectionOptions.default(name):
                    options[name] = SelectionOptions.default(name)
                else:
                    return None
            else:
                return selection if is_correct else None

    def _spaces(self) -> list[EntityIndex | None]:
        entities = EntityOptions(entity=texts_of(self._table.entity), plain=self._table.plain)
        return spaces_of(Given([entities]))

    def _action(self) -> Action:
        if self._table.ttl is None:
            return Deleting()
        ttl = parse_ttl(self._table.ttl, DEFAULT_LIMITS)
        if isinstance(ttl, Breach):
            raise UsageError(f"--ttl {quoted(self._table.ttl)}: {ttl.message}")
        return Expiring(ttl)

    def _most(self) -> MostDeleted:
        most, most_bytes = (_text(getattr(self._table, name)) for name in _NAMES_OF_GUARDS)
        return MostDeleted.of(most, most_bytes, _NAMES_OF_GUARDS)

    def _protected(self) -> list[str]:
        protect = self._table.protect
        if isinstance(protect, str):
            return protected_entries(self._file.path.parent / protect)
        for entry in protect:
            if (why := why_not_protected(entry)) is not None:
                raise UsageError(f"--protect {quoted(entry)}: {why}", "Write keys and globs.")
        return protect

    def _keeping(self, selection: Selection | None) -> Keeping | None:
        if self._table.keep_last is None:
            return None
        if self._table.group_by is None:
            return Keeping(self._table.keep_last)
        template = GroupTemplate.of(self._table.group_by)
        if selection is not None and not within(template.literals[0], selection.prefixes):
            raise UsageError(
                f"{quoted(template.text)}: no key that the rule chooses begins like this",
                "Begin it like the keys of the rule.",
            )
        return Keeping(self._table.keep_last, template)

    def _tried(self, read: Callable[[], _T], name: str) -> _T | None:
        """Return what `read` returns; None after an error, noted for the member called `name`."""
        try:
            return read()
        except UsageError as error:
            _refuse(self._file, self._written, error, name)
            return None


def _refuse(file: RetentionFile, written: WrittenRule, error: UsageError, default: str) -> str:
    """Note an error of an option as one of a member of a rule. Return the name of the member.

    This is the first member that the message names, or else `default`.
    """
    found = _FLAG.search(error.message)
    name = default if found is None else _member(found)
    hint = None if error.hint is None else _FLAG.sub(_member, error.hint)
    message = _FLAG.sub(_member, error.message)
    file.refuse(message, hint, "rules", written.number, name, excerpt=error.excerpt)
    return name


def _member(found: re.Match[str]) -> str:
    return found[1].replace("-", "_")


def _as_option(table: RuleTable, name: str) -> Any:
    """Return the value of a member as the option of the same name would have it."""
    value = getattr(table, name)
    if name in _TEXT:
        return _text(value)
    return texts_of(value) if isinstance(SelectionOptions.default(name), list) else value


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)
