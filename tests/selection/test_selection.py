"""All selectors together: what is chosen, and what must be listed for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.selection.patterns import Pattern, glob, regex
from kvsctl.selection.prefixes import covering, within
from kvsctl.selection.selection import AgeFrom, Known, Selection, Verdict
from kvsctl.shards import Shard

_TEXTS = st.text(alphabet="ab:", max_size=4)
_GLOBS = st.text(alphabet="ab:*?", min_size=1, max_size=4).map(glob)
_CHOSEN, _NOT, _LACKING = Verdict.CHOSEN, Verdict.NOT_CHOSEN, Verdict.LACKING


@given(st.lists(_TEXTS), _TEXTS)
def test_prefixes_cover_each_key_once(prefixes: list[str], key: str) -> None:
    kept = covering(prefixes)
    assert sum(key.startswith(one) for one in kept) == any(key.startswith(p) for p in prefixes)
    assert set(kept) <= set(prefixes)


@given(_TEXTS, st.lists(_TEXTS), _TEXTS)
def test_a_prefix_narrows_others(prefix: str, others: list[str], key: str) -> None:
    kept = within(prefix, others)
    is_in_both = key.startswith(prefix) and any(key.startswith(other) for other in others)
    assert sum(key.startswith(one) for one in kept) == is_in_both


@given(_TEXTS, st.lists(_GLOBS, max_size=3), st.lists(_GLOBS, max_size=2), _TEXTS)
def test_what_may_be_chosen_is_listed_once(
    prefix: str, matches: list[Pattern], excludes: list[Pattern], key: str
) -> None:
    selection = Selection(prefix, matches, [regex("^a")], excludes)
    is_chosen = (
        key.startswith(prefix)
        and key.startswith("a")
        and (not matches or any(one.matches(key) for one in matches))
        and not any(one.matches(key) for one in excludes)
    )
    assert selection.chooses_key(None, key) == is_chosen
    holders = sum(key.startswith(one) for one in selection.prefixes)
    assert holders == 1 if is_chosen else holders <= 1


@given(_TEXTS, st.none() | st.just("city"), st.integers(1, 5), _GLOBS)
def test_each_key_that_is_chosen_is_in_one_of_n_parts(
    key: str, entity: str | None, parts: int, pattern: Pattern
) -> None:
    shards = [Shard(number, parts) for number in range(1, parts + 1)]
    selections = [Selection(matches=[pattern], shard=shard) for shard in shards]
    chosen = sum(one.chooses_key(entity, key) for one in selections)
    assert chosen == bool(pattern.matches(key))
    assert all(one.is_of_keys_only and not one.is_of_prefix_only for one in selections)
    assert selections[0].prefixes == Selection(matches=[pattern]).prefixes


def test_a_narrow_pattern_reads_little() -> None:
    assert Selection(matches=[glob("user:1*"), glob("user:12?"), glob("x")]).prefixes == [
        "user:1",
        "x",
    ]
    assert Selection("user:", matches=[glob("us*")]).prefixes == ["user:"]
    assert Selection("user:", matches=[glob("cart*")]).prefixes == []


@pytest.mark.parametrize(
    ("selection", "known", "verdict"),
    [
        (Selection(larger_than=10), Known(value_bytes=11), _CHOSEN),
        (Selection(larger_than=10), Known(value_bytes=10), _NOT),
        (Selection(larger_than=10), Known(), _LACKING),
        (Selection(older_than=50.0), Known(updated_at=49.0), _CHOSEN),
        (Selection(older_than=50.0), Known(updated_at=50.0), _NOT),
        (Selection(older_than=50.0), Known(created_at=49.0), _LACKING),
        (Selection(older_than=50.0, age_from=AgeFrom.CREATED), Known(created_at=49.0), _CHOSEN),
        (Selection(newer_than=50.0), Known(updated_at=50.0), _CHOSEN),
        (Selection(newer_than=50.0), Known(updated_at=49.0), _NOT),
        (Selection(newer_than=50.0, older_than=60.0), Known(updated_at=60.0), _NOT),
        (Selection(is_expired=True), Known(has_expiry=True, expires_at=100.0), _CHOSEN),
        (Selection(is_expired=True), Known(has_expiry=True, expires_at=101.0), _NOT),
        (Selection(is_expired=True), Known(has_expiry=False), _NOT),
        (Selection(is_expired=True), Known(), _LACKING),
        (Selection(has_no_expiry=True), Known(has_expiry=False), _CHOSEN),
        (Selection(has_no_expiry=True), Known(has_expiry=True, expires_at=1.0), _NOT),
        (Selection(larger_than=1, older_than=5.0), Known(value_bytes=1), _NOT),
        (Selection(larger_than=1, older_than=5.0), Known(value_bytes=2), _LACKING),
        (Selection("x", larger_than=1), Known(), _NOT),
    ],
)
def test_a_record_is_judged_by_what_is_known(
    selection: Selection, known: Known, verdict: Verdict
) -> None:
    assert selection.judge(None, "k", known, 100.0) is verdict


def test_it_says_what_must_be_known() -> None:
    assert Selection("a", excludes=[glob("b")]).is_of_keys_only
    assert Selection(older_than=1.0).needs_age
    assert Selection(newer_than=1.0).needs_age
    assert Selection(is_expired=True).needs_expiry
    assert Selection(has_no_expiry=True).needs_expiry
    for one in (Selection(older_than=1.0), Selection(is_expired=True), Selection(larger_than=0)):
        assert not one.is_of_keys_only


_UNREAD = object()


class _Where:
    """An expression that has a certain result, or reads what is not known."""

    def __init__(self, result: object) -> None:
        self.members = {"size"} if result is _UNREAD else {"key"}
        self._result = result

    def result(self, _record: object) -> object:
        return self._result


_RESULTS = {_NOT: False, _CHOSEN: True, Verdict.UNDECIDED: "true", _LACKING: _UNREAD}


@given(st.lists(st.sampled_from(sorted(_RESULTS, key=lambda one: one.value)), max_size=4))
def test_the_strongest_verdict_wins(verdicts: list[Verdict]) -> None:
    """A false condition decides; what no reading can tell counts before what one might."""
    where = [_Where(_RESULTS[one]) for one in verdicts]
    order = (_NOT, Verdict.UNDECIDED, _LACKING, _CHOSEN)
    expected = next(one for one in order if one in [*verdicts, _CHOSEN])
    selection = Selection(where=where)  # type: ignore[arg-type]
    assert selection.judge(None, "k", Known(), 0.0) is expected
    with_age = Selection(where=where, older_than=5.0)  # type: ignore[arg-type]
    expected = next(one for one in order if one in [*verdicts, _LACKING])
    assert with_age.judge(None, "k", Known(), 0.0) is expected
