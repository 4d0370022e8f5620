"""What is told at the end of a run, whatever went wrong with it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvsctl.bulk.events import RecordsRead
from kvsctl.bulk.plan import RunPlan
from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus
from kvsctl.jobs.inputs import ReaderInput
from kvsctl.jobs.job import BatchJob, Reporting
from kvsctl.jobs.listeners import JobListeners
from kvsctl.model import Verb
from kvsctl.records.reader import Reader
from kvsctl.report.console import Environment
from kvsctl.report.document import About


def test_a_sum_that_does_not_hold_is_said_beside_the_report(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    reader = Reader([], lambda *_: pytest.fail("nothing is read"))
    target = Target("local", local_path=tmp_path / "db")
    reporting = Reporting(as_json=True, report_path=report)
    job = BatchJob(
        input=ReaderInput(reader),
        plan=RunPlan(Verb.SET),
        target=target,
        allow_http=False,
        timeout_seconds=1.0,
        reporting=reporting,
    )
    about = About("set", "local", "1", datetime.now(UTC))
    with JobListeners(job, about, Environment.of_process({})) as listeners:
        listeners.listeners[0](RecordsRead(2))
    assert listeners.finish(None, ExitStatus.INTERRUPTED, 1.0) is ExitStatus.DEFECT
    out, err = capfd.readouterr()
    assert "the report does not add up: 2 records, but 0 succeeded" in err
    assert "Please report it" in err
    assert json.loads(out)["exit_code"] == json.loads(report.read_bytes())["exit_code"] == 70
