"""Which undo file a resumed job may have."""

import os
from pathlib import Path

import pytest

from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.undo import require_same_undo
from kvsctl.journal.state import Group, JournalState, Totals


def _state(*groups: Group) -> JournalState:
    state = JournalState()
    for group in groups:
        state.apply(group)
    return state


OPENED = Group(undo_path=os.path.realpath("u"))
REMOVED = Group(undo_path="")
WITHOUT = Group(keeps_no_undo=True)
DELETED = Group(totals=Totals({"succeeded": 1}))


@pytest.mark.parametrize(
    ("groups", "name"),
    [
        ([], None),
        ([], "u"),
        ([OPENED], "u"),
        ([OPENED, DELETED], "u"),
        ([OPENED, DELETED], "./u"),
        ([OPENED, REMOVED], None),
        ([OPENED, REMOVED], "other"),
        ([WITHOUT], None),
        ([WITHOUT, DELETED], None),
    ],
)
def test_what_keeps_all_is_right(groups: list[Group], name: str | None) -> None:
    require_same_undo(None if name is None else Path(name), _state(*groups))


@pytest.mark.parametrize(
    ("groups", "name", "why"),
    [
        ([OPENED], None, "--undo is not given, but was .*u when the journal was begun"),
        ([OPENED, DELETED], "other", "--undo is .*other, but was .*u when"),
        ([WITHOUT], "u", "--undo is .*u, but was not given when .* is not in it"),
        ([DELETED], "u", "was not given"),
        ([WITHOUT, OPENED, REMOVED], "u", "was not given"),
    ],
)
def test_what_would_be_kept_in_part_is_refused(
    groups: list[Group], name: str | None, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        require_same_undo(None if name is None else Path(name), _state(*groups))
