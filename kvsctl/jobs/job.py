"""A batch command as one frozen request, free of the command line that made it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.plan import RunPlan
from kvsctl.config.settings import STATS_SECONDS
from kvsctl.config.targets import Target
from kvsctl.errors import RUN_AGAIN
from kvsctl.jobs.inputs import JobInput
from kvsctl.outputs.forms import KeyForm, Printing, RecordForm
from kvsctl.service.wire import MetadataRequest

if TYPE_CHECKING:
    from kvsctl.comparison.joining import Counts
    from kvsctl.jobs.cleanup.gathering import Listed
    from kvsctl.jobs.cleanup.guards import MostDeleted
    from kvsctl.jobs.cleanup.plan import CleanUpPlan
    from kvsctl.jobs.cleanup.undo import UndoPlan
    from kvsctl.jobs.compare.comparing import Comparison
    from kvsctl.jobs.compare.verifying import Verification
    from kvsctl.jobs.installations.counting import Counted
    from kvsctl.jobs.installations.part import PartEnd
    from kvsctl.jobs.question import Question
    from kvsctl.jobs.store.deletions import Deletions
    from kvsctl.listing.plan import ListingPlan
    from kvsctl.report.dry_run import DryRun
    from kvsctl.report.failed.retry_line import RetryWords
    from kvsctl.report.store.differences import Finding
    from kvsctl.report.store.rules import RuleReport
    from kvsctl.shards import Shard


class Reporting(msgspec.Struct, frozen=True):
    """What the run reports, and where.

    `replaces_any`: the report and the failures file may replace files of another kind.
    `stats_seconds`: the interval of progress lines where progress is not drawn; 0: never.
    """

    as_json: bool = False
    report_path: Path | None = None
    failures_path: Path | None = None
    quiet: bool = False
    verbosity: int = 0
    replaces_any: bool = False
    stats_seconds: int = STATS_SECONDS


class Journalling(msgspec.Struct, frozen=True):
    """Where the job's journal is, and how the job is resumed from it.

    `identity` holds the options that must be the same when the job is resumed.
    """

    path: Path
    identity: Mapping[str, Any]
    retry_failed: bool = False
    force: bool = False


class InputChecks(msgspec.Struct, frozen=True):
    """What is required of the input before anything is sent.

    `requires_input`: at least one record. `checks_first`: no problem in all of it.
    `is_dry_run`: nothing is sent at all.
    """

    requires_input: bool = False
    checks_first: bool = False
    is_dry_run: bool = False


class Schedule(msgspec.Struct, frozen=True):
    """When the job must end, and which lock keeps other jobs out while it runs.

    `max_duration_seconds`: how long it takes new work; None: as long as it needs.
    `lock_wait_seconds`: how long it waits for a lock that is held. `spent_seconds`: how much of its
    time was spent before there was a job.
    """

    max_duration_seconds: int | None = None
    lock_path: Path | None = None
    lock_wait_seconds: int = 0
    spent_seconds: float = 0.0


class JobEnd(msgspec.Struct, frozen=True):
    """How a job ended. `error`: the message of the error that ended it early, if any.

    `hint`: what to do about the error. `tally` is None if it sent no requests and reads no records.
    `dry_run`: what it would need, if it was a dry run. `rules`: those of a clean-up. `report`: the
    JSON report, if the watcher wants it and the job has one of the schema of batch jobs.
    `installations`: how each ended, if it was a group of them. `compared`: the counts of a
    comparison. `finding`: the result of verifying one of several exports.
    """

    tally: Tally | None
    elapsed_seconds: float
    error: str | None
    dry_run: "DryRun | None" = None
    rules: "Sequence[RuleReport]" = ()
    report: dict[str, Any] | None = None
    installations: "Sequence[PartEnd]" = ()
    compared: "Counts | None" = None
    finding: "Finding | None" = None
    hint: str | None = None


class Watcher(Protocol):
    """Who is notified of the end of a job: see `jobs.cron.watch`."""

    @property
    def wants_report(self) -> bool:
        """Whether it reads the JSON report, which is not made for it otherwise."""
        ...

    def note_end(self, end: JobEnd) -> None:
        """Take how the job ended. Its report has been published."""
        ...


class KeptEnd:
    """A watcher that keeps how a job ended, with its report if it `wants_report`.

    `end` is None until then.
    """

    def __init__(self, *, wants_report: bool = False) -> None:
        self.wants_report: Final = wants_report
        self.end: JobEnd | None = None

    def note_end(self, end: JobEnd) -> None:
        """See Watcher."""
        self.end = end


class Job(Protocol):
    """What any job is to the edge that carries it out, to its lock and to its watcher."""

    @property
    def command(self) -> str:
        """The command that the report names."""
        ...

    @property
    def reporting(self) -> Reporting:
        """What it reports, and where."""
        ...

    @property
    def schedule(self) -> Schedule:
        """When it must end, and its lock."""
        ...

    @property
    def has_network(self) -> bool:
        """Whether it sends requests over the network."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """What distinguishes it from other jobs of the command, for monitoring."""
        ...

    def watched_by(self, watcher: Watcher) -> Self:
        """Return the same job with a watcher, who is notified of its end."""
        ...


def labels_of(target: Target) -> dict[str, str]:
    """Return labels that distinguish jobs on this target from jobs on others."""
    labels = {"target": target.name}
    return labels if target.installation is None else labels | {"installation": target.installation}


class BatchJob(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run needs. `records` is set if it prints records or keys.

    `asked` is the metadata to request from the service, for the output and for the run itself. With
    `listing`, records are printed as the queries return them, if these return all that is needed;
    `selection` holds the options that choose them, by name. `name` is the command's name, if it is
    not the verb of the plan. `shard` says which part of its keys the job works on; None: all.
    `confirmed_target`: the target that the user means to write to. `deletions` are planned once all
    records are sent. `repeats_cheaply`: even without a journal, the same command again does only
    what is left. `question`: the question to the user before anything is opened; None: there is
    none. `cleanup`: the keys are listed first, and then the verb is applied to those still chosen.
    `has_consent`: whether the user has consented to the changes; None: consent is not needed.
    `undo`: where records are kept before they are deleted; they must be read first. `plan_guard`:
    the input is a plan, and this is the most that it may delete once it was checked and approved.
    `counted`: the clean-up only lists, and this receives what it would work on, and must close the
    listing. `listed`: the listing of an earlier job for the clean-up, which closes it. `retry`: the
    words of the command that retries failures. `comparison`, `verification`: what is done instead,
    on one of several installations. `exports` are compared with the manifests beside them first, on
    one of several installations; for a job by itself, that is done before there is a job.
    """

    input: JobInput
    plan: RunPlan
    target: Target
    allow_http: bool
    timeout_seconds: float
    reporting: Reporting
    records: Printing | None = None
    asked: MetadataRequest = msgspec.field(default_factory=MetadataRequest)
    journal: Journalling | None = None
    checks: InputChecks = msgspec.field(default_factory=InputChecks)
    schedule: Schedule = msgspec.field(default_factory=Schedule)
    listing: "ListingPlan | None" = None
    selection: Mapping[str, Any] = msgspec.field(default_factory=dict)
    name: str | None = None
    shard: "Shard | None" = None
    watcher: Watcher | None = None
    confirmed_target: str | None = None
    deletions: "Deletions | None" = None
    repeats_cheaply: bool = False
    question: "Question | None" = None
    cleanup: "CleanUpPlan | None" = None
    has_consent: bool | None = None
    undo: "UndoPlan | None" = None
    plan_guard: "MostDeleted | None" = None
    counted: "Callable[[Counted, Listed], None] | None" = None
    listed: "Listed | None" = None
    retry: "RetryWords | None" = None
    comparison: "Comparison | None" = None
    verification: "Verification | None" = None
    exports: Sequence[Path] = ()

    @property
    def command(self) -> str:
        """The command that the report names."""
        return self.name or self.plan.verb.value

    @property
    def has_network(self) -> bool:
        """See Job."""
        return self.target.url is not None and not self.checks.is_dry_run

    @property
    def labels(self) -> Mapping[str, str]:
        """See Job."""
        labels = labels_of(self.target)
        return labels if self.shard is None else labels | {"shard": str(self.shard)}

    def watched_by(self, watcher: Watcher) -> Self:
        """See Job."""
        return replace(self, watcher=watcher)

    def retried_by(self, words: "RetryWords | None") -> Self:
        """Return the same job with the words of the command that retries its failures."""
        return replace(self, retry=words)

    @property
    def covers(self) -> str | None:
        """What is listed for it, in words of the report; None if nothing is."""
        listing = self.listing if self.cleanup is None else self.cleanup.listing
        return None if listing is None else listing.covers

    @property
    def only_the_rest(self) -> str | None:
        """What to do about work that is left, if the same command does only that; else None.

        An undo file is never replaced, so without a journal it needs another name each time.
        """
        if not self.repeats_cheaply:
            return None
        again, done = RUN_AGAIN.rstrip("."), "it does only what is left."
        if self.undo is None or self.journal is not None or self.undo.has_time_in_name:
            return f"{again}: {done}"
        return f"{again}, with another name for --undo: {done} {{date}} in a name becomes the time."

    @property
    def may_have_undo(self) -> bool:
        """Whether the job changes records that an undo file can keep."""
        return self.cleanup is not None or self.plan_guard is not None

    @property
    def has_output(self) -> bool:
        """Whether it prints records or differences."""
        return self.records is not None or self.comparison is not None

    @property
    def has_stdout(self) -> bool:
        """Whether it prints them to stdout."""
        printing = self.records if self.comparison is None else self.comparison.printing
        return printing is not None and printing.path is None

    @property
    def rehearses_cleanup(self) -> bool:
        """Whether it prints the keys that a clean-up would change: the dry run of one."""
        records = self.records
        return (
            self.cleanup is not None and records is not None and isinstance(records.form, KeyForm)
        )

    @property
    def keeps_ranges(self) -> bool:
        """Whether its journal keeps the ranges of keys that are left of its listing.

        A clean-up lists everything again, which no longer includes what it has deleted.
        """
        return self.input.is_listing and self.cleanup is None

    @property
    def takes_journal(self) -> bool:
        """Whether the command has --journal: one that prints keys or sums does not."""
        printing = self.records
        return printing is None or isinstance(printing.form, RecordForm)
