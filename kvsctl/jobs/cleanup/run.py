"""A clean-up from its listing to its last pass: list, ask, act, and list again."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count
from typing import Final

from msgspec.structs import replace

from kvsctl.bulk.events import Emitter
from kvsctl.bulk.feeds import ReadyFeed, no_records
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.precondition import Precondition
from kvsctl.bulk.settling.reconcile import UNDECIDED
from kvsctl.errors import RUN_AGAIN, UsageError, WorkLeft
from kvsctl.jobs.cleanup.gathering import Gatherer, size_of
from kvsctl.jobs.cleanup.plan import CleanUpPlan
from kvsctl.jobs.cleanup.spool import Spool
from kvsctl.jobs.cleanup.stages import Stages
from kvsctl.jobs.cleanup.surroundings import Surroundings
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.question import Question, ask
from kvsctl.listing.run import ListingRun
from kvsctl.model import GET, Record
from kvsctl.report.console import Environment
from kvsctl.service.client import StoreClient

MOST_PASSES: Final = 4
"""How often what a listing found is deleted: queries lag, so a later one may find more."""


class CleanUpRun(Stages):
    """Carries out a clean-up.

    Listeners receive the events of its requests and of the records that it works on; what is only
    listed is not settled. Stopped before it has consent, it changes nothing.
    """

    def __init__(
        self,
        job: BatchJob,
        plan: CleanUpPlan,
        service: StoreClient,
        surroundings: Surroundings,
        environment: Environment,
        pacer: Pacer,
    ) -> None:
        super().__init__()
        self._job = job
        self._plan = plan
        self._action = plan.action
        self._service = service
        self._around = surroundings
        self._environment = environment
        self._pacer = pacer
        self._positions = surroundings.journal.free_positions()
        self._done_before = surroundings.tally.succeeded
        self._listing = plan.listing
        cutoff = surroundings.journal.cutoff
        if cutoff is not None and cutoff.ages_count_from is not None:
            self._count_ages_from(cutoff.ages_count_from)
        self._listed = 0
        self._value_bytes = 0
        self._undecided = 0

    async def _work(self) -> None:
        handled = Spool()
        try:
            for number in count(1):
                listed = await self._gathered(is_first=number == 1)
                if number > 1 and listed.count:
                    listed, handled = await listed.without(handled)
                with closing(listed):
                    if not self._is_stopping:
                        self._is_whole = not listed.count
                        await self._take(listed, handled, number)
                self._is_whole = self._is_whole or not (self._action.repeats or self._is_stopping)
                if self._is_whole or self.is_cut_short:
                    return
        finally:
            handled.close()

    async def _take(self, listed: Spool, handled: Spool, number: int) -> None:
        """Work on what a listing found, if that may be. Raise KvsctlError."""
        if not listed.count:
            return
        if number > MOST_PASSES:
            raise _keys_left(listed.count)
        self._require_few(listed, is_first=number == 1)
        if number == 1:
            await self._ask(listed)
            self._around.open_undo()
        await self._work_on(listed, handled)

    async def _gathered(self, *, is_first: bool) -> Spool:
        """List what is chosen. Raise KvsctlError if that cannot be finished."""
        spool = Spool(size_of)
        try:
            with self._around.showing_progress():
                emitter = Emitter(self._around.listeners, stop=self.stop)
                gatherer = Gatherer(spool, emitter.emit, self._action)
                run = ListingRun(
                    self._listing,
                    replace(self._job.plan, verb=GET, precondition=Precondition(), verify=False),
                    self._service,
                    [gatherer],
                    pacer=self._pacer,
                    notice=self._around.notice,
                )
                await self._carry_out(run, run.work)
                self._is_torn = self._is_torn or emitter.is_torn
            if not self._is_stopping:
                gatherer.require_all_read()
        except BaseException:
            spool.close()
            raise
        if is_first:
            self._note_cutoff(run.ages_count_from)
            self._undecided = gatherer.undecided
            _count_undecided(self._around.tally, gatherer.undecided)
            shard = self._listing.selection.shard
            parts = 1 if shard is None else shard.parts
            self._listed = gatherer.listed // parts + self._done_before
            if self._job.checks.requires_input and not (spool.count or self._is_stopping):
                raise no_records()
        return spool

    def _note_cutoff(self, moment: float | None) -> None:
        """Let the ages of every pass count from one moment, and those of resumed runs too."""
        if moment is not None:
            self._count_ages_from(moment)
            if self._around.journal.cutoff is not None:
                self._around.journal.cutoff.ages_count_from = moment

    def _count_ages_from(self, moment: float) -> None:
        selection = self._listing.selection.counted_from(moment)
        self._listing = replace(self._listing, selection=selection)

    async def _work_on(self, listed: Spool, handled: Spool) -> None:
        """Work on what is still chosen. Raise KvsctlError if that must end early."""
        self._value_bytes += listed.value_bytes
        with self._around.showing_progress():
            run = Run(
                self._run_plan(),
                self._service,
                self._around.listeners,
                pressure=self._around.pressure,
                pacer=self._pacer,
            )
            feed = ReadyFeed(self._records(listed, handled))
            await self._carry_out(run, lambda: run.work(feed))

    def _run_plan(self) -> RunPlan:
        plan = self._job.plan
        condition = self._action.precondition(plan.precondition, self._listing.selection)
        return replace(plan, precondition=replace(condition, keeper=self._around.undo))

    def _records(self, listed: Spool, handled: Spool) -> Iterator[Sequence[Record]]:
        for block in listed.blocks():
            records: list[Record] = []
            for entry in block:
                handled.add(entry)
                records.append(self._action.record(next(self._positions), entry))
            yield records

    def _require_few(self, listed: Spool, *, is_first: bool) -> None:
        """Raise UsageError, or WorkLeft after the first pass, if that is too much to delete."""
        chosen = self._around.tally.succeeded + listed.count
        value_bytes = self._value_bytes + listed.value_bytes
        excess = self._plan.most.excess(chosen, value_bytes, self._listed)
        if excess is None:
            return
        if is_first:
            raise UsageError(
                f"{excess}: {self._refusal}", "Choose fewer, or allow more if this is meant."
            )
        raise WorkLeft(f"{excess}: what was found later is left", RUN_AGAIN)

    @property
    def _refusal(self) -> str:
        return f"nothing was {self._action.done}"

    async def _ask(self, listed: Spool) -> None:
        """Raise UsageError unless the user consents."""
        if self._job.has_consent:
            return
        details = [f"Covers {self._plan.listing.covers}. Secrets are not listed."]
        if self._undecided:
            details.append(f"Kept, because nothing can be decided about them: {self._undecided:,}.")
        question = Question(
            self._job.command,
            self._job.target,
            listed.count,
            listed.value_bytes,
            listed.first_keys,
            [*details, *self._action.notes],
            self._refusal,
        )
        await ask(question, self._environment)


def _count_undecided(tally: Tally, undecided: int) -> None:
    """Count the records that are kept because nothing can be decided about them.

    They stay there to be listed, so those that an earlier run has counted are among them.
    """
    added = undecided - tally.skipped_by.pop(UNDECIDED, 0)
    tally.records += added
    tally.skipped += added
    if undecided:
        tally.skipped_by[UNDECIDED] = undecided


def _keys_left(left: int) -> WorkLeft:
    keys = "1 key is" if left == 1 else f"{left:,} keys are"
    return WorkLeft(
        f"{keys} left that a later listing found: others may be writing, or queries lag", RUN_AGAIN
    )
