"""Clean-ups against a simulated store, on virtual time."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from kvsctl.bulk.events import Listener
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import Pressure, RunPlan
from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.config.targets import Target
from kvsctl.errors import KvsctlError
from kvsctl.jobs.cleanup.actions import Action, Deleting
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.plan import CleanUpPlan, CleanUpRule
from kvsctl.jobs.cleanup.run import CleanUpRun
from kvsctl.jobs.cleanup.spool import spool_memory
from kvsctl.jobs.job import BatchJob, Reporting
from kvsctl.jobs.store.listing_input import ListingInput
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.remainder import Cutoff
from kvsctl.model import Verb
from kvsctl.outputs.undo_file import UndoFile
from kvsctl.report.console import Environment
from kvsctl.report.store.rules import RuleReport
from kvsctl.retention.rules import Rule, Rules
from kvsctl.selection.selection import Selection
from kvsctl.service.client import StoreClient
from kvsctl.service.wire import MetadataRequest
from tests.support.simulated.shared_store import SharedStore
from tests.support.simulated.virtual_time import run_virtual

NOBODY = Environment(None, None, False, False, False, False, 80)


class Earlier:
    """What no earlier run has left, unless it is told otherwise."""

    def __init__(self, cutoff: Cutoff | None) -> None:
        self.cutoff = cutoff

    def free_positions(self) -> Iterator[int]:
        return count()


class Around:
    """What a job's listeners are to a clean-up: they count, and notice nothing else."""

    def __init__(
        self, *listeners: Listener, cutoff: Cutoff | None = None, undo: UndoFile | None = None
    ) -> None:
        self.tally = Tally()
        self.listeners: list[Listener] = [self.tally, *listeners]
        self.journal = Earlier(cutoff)
        self.notices: list[str] = []
        self.undo = undo
        self.rules: list[RuleReport] = []

    def open_undo(self) -> None:
        if self.undo is not None:
            self.undo.open()

    def pressure(self) -> Pressure:
        return Pressure.NONE

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def asking(self) -> nullcontext[None]:
        return nullcontext()

    def showing_progress(
        self, records: int | None = None, *, lists_only: bool = False
    ) -> nullcontext[None]:
        return nullcontext()


def cleanup_job(
    selection: Selection,
    *,
    most: MostDeleted | None = None,
    reads_first: bool = False,
    needed: MetadataRequest | None = None,
    action: Action | None = None,
    **changes: Any,
) -> BatchJob:
    """Return the job that deletes what `selection` chooses, or does `action`, without asking."""
    deletes = action is None or isinstance(action, Deleting)
    listing = ListingPlan(
        selection, chains=2, needed=needed or MetadataRequest(), skip_expired=not deletes
    )
    is_read_first = reads_first or not selection.is_of_keys_only or not deletes
    write_if = WriteIf.CHOSEN if is_read_first else WriteIf.ALWAYS
    verb = Verb.DELETE if deletes else Verb.SET
    plan = RunPlan(verb, precondition=Precondition(write_if))
    job = BatchJob(
        input=ListingInput(listing, plan),
        plan=plan,
        target=Target("local", local_path=Path("db")),
        allow_http=False,
        timeout_seconds=10.0,
        reporting=Reporting(quiet=True),
        cleanup=CleanUpPlan.of_one(
            listing, most or MostDeleted(), action or Deleting(), plan.precondition
        ),
        has_consent=True,
    )
    return replace(job, **changes)


def ruled_plan(*pairs: tuple[Rule, Action], most: MostDeleted | None = None) -> CleanUpPlan:
    """Return the plan of rules with their actions. They are named `rule 0`, `rule 1`, …"""
    rules = Rules([rule for rule, _ in pairs])
    listing = ListingPlan(chains=2, needed=MetadataRequest(updated=True))
    return CleanUpPlan(
        listing,
        [
            CleanUpRule(
                rule,
                action,
                most or MostDeleted(),
                Precondition(WriteIf.ALWAYS if is_by_key else WriteIf.CHOSEN),
                f"rule {number}",
            )
            for number, ((rule, action), is_by_key) in enumerate(
                zip(pairs, rules.are_by_key(), strict=True)
            )
        ],
    )


def clean_up(
    job: BatchJob, store: SharedStore, around: Around, environment: Environment = NOBODY
) -> KvsctlError | None:
    """Carry out a clean-up on virtual time. Return what ended it."""

    async def work() -> KvsctlError | None:
        assert job.cleanup is not None
        service = cast(StoreClient, store)
        around.rules = job.cleanup.reports(around.tally)
        pacer = Pacer(job.plan.pace, asyncio.get_running_loop().time)
        memory = spool_memory()
        run = CleanUpRun(job, job.cleanup, service, around, environment, pacer, memory)
        error = await run.work()
        assert memory.held_bytes == memory.pages.pages == 0
        return error

    return run_virtual(work(), waits_for_threads=True)
