"""Only reports are added up; everything else is refused by name."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.report.document import About, report_document
from kvsctl.report.merging.checked import checked_report
from kvsctl.report.merging.merged import merged

_ABOUT = About("set", "staging", "0.1.0", datetime(2026, 1, 2, tzinfo=UTC))


def _report() -> dict[str, Any]:
    document = report_document(Tally(), _ABOUT, ExitStatus.OK, 1.5)
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]


def test_a_report_passes() -> None:
    assert checked_report(_report(), "a.json") == _report()


@pytest.mark.parametrize("document", [None, 3, [], "{}", {}, {"schema": True}, {"schema": "1"}])
def test_other_documents_are_refused(document: object) -> None:
    with pytest.raises(UsageError, match=r"^a\.json: not a report$") as refused:
        checked_report(document, "a.json")
    assert refused.value.hint == "Give it files that --report wrote."


def test_a_newer_schema_is_refused() -> None:
    with pytest.raises(UsageError, match="its schema 2 is newer than this kvsctl can read"):
        checked_report(_report() | {"schema": 2}, "a.json")


@pytest.mark.parametrize("name", [name for name in _report() if name != "schema"])
def test_every_member_is_needed(name: str) -> None:
    document = _report()
    del document[name]
    with pytest.raises(UsageError, match=f'not a report: no valid "{name}"'):
        checked_report(document, "a.json")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("records", -1),
        ("records", True),
        ("records", 1.0),
        ("exit_code", 99),
        ("elapsed_s", -0.1),
        ("elapsed_s", float("nan")),
        ("elapsed_s", float("inf")),
        ("started_at", "2026-13-01T00:00:00.000Z"),
        ("started_at", "9999-12-31T23:59:59.999Z"),
        ("started_at", "yesterday"),
        ("units", {"read": 1}),
        ("units", {"read": 1, "write": -1}),
        ("skipped_by", {"missing": "1"}),
        ("failures", [3]),
        ("interrupted", 1),
        ("inputs", {}),
        ("cost_usd", "3"),
        ("planned", None),
    ],
)
def test_values_that_do_not_add_up_are_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f'not a report: no valid "{name}"'):
        checked_report(_report() | {name: value}, "a.json")


def test_records_that_have_not_one_outcome_each_are_refused() -> None:
    lost = _report() | {"records": 3, "succeeded": 1, "failed": 1}
    with pytest.raises(UsageError, match="does not add up: 3 records, but 1 succeeded, 1 failed"):
        checked_report(lost, "a.json")


def test_the_longest_time_and_the_last_year_that_pass_add_up() -> None:
    last = _report() | {"started_at": "9000-12-31T23:59:59.999Z", "elapsed_s": 999_999_999.9}
    assert merged([checked_report(last, "a.json")]) == last
