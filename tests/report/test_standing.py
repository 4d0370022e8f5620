"""What stands is known exactly, in memory or on disk."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.model import Identity
from kvsctl.report import standing
from kvsctl.report.standing import Standing

_NAMES = st.sampled_from(["a", "b", "a', 'b", "\udc80", "\0", "ä", ""])
_IDENTITIES = st.builds(Identity, st.none() | _NAMES, _NAMES)
_STEPS = st.lists(st.tuples(st.booleans(), _IDENTITIES), max_size=60)


@given(_STEPS, st.sampled_from([0, 1, 5, 1000]))
def test_a_line_is_replaced_if_its_identity_comes_again(
    steps: list[tuple[bool, Identity]], most_in_memory: int
) -> None:
    kept = Standing(most_in_memory)
    stands: dict[Identity, set[int]] = {}
    replaced: set[int] = set()
    line = 0
    for is_failure, identity in steps:
        if is_failure:
            kept.add(identity, line)
            stands.setdefault(identity, set()).add(line)
            line += 1
        else:
            kept.replace(identity)
            replaced |= stands.pop(identity, set())
    assert {number for number in range(line + 2000) if kept.is_replaced(number)} == replaced
    assert kept.has_replaced == bool(replaced)
    kept.close()


def test_what_cannot_be_kept_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    kept = Standing(0)
    with pytest.raises(OSError, match="disk full"):
        kept.add(Identity(None, "a"), 0)


def test_memory_does_not_grow_with_failures() -> None:
    kept = Standing()
    limit = standing._MOST_IN_MEMORY
    for line in range(3 * limit):
        kept.add(Identity(None, f"k{line}"), line)
        assert len(kept._lines) <= limit
    kept.replace(Identity(None, "k7"))
    kept.replace(Identity(None, f"k{3 * limit - 1}"))
    assert [n for n in range(3 * limit) if kept.is_replaced(n)] == [7, 3 * limit - 1]
    kept.close()
