"""A listing as the input of a job, for commands that write or delete what it chooses."""

import asyncio
from pathlib import Path

import pytest

from kvsctl.bulk.plan import RunPlan
from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.jobs.job import BatchJob, Reporting
from kvsctl.jobs.runner import run_job
from kvsctl.jobs.store.listing_input import ListingInput
from kvsctl.listing.plan import ListingPlan
from kvsctl.model import Verb
from kvsctl.report.console import Environment
from kvsctl.selection.patterns import glob
from kvsctl.selection.selection import Selection
from kvsctl.service.wire import MetadataRequest
from tests.support.commands.command import Command


def _input(verb: Verb) -> ListingInput:
    plan = ListingPlan(Selection(matches=[glob("user:*")]), chains=3)
    return ListingInput(plan, RunPlan(verb), selection={"match": ["user:*"]})


def test_what_a_listing_chooses_is_deleted(kvsctl: Command, tmp_path: Path) -> None:
    database = tmp_path / "db"
    there = kvsctl.having(KVSCTL_LOCAL_DB=str(database), KVSCTL_TARGET="local")
    there("set", *[f"user:{n}=1" for n in range(300)], "kept=1", status=0)
    job = BatchJob(
        input=_input(Verb.DELETE),
        plan=RunPlan(Verb.DELETE),
        target=Target("local", local_path=database),
        allow_http=False,
        timeout_seconds=10.0,
        reporting=Reporting(report_path=tmp_path / "report", quiet=True),
        asked=MetadataRequest(updated=True),  # for the queries: a delete takes none
    )
    assert asyncio.run(run_job(job, Environment.of_process())) is ExitStatus.OK
    assert b'"records":300,"succeeded":300' in (tmp_path / "report").read_bytes()
    assert there("list", status=0).out == b"kept\n"


def test_there_is_nothing_to_list_without_a_target() -> None:
    with pytest.raises(UsageError, match="a listing needs a target"):
        _input(Verb.DELETE).feed()


def test_its_selection_tells_it_from_others() -> None:
    assert _input(Verb.GET).fingerprint() == [
        {"kind": "listing", "selection": {"match": ["user:*"]}}
    ]
