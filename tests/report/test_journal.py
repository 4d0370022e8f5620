"""What `journal show` prints."""

import json
from pathlib import Path

from msgspec.structs import replace

from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.journal.file import JournalFile, read_journal
from kvsctl.journal.state import FailuresMark, Group, Stage, Totals
from kvsctl.report.journal import journal_document, journal_lines
from tests.support.journals import HEADER, note


def _journal(path: Path, stage: Stage = Stage.RUNNING, kind: str = "stdin") -> Path:
    header = replace(
        HEADER,
        input=[{"kind": kind}],
        failures_path="/tmp/failed\x1b[31m",
        output_path="/tmp/out",
        started_at="2026-01-02T05:04:05.678912+02:00",
    )
    with JournalFile(path) as journal:
        journal.begin(header)
        counts = {"records": 8, "succeeded": 7, "failed": 1}
        totals = Totals(counts, {}, {"A": 1}, {"A": note(3)}, {3: note(3)})
        journal.append(
            Group(
                SettledRanges([(0, 5), (7, 10)]),
                {"A": SettledRanges([(3, 4)])},
                totals=totals,
                failures=FailuresMark(90, 5),
                output_bytes=1234,
                elapsed_seconds=2.5,
                stage=stage,
            )
        )
    return path


def test_lines_for_people_show_the_progress_of_a_job(tmp_path: Path) -> None:
    path = _journal(tmp_path / "j")
    text = "\n".join(journal_lines(path, read_journal(path), in_use=False))
    for said in (
        "set on local", "stdin", "not complete: run the same command to resume",
        "2026-01-02T03:04:05.678Z, 2.5 s of running time",
        "8 records: the first 5, and 3 later ones", "7 succeeded, 1 failed\n",
        "1 failure, with --retry-failed", "90 bytes", "/tmp/out, 1,234 bytes",
    ):  # fmt: skip
        assert said in text
    assert "\x1b" not in text
    assert "in use by a run" in "".join(journal_lines(path, read_journal(path), in_use=True))


def test_zeros_of_a_journal_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with JournalFile(path) as journal:
        journal.begin(HEADER)
        journal.append(Group(SettledRanges([(0, 3)])))
    text = "\n".join(journal_lines(path, read_journal(path), in_use=False))
    assert "settled   3 records\n" in f"{text}\n"
    assert "to retry" not in text


def test_failures_of_a_listing_are_not_retried_on_request(tmp_path: Path) -> None:
    path = _journal(tmp_path / "j", kind="listing")
    text = "\n".join(journal_lines(path, read_journal(path), in_use=False))
    assert "1 failure, when the job starts anew" in text
    assert "--retry-failed" not in text


def test_the_document_for_programs_is_complete(tmp_path: Path) -> None:
    path = _journal(tmp_path / "j", Stage.COMPLETE)
    with path.open("ab") as file:
        file.write(b"torn")
    document = journal_document(path, read_journal(path), in_use=False)
    assert json.loads(json.dumps(document)) == document | {
        "settled": [[0, 5], [7, 10]],
        "retryable": [[3, 4]],
    }
    expected = {
        "schema": 1, "format": 1, "path": str(path), "in_use": False, "stage": "complete",
        "command": "set", "target": "local", "groups": 1, "torn_bytes": 4, "records": 8,
        "succeeded": 7, "failed": 1, "skipped": 0, "elapsed_s": 2.5, "output": "/tmp/out",
        "output_bytes": 1234, "failures_bytes": 90, "started_at": "2026-01-02T03:04:05.678Z",
    }  # fmt: skip
    assert {name: document[name] for name in expected} == expected


def test_a_journal_without_a_header_is_shown_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.touch()
    assert journal_lines(path, read_journal(path), in_use=False) == [f"{path}: an empty journal"]
    assert journal_document(path, read_journal(path), in_use=False)["command"] is None
