"""Write to many stores at once, in this process, each at its full quota. Print counts and times.

Every store has a job, a pacer, connections, a report and, if asked for, a journal of its own.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus
from kvsctl.jobs.event_loop import on_a_loop
from kvsctl.jobs.inputs import ReaderInput
from kvsctl.jobs.job import BatchJob, Journalling, Reporting
from kvsctl.jobs.runner import run_job
from kvsctl.model import Verb
from kvsctl.records.parser_choice import set_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.sources import File
from kvsctl.report.console import Environment


def main() -> None:
    """Take: the URL, the input, how many stores, a folder, and 1 for journals."""
    url, source, stores, folder, has_journal = sys.argv[1:]
    folder_path = Path(folder)
    jobs = [
        _job(url, Path(source), folder_path / str(number), has_journal=has_journal == "1")
        for number in range(int(stores))
    ]
    on_a_loop(_measured(jobs), has_network=True)
    reports = [json.loads((folder_path / f"{n}.json").read_bytes()) for n in range(len(jobs))]
    assert all(one["succeeded"] == one["records"] for one in reports)
    print(
        json.dumps(
            {
                "records": sum(one["records"] for one in reports),
                "units": sum(one["units"]["write"] for one in reports),
                "requests": sum(one["requests"] for one in reports),
                **_took,
            }
        )
    )


_took: dict[str, float] = {}


def _job(url: str, source: Path, files: Path, *, has_journal: bool) -> BatchJob:
    reader = Reader([File(source)], set_parsers(Rules(), string=False))
    return BatchJob(
        input=ReaderInput(reader),
        plan=RunPlan(Verb.SET, pace=Pace.of(1.0), finds_concurrency=True),
        target=Target("store", url=url),
        allow_http=False,
        timeout_seconds=60.0,
        reporting=Reporting(report_path=files.with_suffix(".json"), quiet=True),
        journal=Journalling(files.with_suffix(".journal"), {}) if has_journal else None,
    )


async def _measured(jobs: list[BatchJob]) -> None:
    environment = Environment.of_process()
    now = asyncio.get_running_loop().time
    pacers = [Pacer(job.plan.pace, now) for job in jobs]
    cpu_seconds, started = time.process_time(), time.perf_counter()
    work = [run_job(job, environment, pacer=pacer) for job, pacer in zip(jobs, pacers, strict=True)]
    statuses = await asyncio.gather(*work)
    _took["cpu_seconds"] = time.process_time() - cpu_seconds
    _took["seconds"] = time.perf_counter() - started
    assert set(statuses) == {ExitStatus.OK}


if __name__ == "__main__":
    main()
