"""Keys that are never chosen."""

import time
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.selection.protected import Protected
from kvsctl.selection.selection import Known, Selection, Verdict

_ENTRIES = st.lists(st.text("ab:*?[]!", min_size=1, max_size=6), max_size=6)
_KEYS = st.text("ab:", min_size=1, max_size=6)


@given(_ENTRIES, _KEYS)
def test_a_key_is_protected_by_each_entry_that_matches_it(entries: list[str], key: str) -> None:
    protected = Protected(entries)
    assert (key in protected) == any(fnmatchcase(key, one) for one in entries)
    assert bool(protected) == bool(entries)


def test_a_protected_key_is_not_chosen_whatever_else_matches() -> None:
    selection = Selection("user:", larger_than=1, protected=Protected(["user:1", "user:2*"]))
    large = Known(value_bytes=2)
    assert selection.judge(None, "user:3", large, 0.0) is Verdict.CHOSEN
    for key in ("user:1", "user:2", "user:21"):
        assert selection.judge(None, key, large, 0.0) is Verdict.NOT_CHOSEN
    assert not Selection(protected=Protected(["a"])).is_of_prefix_only


def test_many_entries_take_no_longer_for_each_key() -> None:
    """Twenty thousand keys would take minutes if each looked at every entry."""
    keys = [f"user:{number}:settings" for number in range(100_000)]
    protected = Protected([*keys, *(f"cart:{number}:*" for number in range(100_000))])
    began = time.process_time()
    assert all(key in protected for key in keys[::10])
    assert all(f"cart:{number}:x" in protected for number in range(0, 100_000, 10))
    assert not any(f"city:{number}" in protected for number in range(10_000))
    assert time.process_time() - began < 10
