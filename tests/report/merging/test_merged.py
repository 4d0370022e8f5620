"""Reports add up: in any grouping, in any order, and to what one run would have reported."""

import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.bulk.events import RecordsRead, RequestEnded, Settled
from kvsctl.bulk.forecast import Forecast
from kvsctl.bulk.outcomes.tally import KEPT_FAILURES, Tally
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.model import Outcome, State, Verb
from kvsctl.report.document import About, report_document
from kvsctl.report.dry_run import DryRun
from kvsctl.report.merging.checked import COUNTS, checked_report
from kvsctl.report.merging.merged import SEVERAL, gravest, merged
from kvsctl.report.schema import document_line
from kvsctl.report.store.rules import RuleReport
from tests.support.examples import examples
from tests.support.outcomes import failed, record

_START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_STATES = [state for state in State if state is not State.FAILED]


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    tally = Tally()
    outcomes: list[Outcome] = []
    for position in range(draw(st.integers(0, 6))):
        if draw(st.booleans()):
            outcomes.append(failed(position, draw(st.sampled_from(["a", "b", "ü"]))))
            continue
        state = draw(st.sampled_from(_STATES))
        reason = draw(st.sampled_from(["missing", "expired"])) if state is State.SKIPPED else None
        outcomes.append(Outcome(record(position), state, skipped_by=reason))
    tally(RecordsRead(len(outcomes)))
    tally(Settled(outcomes))
    for name in ("requests", "retries", "throttled", "units_read", "units_write", "bytes_sent"):
        setattr(tally, name, draw(st.integers(0, 10**12)))
    return tally


@st.composite
def _rules(draw: st.DrawFn, name: str, *, is_dry_run: bool) -> dict[str, Any]:
    dry_run = DryRun(Forecast(0, 0, 0, 0, False, 0, 1.5), draw(st.integers(0, 10**12)) / 10**9)
    ttl = draw(st.sampled_from([None, "30d"]))
    action = "delete" if ttl is None else "expire"
    report = RuleReport(name, action, ttl, draw(tallies()), draw(st.integers(0, 9)))
    report.dry_run = dry_run if is_dry_run else None
    return report.members


@st.composite
def reports(draw: st.DrawFn, *, is_dry_run: bool = False) -> dict[str, Any]:
    about = About(
        draw(st.sampled_from(["set", "delete"])),
        draw(st.sampled_from(["staging", "forge"])),
        draw(st.sampled_from(["0.1.0", "0.2.0"])),
        _START + timedelta(milliseconds=draw(st.integers(0, 10**9))),
        shard=draw(st.none() | st.sampled_from(["1/2", "2/2"])),
    )
    document = report_document(
        draw(tallies()),
        about,
        draw(st.sampled_from(ExitStatus)),
        draw(st.integers(0, 10**8)) / 1000,
        interrupted=draw(st.booleans()),
    )
    further: dict[str, Any] = {}
    if draw(st.booleans()):
        further["inputs"] = [{"source": draw(st.sampled_from(["a.jsonl", "b.csv"]))}]
    for name in ("planned", "equal"):
        if draw(st.booleans()):
            further[name] = draw(st.integers(0, 99))
    if draw(st.booleans()):
        further["installations"] = [{"installation": draw(st.sampled_from(["i1", "i2"]))}]
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(["old", "logs"]), unique=True))
        further["rules"] = [draw(_rules(name, is_dry_run=is_dry_run)) for name in names]
    if is_dry_run:
        cost = draw(st.integers(0, 10**12)) / 10**9
        further |= {"dry_run": True, "least_s": draw(st.floats(0, 9)), "cost_usd": cost}
    return json.loads(document_line(document | further))  # type: ignore[no-any-return]


some_reports = st.lists(reports(), min_size=1, max_size=5) | st.lists(
    reports(is_dry_run=True), min_size=1, max_size=5
)


def _without_order(document: dict[str, Any]) -> dict[str, Any]:
    """Return the report with its lists sorted, as the order of reports is in them."""
    return {
        name: sorted(map(json.dumps, value)) if isinstance(value, list) else value
        for name, value in document.items()
    }


@given(reports())
def test_the_sum_of_one_report_is_that_report(report: dict[str, Any]) -> None:
    assert merged([report]) == report
    assert list(merged([report])) == list(report)


@given(some_reports, st.data())
def test_the_grouping_makes_no_difference(each: list[dict[str, Any]], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(each) - 1))
    end = data.draw(st.integers(start + 1, len(each)))
    grouped = [*each[:start], merged(each[start:end]), *each[end:]]
    assert merged(grouped) == merged(each)


