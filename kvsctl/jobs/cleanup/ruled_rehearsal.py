"""What the rules of a clean-up would do, without changes: print the keys, or a plan."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing

from msgspec.structs import replace

from kvsctl.bulk.events import Emitter, Listener, RecordsRead, Settled
from kvsctl.bulk.feeds import ReadyFeed
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import Pressure
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.reconcile import UNSELECTED, ReadPolicy
from kvsctl.comparison.entries import Block
from kvsctl.comparison.memory import SortingMemory
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.actions import Expiring
from kvsctl.jobs.cleanup.consent import done_by
from kvsctl.jobs.cleanup.gathering import Gathered, size_of
from kvsctl.jobs.cleanup.plan import CleanUpPlan
from kvsctl.jobs.cleanup.rehearsal import Rehearsal, Rehearsing
from kvsctl.jobs.cleanup.surroundings import Surroundings
from kvsctl.jobs.cleanup.survey import Survey
from kvsctl.jobs.job import BatchJob
from kvsctl.listing.walk import SOURCE
from kvsctl.model import GET, SUCCEEDED, Found, Identity, Outcome, Record
from kvsctl.outputs.forms import PlanForm
from kvsctl.outputs.plan_lines import Planned, PlannedFor
from kvsctl.service.client import StoreClient
from kvsctl.service.wire import key_body


class RulesRehearsal(Survey):
    """Lists what rules choose, and settles each record as found, one rule after the other.

    For a plan, each is first read by batch/get, and left out if its rule no longer chooses it.
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
        super().__init__(job, plan, service, surroundings, pacer, memory)
        self._is_planned = job.records is not None and isinstance(job.records.form, PlanForm)
        self._positions = surroundings.journal.free_positions()
        self._rehearsing = [Rehearsing(one) for one in self._rehearsals()]
        self._changed = asyncio.Event()

    def _rehearsals(self) -> Iterator[Rehearsal]:
        for rule in self._rules:
            plan = replace(self._job.plan, verb=rule.action.verb, precondition=rule.precondition)
            rewrite = rule.action if isinstance(rule.action, Expiring) else None
            yield Rehearsal(plan, rewrite)

    def wake(self) -> None:
        """See Stages."""
        super().wake()
        self._changed.set()

    async def _work(self) -> None:
        try:
            with closing(await self._gathered(is_first=True)) as gathered:
                refusal = self._refusal(gathered)
                if self._is_planned and refusal is not None:  # the plan could not be applied
                    raise refusal
                for number in range(len(self._rules)):
                    if self._is_stopping:
                        return
                    await self._show(number, gathered)
                self._is_whole = not self._is_stopping
                if refusal is not None:
                    raise refusal
        finally:
            for report, rehearsing in zip(self._reports, self._rehearsing, strict=True):
                report.dry_run = rehearsing.dry_run()
                if report.tally is not self._around.tally:  # the job enters it in its totals
                    report.dry_run.enter(report.tally)

    def _refusal(self, gathered: Gathered) -> UsageError | None:
        """Return the error that the guards of the clean-up would raise, if any."""
        excess = self._excesses(gathered)
        if not excess:
            return None
        return UsageError(f"{excess}: nothing would be {done_by(self._rules)}")

    async def _show(self, number: int, gathered: Gathered) -> None:
        report, rehearsing = self._reports[number], self._rehearsing[number]
        listeners: list[Listener] = [*self._around.listeners, rehearsing]
        if report.tally not in listeners:
            listeners.insert(0, report.tally)
        blocks = gathered.spools[number].blocks()
        if self._is_planned:
            await self._read(number, gathered, blocks, listeners)
            return
        emitter = Emitter(listeners, stop=self.stop)
        for block in blocks:
            await self._wait_for_room()
            outcomes = [
                Outcome(record, SUCCEEDED, found=Found(bytes(size_of(entry))))
                for record, entry in zip(self._records(number, block), block, strict=True)
            ]
            emitter.emit(RecordsRead(len(outcomes)))
            emitter.emit(Settled(outcomes))
            self._is_torn = self._is_torn or emitter.is_torn

    async def _wait_for_room(self) -> None:
        """Wait until the output can take more. Let other tasks run."""
        await asyncio.sleep(0)
        self._changed.clear()
        while self._around.pressure() is not Pressure.NONE:
            await self._changed.wait()
            self._changed.clear()

    async def _read(
        self, number: int, gathered: Gathered, blocks: Iterator[Block], listeners: list[Listener]
    ) -> None:
        """Read the records that a rule chooses. Raise KvsctlError if that must end early."""
        chosen = self._still_chosen(number, gathered)

        def skips(identity: Identity, found: Found, now: float) -> str | None:
            return None if chosen(identity, found, now) else UNSELECTED

        refuses_rounded = self._job.plan.read_policy.refuses_rounded
        policy = ReadPolicy(ignore_missing=True, skips=skips, refuses_rounded=refuses_rounded)
        run = Run(
            replace(self._job.plan, verb=GET, read_policy=policy),
            self._service,
            listeners,
            pressure=self._around.pressure,
            pacer=self._pacer,
        )
        feed = ReadyFeed(self._records(number, block) for block in blocks)
        await self._carry_out(run, lambda: run.work(feed))

    def _records(self, number: int, block: Block) -> Sequence[Record]:
        rule, target = self._rules[number], self._job.target
        action = rule.action
        planned = Planned(
            action.name, target.display, target.installation, action.ttl_text, rule.name
        )
        records: list[Record] = []
        for entry in block:
            identity, position = Identity(entry.entity or None, entry.key), next(self._positions)
            body = key_body(identity)
            records.append(
                PlannedFor(position, SOURCE, position + 1, identity, body, planned=planned)
            )
        return records
