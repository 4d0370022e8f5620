"""A report or failures file replaces only an earlier one of its kind."""

import errno
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.jobs.job import Reporting
from kvsctl.jobs.replacing import require_replaceable
from kvsctl.model import Failure
from kvsctl.outputs.failure_line import failure_line
from kvsctl.report.document import About, report_document
from kvsctl.report.schema import document_line
from tests.support.outcomes import problem, record

_ABOUT = About("set", "staging", "0.1.0", datetime(2026, 1, 2, tzinfo=UTC))
_REPORT = document_line(report_document(Tally(), _ABOUT, ExitStatus.OK, 1))
_FAILURE = Failure("INVALID_KEY", 'no "/" \\ in keys')
_LINES = [
    failure_line(record(0), _FAILURE),
    failure_line(problem(1, b"{", readable=False).subject, _FAILURE),
    failure_line(problem(2, b"\xff", readable=False).subject, _FAILURE),
]
_FAILURES = b"".join(_LINES)
_FOREIGN = [
    b"\n",
    b"key,value\nk,1\n",
    b"# README\n",
    b'{"key":"a","value":1}\n',
    b'{"schema":1,"users":[]}\n',
    b'{"key":"a","value":1}',
    b'{"key":"a","value":{"error":{"code":"A","message":"b"},"source":"in:1"}}\n',
    b'{"key":"a","value":"x","error":"no","source":"in:1"}\n',
    b"\x00" * 5000,
    b"\x1f\x8b" + b"\xff" * 300,
]


def _reporting(flag: str, path: Path, *, replaces_any: bool = False) -> Reporting:
    return Reporting(
        report_path=path if flag == "--report" else None,
        failures_path=path if flag == "--failures" else None,
        replaces_any=replaces_any,
    )


@pytest.mark.parametrize(
    ("flag", "content"),
    [
        ("--report", b""),
        ("--report", _REPORT),
        ("--report", _REPORT[:-30]),
        ("--failures", b""),
        ("--failures", _FAILURES),
        ("--failures", _FAILURES[:-30]),
        ("--failures", _FAILURES[:-1]),
        ("--failures", _LINES[0][:-1]),
        ("--failures", _LINES[0][:-30]),
        ("--failures", _LINES[0][:1]),
        *(("--failures", line) for line in _LINES),
    ],
)
def test_an_empty_file_and_an_earlier_one_are_replaced(
    tmp_path: Path, flag: str, content: bytes
) -> None:
    path = tmp_path / "file"
    require_replaceable(_reporting(flag, path))
    path.write_bytes(content)
    require_replaceable(_reporting(flag, path))


@pytest.mark.parametrize(
    ("flag", "content"),
    [
        *(("--report", content) for content in [*_FOREIGN, _FAILURES, _REPORT * 2]),
        *(("--failures", content) for content in [*_FOREIGN, _REPORT]),
        *(("--failures", _FAILURES + content) for content in _FOREIGN),
    ],
)
def test_a_file_of_another_kind_is_refused_unless_forced(
    tmp_path: Path, flag: str, content: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"{flag} would replace .*/file: it is not empty") as error:
        require_replaceable(_reporting(flag, path))
    assert "--force" in str(error.value.hint)
    require_replaceable(_reporting(flag, path, replaces_any=True))
    assert path.read_bytes() == content


def test_streams_are_not_replaced() -> None:
    for flag in ("--report", "--failures"):
        for name in ("/dev/null", "/dev/stdout", "/dev/fd/1"):
            require_replaceable(_reporting(flag, Path(name)))


def test_a_file_that_cannot_be_read_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(_REPORT)

    def refuse(_: Path) -> bool:  # a mode would not keep root from reading
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("kvsctl.jobs.replacing.holds_report", refuse)
    with pytest.raises(UsageError, match=r"--report: cannot read .*file: Permission denied"):
        require_replaceable(_reporting("--report", path))
