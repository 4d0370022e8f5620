"""The common part of jobs that act by rules: first, list everything that the rules choose."""

from collections.abc import Sequence
from functools import partial
from weakref import proxy

from msgspec.structs import replace

from kvsctl.bulk.events import Emitter
from kvsctl.bulk.feeds import no_records
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.settling.precondition import Precondition
from kvsctl.bulk.settling.reconcile import EXPIRED, UNDECIDED, ReadPolicy
from kvsctl.comparison.memory import SortingMemory
from kvsctl.jobs.cleanup.actions import StillChosen
from kvsctl.jobs.cleanup.consent import FoundByRule, done_by, excesses, name_of, refusal_of
from kvsctl.jobs.cleanup.gathering import Gathered, Gatherer, Listed, is_chosen_by
from kvsctl.jobs.cleanup.plan import CleanUpPlan
from kvsctl.jobs.cleanup.spool import Spool
from kvsctl.jobs.cleanup.stages import Stages
from kvsctl.jobs.cleanup.surroundings import Surroundings
from kvsctl.jobs.cron.time_limit import MORE_TIME, Untouched
from kvsctl.jobs.job import BatchJob
from kvsctl.listing.run import ListingRun
from kvsctl.model import GET
from kvsctl.service.client import StoreClient


class Survey(Stages):
    """Lists a store, and finds out which rule settles each record.

    Listeners receive the events of its requests; listed records are not settled. Ages count from
    one moment in all listings, and in those of resumed runs too. `memory` bounds the memory for
    listed records.
    """

    def __init__(
        self,
        job: BatchJob,
        plan: CleanUpPlan,
        service: StoreClient,
        surroundings: Surroundings,
        pacer: Pacer,
        memory: SortingMemory,
    ) -> None:
        super().__init__()
        self._job = job
        self._service = service
        self._around = surroundings
        self._pacer = pacer
        self._memory = memory
        self._rules = plan.rules
        self._reports = surroundings.rules
        self._listing = plan.listing
        self._chosen = plan.chosen
        self._listing_plan = _listing_plan(job.plan)
        self._done_before = surroundings.tally.succeeded
        self._listed: Sequence[int] = ()
        self._handled = Spool(memory)
        """Every record that was worked on."""
        self._value_bytes = [0] * len(plan.rules)
        self._ages_count_from: float | None = None
        self._is_listed = False
        """Whether a listing has finished."""
        cutoff = surroundings.journal.cutoff
        if cutoff is not None and cutoff.ages_count_from is not None:
            self._chosen = self._chosen.counted_from(cutoff.ages_count_from)

    async def _gathered(self, *, is_first: bool) -> Gathered:
        """List the chosen records, unless the job has them. Raise KvsctlError if that fails."""
        if is_first and self._job.listed is not None:
            self._is_listed = True
            listed = self._job.listed
        else:
            listed = await self._listed_now()
        if is_first:
            self._note_first(*listed)
        return listed.gathered

    async def _listed_now(self) -> Listed:
        """List the chosen records. Raise KvsctlError if that cannot be finished."""
        gathered = Gathered(self._chosen, [rule.action for rule in self._rules], self._memory)
        try:
            with self._around.showing_progress(lists_only=True):
                emitter = Emitter(self._around.listeners, stop=self.stop)
                gatherer = Gatherer(
                    self._chosen,
                    gathered,
                    emitter.emit,
                    moment=lambda: listing.ages_count_from,
                    now=self._service.now,
                )
                run = ListingRun(
                    replace(self._listing, selection=self._chosen.chooser),
                    self._listing_plan,
                    self._service,
                    [gatherer],
                    pacer=self._pacer,
                    notice=self._around.notice,
                )
                listing: ListingRun = proxy(run)  # the run keeps the gatherer
                await self._carry_out(run, run.work)
                self._is_torn = self._is_torn or emitter.is_torn
            if not self._is_stopping:
                gatherer.require_all_read(name_of(self._rules), done_by(self._rules))
                self._handled = await gathered.resolve(self._handled)
        except BaseException:
            gathered.close()
            raise
        self._is_listed = self._is_listed or not self._is_stopping
        return Listed(gathered, run.ages_count_from)

    def _note_first(self, gathered: Gathered, moment: float | None) -> None:
        """Note what holds for all passes. Raise UsageError if records are required."""
        self._ages_count_from = moment
        if moment is not None:
            self._chosen = self._chosen.counted_from(moment)
            if self._around.journal.cutoff is not None:
                self._around.journal.cutoff.ages_count_from = moment
        _count_skipped(self._around.tally, UNDECIDED, sum(gathered.undecided))
        _count_skipped(self._around.tally, EXPIRED, gathered.expired)
        for number, report in enumerate(self._reports):
            report.kept = gathered.kept[number]
            if report.tally is not self._around.tally:
                _count_skipped(report.tally, UNDECIDED, gathered.undecided[number])
        parts = 1 if self._job.shard is None else self._job.shard.parts
        self._listed = [listed // parts + self._done_before for listed in gathered.listed]
        if self._job.checks.requires_input and not (gathered.count or self._is_stopping):
            raise no_records()

    def _still_chosen(self, number: int, gathered: Gathered) -> StillChosen:
        """Return a function that judges records read again by a rule and its gathered groups."""
        return partial(is_chosen_by, self._chosen, number, gathered.latest)

    def _excesses(self, gathered: Gathered) -> str:
        """Return why the rules must not change what they choose; an empty text if they may.

        Records that they have changed before count, too.
        """
        found = [
            FoundByRule(
                self._reports[number].tally.succeeded + spool.count,
                self._value_bytes[number] + spool.value_bytes,
                self._listed[number],
            )
            for number, spool in enumerate(gathered.spools)
        ]
        return excesses(self._rules, found)

    @property
    def _nothing_done(self) -> str:
        """What to say if nothing may be changed, or nothing more in a resumed job."""
        return refusal_of(self._rules, self._done_before)

    @property
    def untouched(self) -> Untouched | None:
        """See Stages."""
        if self._is_listed:
            return None
        return Untouched("the listing was finished", self._nothing_done, MORE_TIME)


def _listing_plan(plan: RunPlan) -> RunPlan:
    """Return the plan to read listed records again, with no precondition: that comes later."""
    nothing, policy = Precondition(), ReadPolicy()
    return replace(plan, verb=GET, precondition=nothing, verify=False, read_policy=policy)


def _count_skipped(tally: Tally, name: str, count: int) -> None:
    """Count the records that are kept for a reason that the listing has shown.

    Later listings find them again, so those that an earlier run has counted are among them.
    """
    added = count - tally.skipped_by.pop(name, 0)
    tally.records += added
    tally.skipped += added
    if count:
        tally.skipped_by[name] = count
