"""Count what a clean-up would work on in an installation, before anything is changed in any."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.settling.precondition import Precondition
from kvsctl.comparison.memory import SortingMemory
from kvsctl.errors import ExitStatus
from kvsctl.jobs.cleanup.consent import FoundByRule
from kvsctl.jobs.cleanup.gathering import Listed
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.plan import CleanUpPlan, CleanUpRule
from kvsctl.jobs.cleanup.surroundings import Surroundings
from kvsctl.jobs.cleanup.survey import Survey
from kvsctl.jobs.job import BatchJob, InputChecks, Reporting
from kvsctl.model import GET
from kvsctl.report.installations.ends import InstallationEnd
from kvsctl.service.client import StoreClient


class Counted(msgspec.Struct, frozen=True):
    """What was found in an installation, by the rules of the clean-up.

    `undecided` and `kept` records are left as they are.
    """

    installation: str
    rules: Sequence[FoundByRule]
    undecided: int = 0
    kept: int = 0

    @property
    def records(self) -> int:
        """How many records are chosen."""
        return sum(rule.records for rule in self.rules)

    @property
    def value_bytes(self) -> int:
        """The total size of their values."""
        return sum(rule.value_bytes for rule in self.rules)


class CountingRun(Survey):
    """Lists what rules choose, and changes nothing.

    `note` receives the counts and the listing, which it must close.
    """

    def __init__(
        self,
        job: BatchJob,
        plan: CleanUpPlan,
        service: StoreClient,
        surroundings: Surroundings,
        pacer: Pacer,
        memory: SortingMemory,
        note: Callable[[Counted, Listed], None],
    ) -> None:
        super().__init__(job, plan, service, surroundings, pacer, memory)
        self._name_of_store = job.target.installation or job.target.name
        self._note = note

    async def _work(self) -> None:
        gathered = await self._gathered(is_first=True)
        if self._is_stopping:
            gathered.close()
            return
        pairs = zip(gathered.spools, self._listed, strict=True)
        rules = [FoundByRule(one.count, one.value_bytes, listed) for one, listed in pairs]
        undecided, kept = sum(gathered.undecided), sum(gathered.kept)
        found = Counted(self._name_of_store, rules, undecided, kept)
        self._note(found, Listed(gathered, self._ages_count_from))
        self._is_whole = True


def counting_job(job: BatchJob, note: Callable[[Counted, Listed], None]) -> BatchJob:
    """Return the job that lists what a clean-up would work on, and changes nothing."""
    return replace(
        job,
        plan=replace(job.plan, verb=GET, precondition=Precondition(), verify=False),
        name=job.command,
        reporting=Reporting(quiet=True),
        checks=InputChecks(),
        journal=None,
        undo=None,
        has_consent=None,
        counted=note,
    )


def unlisted(line: InstallationEnd) -> InstallationEnd:
    """Return the line of an installation that could not be listed: no record was worked on."""
    code = line.exit_code or int(ExitStatus.UNREACHABLE)
    return InstallationEnd(
        line.installation, code, line.error, line.elapsed_seconds, hint=line.hint
    )


def has_limit(most: MostDeleted) -> bool:
    """Return whether anything limits how much a rule may change."""
    return any(one is not None for one in (most.records, most.percent, most.value_bytes))


def limited(job: BatchJob, found: Counted) -> BatchJob:
    """Return the clean-up of an installation, which changes at most what was found there.

    So all of them together keep to the limits. A job with a journal has no limits: see
    `Cleaning.of`.
    """
    cleanup = job.cleanup
    if cleanup is None or job.journal is not None:
        return job
    pairs = zip(cleanup.rules, found.rules, strict=True)
    return replace(job, cleanup=replace(cleanup, rules=[_bound(*pair) for pair in pairs]))


def _bound(rule: CleanUpRule, found: FoundByRule) -> CleanUpRule:
    if not has_limit(rule.most):
        return rule
    value_bytes = None if rule.most.value_bytes is None else found.value_bytes
    most = replace(rule.most, records=found.records, percent=None, value_bytes=value_bytes)
    return replace(rule, most=most)
