"""Reports are read from files of one or several JSON documents; nothing else passes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.report.document import About, report_document
from kvsctl.report.merging.reading import read_reports, reports_in
from kvsctl.report.schema import document_line
from tests.report.merging.test_merged import some_reports

_ABOUT = About("set", "staging", "0.1.0", datetime(2026, 1, 2, tzinfo=UTC))
_LINE = document_line(report_document(Tally(), _ABOUT, ExitStatus.OK, 1.5))
_REPORT: dict[str, Any] = json.loads(_LINE)


@given(some_reports, st.sampled_from([None, 2]), st.sampled_from(["", "\n", "\r\n\r\n", " \t"]))
def test_all_documents_of_a_file_are_read(
    reports: list[dict[str, Any]], indent: int | None, between: str
) -> None:
    text = between.join(json.dumps(report, indent=indent) for report in reports)
    assert reports_in(text.encode(), "a") == reports


def test_a_byte_order_mark_is_not_in_the_way() -> None:
    assert reports_in(b"\xef\xbb\xbf" + _LINE, "a") == [_REPORT]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a: holds no report"),
        (b" \r\n", "a: holds no report"),
        (b"{", "a:1: not a report: not valid JSON"),
        (_LINE + b"\n{}", "a:3: not a report"),
        (_LINE + b"\nkey", "a:3: not a report: not valid JSON"),
        (_LINE.replace(b"1.5", b"NaN"), "a:1: not a report: not valid JSON"),
        (_LINE.replace(b'"records":0', b'"records":' + b"1" * 9999), "a:1: not a report: not"),
        (b"\xff", "a: not a report: not UTF-8"),
        (b"[" * 100_000, "a: not a report"),
        (b'{"key": "k", "value": 1}', "a: not a report"),
    ],
    ids=range(10),
)
def test_anything_else_is_refused_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        reports_in(content, "a")
    assert refused.value.message.startswith(message)
    assert refused.value.hint is not None


def test_files_are_read_in_order(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("b", "a")]
    for path in paths:
        path.write_text(json.dumps(_REPORT | {"command": path.name}))
    assert [report["command"] for report in read_reports(paths)] == ["b", "a"]


def test_no_file_counts_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(_LINE)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    with pytest.raises(UsageError, match=r"link\.json: given twice"):
        read_reports([path, link])
    with pytest.raises(UsageError, match="stdin: given twice"):
        read_reports([Path("-"), Path("-")])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*none\.json: No such file"):
        read_reports([tmp_path / "none.json"])
