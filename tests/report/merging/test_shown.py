"""A report is shown like the run that it is about."""

from datetime import UTC, datetime

from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.outcomes.tally import OTHER_CODES, Tally
from kvsctl.errors import ExitStatus
from kvsctl.model import State
from kvsctl.report.document import About, report_document
from kvsctl.report.merging.shown import tally_of
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
