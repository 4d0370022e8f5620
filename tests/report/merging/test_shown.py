"""A report is shown like the run that it is about."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.forecast import Forecast
from kvsctl.bulk.outcomes.tally import OTHER_CODES, Tally
from kvsctl.errors import ExitStatus
from kvsctl.model import State
from kvsctl.report.document import About, report_document
from kvsctl.report.dry_run import DryRun
from kvsctl.report.merging.shown import dry_run_of, tally_of
from tests.support.outcomes import ended, failed

_ABOUT = About("set", "staging", "0.1.0", datetime(2026, 1, 2, tzinfo=UTC))


def test_the_tally_of_a_report_makes_the_same_report() -> None:
    tally = Tally()
    outcomes = [failed(0, code="A"), failed(1, code="B"), failed(2, code="B")]
    tally(RecordsRead(4))
    tally(Settled([*outcomes, ended(3, State.SKIPPED, skipped_by="missing")]))
    tally.units_write, tally.requests = 7, 3
    report = report_document(tally, _ABOUT, ExitStatus.FAILURES, 1)
    again = tally_of(report)
    assert report_document(again, _ABOUT, ExitStatus.FAILURES, 1) == report
    assert [(group.code, group.count) for group in again.groups] == [("B", 2), ("A", 1)]


def test_failures_that_are_not_listed_are_counted_together() -> None:
    tally = Tally()
    tally(RecordsRead(1))
    tally(Settled([failed(0, code="A")]))
    report = report_document(tally, _ABOUT, ExitStatus.FAILURES, 1) | {"failed": 5}
    groups = {group.code: group.count for group in tally_of(report).groups}
    assert groups == {"A": 1, OTHER_CODES: 4}


@given(
    st.builds(
        Forecast,
        records=st.integers(0, 99),
        duplicates=st.integers(0, 99),
        requests=st.integers(0, 99),
        units=st.integers(1, 99),
        are_units_least=st.just(False),
        bytes_sent=st.integers(0, 99),
        least_seconds=st.integers(0, 99),
        reads=st.integers(0, 99),
    ),
    st.booleans(),
)
def test_the_report_of_a_dry_run_says_what_the_run_would_need(
    forecast: Forecast, is_reading: bool
) -> None:
    if is_reading:
        forecast = replace(forecast, are_units_least=True, reads=0)
    dry_run = DryRun(forecast, 1.25)
    tally = Tally()
    dry_run.enter(tally)
    tally.unsent = forecast.records
    report = report_document(tally, _ABOUT, ExitStatus.OK, 1)
    assert dry_run_of(report | dry_run.members) == dry_run
    assert dry_run_of(report) is None
