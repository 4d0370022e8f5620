"""Totals that are kept and restored at any point are the same at the end."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.bulk.outcomes.tally import KEPT_CODES, OTHER_CODES, Tally
from kvsctl.journal.state import Group, JournalState, Totals
from kvsctl.journal.totals import TallyNews, restored, without_retryable
from kvsctl.model import Outcome, State
from tests.support.outcomes import ended, failed, succeeded


def _totals(outcomes: Sequence[Outcome]) -> Totals:
    """Return what a journal keeps of these."""
    tally = Tally()
    news = TallyNews(tally)
    _count(tally, outcomes)
    return news.take()


def _count(tally: Tally, outcomes: Sequence[Outcome]) -> None:
    tally(RecordsRead(len(outcomes)))
    tally(Settled(outcomes))


def _plain(tally: Tally) -> dict[str, Any]:
    """Return everything that a report takes from the tally."""
    plain: dict[str, Any] = {
        name: value
        for name, value in vars(tally).items()
        if not name.startswith("_") and name != "earlier"
    }
    plain["failures"] = tally.failures
    plain["groups"] = tally.groups
    return plain


def _outcome(position: int, end: str) -> Outcome:
    if end == "skipped":
        return ended(position, State.SKIPPED, skipped_by="expired")
    return succeeded(position) if end == "done" else failed(position, code=end)


@given(st.lists(st.sampled_from(["done", "skipped", "A", "B"]), max_size=30), st.data())
def test_totals_in_parts_equal_the_totals_of_the_whole(
    ends: list[str], data: st.DataObject
) -> None:
    outcomes = [_outcome(at, end) for at, end in enumerate(ends)]
    order = data.draw(st.permutations(outcomes))
    whole, kept, state = Tally(), Tally(), JournalState()
    _count(whole, order)
    news = TallyNews(kept)
    for outcome in order:
        _count(kept, [outcome])
        if data.draw(st.booleans()):
            state.apply(Group(totals=news.take()))
        if data.draw(st.booleans()):
            state.apply(Group(totals=news.take()))
            kept = restored(state.totals)
            news = TallyNews(kept)
    assert _plain(kept) == _plain(whole)
    last = news.take()
    json.dumps(asdict(last))
    state.apply(Group(totals=last))
    assert _plain(restored(state.totals)) == _plain(whole)
    assert news.take().notes == {}, "failures are told once"


@given(st.lists(st.sampled_from(["done", "A", "B"]), max_size=20), st.data())
def test_totals_without_retried_failures_never_had_them(
    ends: list[str], data: st.DataObject
) -> None:
    retried = {at for at, end in enumerate(ends) if end != "done" and data.draw(st.booleans())}
    rest, state = Tally(), JournalState()
    outcomes = [_outcome(at, end) for at, end in enumerate(ends)]
    _count(rest, [one for one in outcomes if one.position not in retried])
    may_be = {
        code: SettledRanges((at, at + 1) for at in sorted(retried) if ends[at] == code)
        for code in "AB"
    }
    state.apply(Group(SettledRanges([(0, len(ends))]), may_be, totals=_totals(outcomes)))
    state.apply(Group(totals=without_retryable(state), retries_failed=True))
    assert _plain(restored(state.totals)) == _plain(rest)


def test_ambiguous_failures_that_are_retried_are_not_counted_twice() -> None:
    state = JournalState()
    outcome = failed(3, code="A")
    outcome.subject.ambiguous = True  # type: ignore[union-attr]
    where = SettledRanges([(3, 4)])
    totals = _totals([outcome])
    state.apply(Group(where, {"A": where}, ambiguous=where, totals=totals))
    assert totals.counts["ambiguous"] == 1
    assert without_retryable(state).counts["ambiguous"] == 0


def test_codes_that_are_counted_together_are_retried_together() -> None:
    tally, state = Tally(), JournalState()
    outcomes = [failed(at, code=f"C{at}") for at in range(KEPT_CODES + 2)]
    _count(tally, outcomes)
    last = outcomes[-1].position
    assert tally.group_code("C1") == "C1"
    assert tally.group_code(f"C{last}") == OTHER_CODES
    retried = {OTHER_CODES: SettledRanges([(last, last + 1)])}
    state.apply(Group(failed=retried, totals=_totals(outcomes)))
    left = without_retryable(state)
    assert left.codes[OTHER_CODES] == 1
    assert left.examples[OTHER_CODES]["position"] == last - 1
