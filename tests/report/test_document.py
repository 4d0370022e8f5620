"""The JSON report has the members that the contract names."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus, StreamError, UsageError
from kvsctl.jsontext import json_line, one_line
from kvsctl.model import Failure, Identity, Origin, Outcome, Problem, Record, State
from kvsctl.report.document import (
    About,
    ReportFile,
    report_document,
)
from kvsctl.report.schema import document_line
from tests.support.needs import IS_LINUX, only_on
from tests.support.outcomes import ended, failed, problem, tally_of

ABOUT = About("set", "staging", "0.1.0", datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC))
MEMBERS = """
    schema version command target exit_code started_at elapsed_s records succeeded failed skipped
    skipped_by duplicates unknown unsent ambiguous requests retries throttled units bytes_sent
    bytes_received interrupted failures failures_truncated
"""


def test_the_members_stand_in_the_order_of_the_contract() -> None:
    document = report_document(Tally(), ABOUT, ExitStatus.OK, 1.23456)
    assert list(document) == MEMBERS.split()
    assert document["schema"] == 1
    assert document["units"] == {"read": 0, "write": 0}
    assert document["elapsed_s"] == 1.235
    assert document["started_at"] == "2026-01-02T03:04:05.678Z"
    assert document["interrupted"] is False


def test_times_are_utc_wherever_the_run_was() -> None:
    east = ABOUT.started_at.astimezone(timezone(timedelta(hours=9)))
    about = About("get", "staging", "0.1.0", east)
    document = report_document(Tally(), about, ExitStatus.OK, 0)
    assert document["started_at"] == "2026-01-02T03:04:05.678Z"


def test_failures_leave_out_members_that_are_unknown() -> None:
    subject = Record(4, "-", 5, Identity("person", "a"), b"{}", attempts=2)
    refused = Outcome(subject, State.FAILED, Failure("MAX_SIZE", "big", "abc123"))
    tally = tally_of(refused, problem(9, b"{", code="INVALID_JSON"), failed(1, "b"))
    document = report_document(tally, ABOUT, ExitStatus.FAILURES, 1, interrupted=True)
    assert document["exit_code"] == 1
    assert document["interrupted"] is True
    assert [list(failure) for failure in document["failures"]] == [
        ["key", "source", "code", "message", "attempts"],
        ["key", "entityName", "source", "code", "message", "attempts", "trace_id"],
        ["key", "source", "code", "message", "attempts"],
    ]
    assert document["failures"][1] == {
        "key": "a",
        "entityName": "person",
        "source": "-:5",
        "code": "MAX_SIZE",
        "message": "big",
        "attempts": 2,
        "trace_id": "abc123",
    }
    assert document["failures"][2]["key"] is None


def test_skipped_records_are_counted_by_reason_in_a_fixed_order() -> None:
    tally = tally_of(
        ended(0, State.SKIPPED, skipped_by="missing"),
        ended(1, State.SKIPPED, skipped_by="expired"),
    )
    document = report_document(tally, ABOUT, ExitStatus.OK, 1)
    assert list(document["skipped_by"].items()) == [("expired", 1), ("missing", 1)]


def test_the_report_is_one_line_whatever_the_keys_hold() -> None:
    origin = Origin("users.jsonl", 1)
    subject = Problem(0, origin, Identity(None, "\ud800\n"), "INVALID_KEY", "no", b"", True)
    outcome = Outcome(subject, State.FAILED, Failure("INVALID_KEY", "no"))
    line = document_line(report_document(tally_of(outcome), ABOUT, ExitStatus.FAILURES, 1))
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert json.loads(line)["failures"][0]["key"] == "\ud800\n"


def test_saving(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("what an earlier run left, and longer than this one\n")
    report = ReportFile(path)
    assert path.read_bytes() == b""
    for line in (b'{"exit_code":0}\n', b"{}\n"):
        report.save(line)
        assert path.read_bytes() == line
    report.close()


def test_a_report_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write to .*: Is a directory"):
        ReportFile(tmp_path)


@only_on(IS_LINUX, "only Linux has a device that is always full")
def test_a_report_that_cannot_be_written() -> None:
    full = ReportFile(Path("/dev/full"))
    with pytest.raises(StreamError, match="cannot write the report to /dev/full: No space left"):
        full.save(b"{}\n")
    full.close()


def test_json_is_compacted_only_if_it_has_line_breaks() -> None:
    assert one_line(b'{ "a" : 1.0 }') == b'{ "a" : 1.0 }'
    assert one_line(b'{\n "a b" : 1.00,\r\n\t"c": [1, 2]}') == b'{"a b":1.00,"c":[1,2]}'
    assert json_line({"a": "\u2028é"}) == '{"a":"\u2028é"}'.encode()
