"""A clean-up from its listing to its last pass: list, ask, act, and list again."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count
from typing import Final

from msgspec.structs import replace

from kvsctl.bulk.feeds import ReadyFeed
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.comparison.memory import SortingMemory
from kvsctl.errors import RUN_AGAIN, UsageError, WorkLeft
from kvsctl.jobs.cleanup.actions import Action
from kvsctl.jobs.cleanup.consent import (
    FoundByRule,
    choose_fewer,
    name_of,
    notes_of,
    parts_of,
)
from kvsctl.jobs.cleanup.gathering import Gathered
from kvsctl.jobs.cleanup.plan import CleanUpPlan
from kvsctl.jobs.cleanup.spool import Spool
from kvsctl.jobs.cleanup.surroundings import Surroundings
from kvsctl.jobs.cleanup.survey import Survey
from kvsctl.jobs.cron.time_limit import Untouched
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.question import ANSWER_IN_TIME, Question, ask
from kvsctl.model import Record, Verb
from kvsctl.report.console import Environment
from kvsctl.service.client import StoreClient

MOST_PASSES: Final = 4
"""The most passes of listing and deleting: queries lag, so a later listing may find more."""


class CleanUpRun(Survey):
    """Carries out a clean-up.

    Listeners receive the events of its requests and of the records that it works on. If it is
    stopped before it has consent, it changes nothing.
    """

    def __init__(
        self,
        job: BatchJob,
        plan: CleanUpPlan,
        service: StoreClient,
        surroundings: Surroundings,
        environment: Environment,
        pacer: Pacer,
        memory: SortingMemory,
    ) -> None:
        super().__init__(job, plan, service, surroundings, pacer, memory)
        self._covers = plan.listing.covers
        self._environment = environment
        self._positions = surroundings.journal.free_positions()
        self._is_asking = False

    @property
    def untouched(self) -> Untouched | None:
        """See Stages."""
        if self._is_asking:
            return Untouched("the question was answered", self._nothing_done, ANSWER_IN_TIME)
        return super().untouched

    async def _work(self) -> None:
        try:
            for number in count(1):
                with closing(await self._gathered(is_first=number == 1)) as gathered:
                    if number > 1:
                        await self._only_new(gathered)
                    if not self._is_stopping:
                        self._is_whole = not gathered.count
                        repeats = self._repeats(gathered)
                        await self._take(gathered, number)
                        self._is_whole = self._is_whole or not (repeats or self._is_stopping)
                if self._is_whole or self.is_cut_short:
                    return
        finally:
            self._handled.close()

    async def _only_new(self, gathered: Gathered) -> None:
        """Remove from a later listing the records that were worked on before.

        New records of a rule that does not repeat are left to the next run.
        """
        for number, rule in enumerate(self._rules):
            listed = gathered.spools[number]
            if not rule.action.repeats:
                listed.close()
                gathered.spools[number] = Spool(self._memory)
            elif listed.count:
                gathered.spools[number], self._handled = await listed.without(self._handled)

    def _repeats(self, gathered: Gathered) -> bool:
        """Return whether another listing may find more records to work on."""
        pairs = zip(self._rules, gathered.spools, strict=True)
        return any(rule.action.repeats and spool.count for rule, spool in pairs)

    async def _take(self, gathered: Gathered, number: int) -> None:
        """Work on the records of a listing, if guards and user allow it. Raise KvsctlError."""
        if not gathered.count:
            return
        if number > MOST_PASSES:
            raise _keys_left(gathered.count)
        self._require_few(gathered, is_first=number == 1)
        if number == 1:
            if not self._job.has_consent:
                self._is_asking = True
                with self._around.asking():
                    await ask(self._question(gathered), self._environment)
                self._is_asking = False
            self._around.open_undo()
        for rule, spool in enumerate(gathered.spools):
            if spool.count and not self._is_stopping:
                await self._work_on(rule, gathered)

    async def _work_on(self, number: int, gathered: Gathered) -> None:
        """Work on records that a rule still chooses. Raise KvsctlError if that must end early."""
        spool, report = gathered.spools[number], self._reports[number]
        self._value_bytes[number] += spool.value_bytes
        left = sum(one.count for one in gathered.spools[number:])
        with self._around.showing_progress(left):
            listeners = self._around.listeners
            run = Run(
                self._run_plan(number, gathered),
                self._service,
                listeners if report.tally in listeners else [report.tally, *listeners],
                pressure=self._around.pressure,
                pacer=self._pacer,
            )
            feed = ReadyFeed(self._records(spool, self._rules[number].action))
            await self._carry_out(run, lambda: run.work(feed))

    def _run_plan(self, number: int, gathered: Gathered) -> RunPlan:
        rule = self._rules[number]
        chosen = self._still_chosen(number, gathered)
        condition = rule.action.precondition(rule.precondition, chosen)
        condition = replace(condition, keeper=self._around.undo)
        undo = self._job.undo
        has_use = rule.action.verb is Verb.SET or (undo is not None and undo.has_values)
        return replace(
            self._job.plan,
            verb=rule.action.verb,
            precondition=condition,
            # A bridge may have rounded a value: that matters only where it is kept or written.
            read_policy=self._job.plan.read_policy if has_use else ReadPolicy(),
        )

    def _records(self, spool: Spool, action: Action) -> Iterator[Sequence[Record]]:
        for block in spool.blocks():
            records: list[Record] = []
            for entry in block:
                self._handled.add(entry)
                records.append(action.record(next(self._positions), entry))
            yield records

    def _require_few(self, gathered: Gathered, *, is_first: bool) -> None:
        """Raise UsageError, or WorkLeft after the first pass, if these are too many to delete."""
        excess = self._excesses(gathered)
        if not excess:
            return
        if is_first:
            hint = choose_fewer(self._job.target, self._covers, self._rules)
            raise UsageError(f"{excess}: {self._nothing_done}", hint)
        raise WorkLeft(f"{excess}: records that were found later are left", RUN_AGAIN)

    def _question(self, gathered: Gathered) -> Question:
        rules, spools = self._rules, gathered.spools
        found = [
            FoundByRule(spool.count, spool.value_bytes, listed, spool.first_keys)
            for spool, listed in zip(spools, self._listed, strict=True)
        ]
        affected = [rule for rule, one in zip(rules, found, strict=True) if one.records]
        notes = notes_of(
            self._covers, affected, undecided=sum(gathered.undecided), kept=sum(gathered.kept)
        )
        parts = parts_of(rules, found)
        return Question(
            name_of(rules),
            self._job.target,
            gathered.count,
            sum(one.value_bytes for one in found),
            () if parts else [key for one in found for key in one.first_keys],
            notes,
            self._nothing_done,
            parts,
        )


def _keys_left(left: int) -> WorkLeft:
    keys = "1 key is" if left == 1 else f"{left:,} keys are"
    return WorkLeft(
        f"{keys} left that a later listing found: others may be writing, or queries lag", RUN_AGAIN
    )
