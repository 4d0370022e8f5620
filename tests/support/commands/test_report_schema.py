"""The schema of reports describes every member, and a report that breaks it is found."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from kvsctl.bulk.outcomes.tally import RECORD_COUNTS, Tally
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.report.document import About, error_members, report_document
from kvsctl.report.schema import REPORT_SCHEMA, document_line
from tests.support.commands.report_schema import SCHEMA, require_valid_reports

_SCHEMA: Final[dict[str, Any]] = json.loads(SCHEMA.read_text("utf-8"))
_REPORT: Final = report_document(
    Tally(), About("set", "local", "1", datetime(2026, 1, 2, tzinfo=UTC)), ExitStatus.OK, 1.5
)
_ERROR: Final = {
    "schema": 1,
    "version": "1",
    "command": "set",
    "exit_code": 2,
    "error": error_members(UsageError("wrong")),
}


def test_every_member_is_described() -> None:
    for name, form in _SCHEMA["$defs"].items():
        assert form["description"], name
        for member, inner in form.get("properties", {}).items():
            described = inner.get("description") or "$ref" in inner
            assert described, f"{name}: {member}"
            if form["type"] == "object":
                assert form["additionalProperties"] is False


def test_a_report_has_the_members_that_are_required_in_their_order() -> None:
    report = _SCHEMA["$defs"]["report"]
    assert list(_REPORT) == report["required"]
    assert set(RECORD_COUNTS) < set(report["required"])
    assert report["properties"]["schema"]["const"] == REPORT_SCHEMA


def test_the_exit_codes_and_the_kinds_of_errors_are_all_there() -> None:
    codes = _SCHEMA["$defs"]["report"]["properties"]["exit_code"]["enum"]
    assert codes == sorted(ExitStatus)
    kinds = set(_SCHEMA["$defs"]["error"]["properties"]["code"]["enum"])
    no_errors = {"OK", "FAILURES", "PIPE_CLOSED"}
    assert kinds == {status.name for status in ExitStatus} - no_errors | {"FAILED_INSTALLATIONS"}
    page = (SCHEMA.parent / "reports.md").read_text("utf-8")
    assert kinds <= set(re.findall(r"`([A-Z_]+)`", page))


@pytest.mark.parametrize("document", [_REPORT, _ERROR])
def test_what_is_printed_is_allowed(document: dict[str, Any]) -> None:
    require_valid_reports(b"other\n" + document_line(document), b"")


@pytest.mark.parametrize(
    ("document", "change"),
    [
        (_REPORT, {"more": 1}),
        (_REPORT, {"records": -1}),
        (_REPORT, {"exit_code": 6}),
        (_REPORT, {"started_at": "2026-01-02"}),
        (_REPORT, {"error": {"code": "USAGE", "message": "wrong"}}),
        (_REPORT, {"failures": [{"key": "a"}]}),
        (_ERROR, {"records": 0}),
        (_ERROR, {"error": {"code": "ODD", "message": "wrong", "hint": None}}),
    ],
)
def test_what_the_schema_does_not_know_is_found(
    document: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError):
        require_valid_reports(b"", document_line(document | change))


def test_a_member_that_is_missing_is_found() -> None:
    for name in _REPORT:
        lacking = {member: value for member, value in _REPORT.items() if member != name}
        if name not in ("failures", "schema"):  # these two say that it is a report
            with pytest.raises(AssertionError):
                require_valid_reports(document_line(lacking))


def test_other_documents_are_let_be(tmp_path: Path) -> None:
    require_valid_reports(b'{"schema":1,"command":"ping","error":null}\n', b'{"schema"', b"\n", b"")