@settings(max_examples=examples(20))
@given(some_reports.filter(lambda each: len(each) < 4))
def test_the_order_makes_no_difference_but_to_lists(each: list[dict[str, Any]]) -> None:
    whole = _without_order(merged(each))
    for order in permutations(each):
        assert _without_order(merged(order)) == whole


@given(some_reports)
def test_the_sum_is_a_report_that_adds_up(each: list[dict[str, Any]]) -> None:
    whole = merged(each)
    assert checked_report(json.loads(document_line(whole)), "the sum") == whole
    for name in COUNTS:
        assert whole[name] == sum(report[name] for report in each)


@given(st.lists(st.sampled_from([*_STATES, State.FAILED]), max_size=30), st.integers(0, 30))
def test_parts_of_a_run_add_up_to_the_report_of_the_whole(states: list[State], cut: int) -> None:
    """What a tally counts of all events is what the sum of tallies of their parts counts."""
    events = [
        Settled([failed(n) if state is State.FAILED else Outcome(record(n), state)])
        for n, state in enumerate(states)
    ]
    about = About("set", "staging", "0.1.0", _START)

    def report_of(part: list[Settled]) -> dict[str, Any]:
        tally = Tally()
        tally(RecordsRead(len(part)))
        for event in part:
            tally(event)
        return report_document(tally, about, ExitStatus.OK, 1)

    assert merged([report_of(events[:cut]), report_of(events[cut:])]) == report_of(events)


def test_units_are_added_by_kind() -> None:
    one, other = Tally(), Tally()
    one.units_read, one.units_write, other.units_write = 1, 2, 30
    whole = merged([_report(one), _report(other)])
    assert whole["units"] == {"read": 1, "write": 32}


def test_the_time_is_from_the_first_start_to_the_last_end() -> None:
    early = _report() | {"started_at": "2026-01-02T00:00:00.500Z", "elapsed_s": 1.001}
    late = _report() | {"started_at": "2026-01-02T00:00:10.000Z", "elapsed_s": 5.25}
    whole = merged([late, early])
    assert whole["started_at"] == "2026-01-02T00:00:00.500Z"
    assert whole["elapsed_s"] == 14.75


def test_only_the_first_failures_are_listed_and_the_sum_says_so() -> None:
    tally = Tally()
    tally(RecordsRead(KEPT_FAILURES - 1))
    tally(Settled([failed(position) for position in range(KEPT_FAILURES - 1)]))
    whole = merged([_report(tally), _report(tally)])
    assert len(whole["failures"]) == KEPT_FAILURES
    assert whole["failures_truncated"]
    assert not merged([_report(tally), _report()])["failures_truncated"]


def test_what_differs_is_named_as_such_or_left_out() -> None:
    one = _report() | {"target": "staging", "shard": "1/2", "left": "a.jsonl"}
    other = _report() | {"target": "forge", "shard": "2/2", "left": "a.jsonl"}
    whole = merged([one, other])
    assert whole["target"] == SEVERAL
    assert "shard" not in whole
    assert whole["left"] == "a.jsonl"


def test_forecasts_add_up_and_take_as_long_as_the_longest() -> None:
    one = _report() | {"dry_run": True, "least_s": 2.5, "cost_usd": 0.1}
    other = _report() | {"dry_run": True, "least_s": 4.0, "cost_usd": 0.2}
    whole = merged([one, other])
    assert (whole["dry_run"], whole["least_s"], whole["cost_usd"]) == (True, 4.0, 0.3)
    with pytest.raises(UsageError, match="reports of dry runs do not add up with others"):
        merged([one, _report()])


def test_nothing_is_not_a_sum() -> None:
    with pytest.raises(ValueError, match="no reports"):
        merged([])


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 1], 1),
        ([1, 75], 75),
        ([75, 3], 3),
        ([3, 4], 4),
        ([4, 2], 2),
        ([2, 143], 143),
        ([143, 130], 130),
        ([130, 5], 5),
        ([5, 70, 1], 70),
    ],
)
def test_the_gravest_exit_code_wins(codes: list[int], status: int) -> None:
    assert gravest(codes) == gravest(codes[::-1]) == status


def test_every_exit_code_has_a_rank() -> None:
    assert {gravest([status]) for status in ExitStatus} == {*ExitStatus}


def test_requests_are_added() -> None:
    tally = Tally()
    for verb in (Verb.GET, Verb.SET, Verb.SET):
        tally(RequestEnded(verb, 1, 200, 0.1, 5, 7, units=2, is_retry=False))
    whole = merged([_report(tally)] * 2)
    assert (whole["requests"], whole["bytes_received"]) == (6, 42)
    assert whole["units"] == {"read": 4, "write": 8}


def _report(tally: Tally | None = None) -> dict[str, Any]:
    about = About("set", "staging", "0.1.0", _START)
    return report_document(tally or Tally(), about, ExitStatus.OK, 1.0)
