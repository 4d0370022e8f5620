"""From the options of a command to its job on each of several installations."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kvsctl.cli.inputs import limits_of
from kvsctl.cli.installations.chosen import chosen_installations, running_of
from kvsctl.cli.installations.naming import (
    PLACE,
    files_of,
    named_groups,
    require_names_for_each,
    require_plans_for_each,
    with_names,
)
from kvsctl.cli.installations.store import ChosenSource, ChosenStore
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.checking import CheckingOptions, DryRunOption
from kvsctl.cli.options.cleanup.deleting import PlanOptions
from kvsctl.cli.options.comparing import DiffOptions, SyncOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.get import GetOptions
from kvsctl.cli.options.input import ManifestOption, ShardOption, WorkersOption
from kvsctl.cli.options.installations.working import InstallationsOptions
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.listing import ListOptions, UsageOptions
from kvsctl.cli.options.report import FailuresOption, OutputOption, ReportOptions
from kvsctl.cli.options.running import QuotaParts
from kvsctl.cli.options.selection import ShardSelector
from kvsctl.cli.records.retrying import retry_words_in_parts
from kvsctl.cli.request import job_identity, reporting_of, schedule_of
from kvsctl.cli.stores import named_in_journals
from kvsctl.config.file import ConfigFile, read_config
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.installations.job import InstallationsJob, Ledgering
from kvsctl.jobs.installations.limits import MostFailed
from kvsctl.jobs.job import BatchJob
from kvsctl.outputs.forms import Accounting, KeyForm, Printing, RecordForm
from kvsctl.shards import Shard, parsed_shard

if TYPE_CHECKING:
    from kvsctl.jobs.store.copy import SourceCopy

_JSON_LINES: Final = "jsonl"


def installations_job(
    command: str,
    given: Given,
    job_of: Callable[[Given], BatchJob],
    environ: Mapping[str, str] = os.environ,
    *,
    source_of: "Callable[[Given], SourceCopy | None] | None" = None,
) -> InstallationsJob:
    """Return the job of a command on each of the installations that the options name.

    `job_of` makes the job of one of them. `source_of` returns the copy of the store that all of
    them are compared with, if there is one: `job_of` finds it in `ChosenSource`. Raise UsageError
    if that cannot be carried out.
    """
    require_names_for_each(given)
    require_plans_for_each(given)
    _require_lines(given)
    config = read_config(environ)
    choice = chosen_installations(given, config, environ)
    options = given.of(InstallationsOptions)
    has_one_input = not any(PLACE in path.name for path in files_of(given))
    whole, given = given, _for_one(given)
    source = None if source_of is None else source_of(given)
    if source is not None:
        given = given.having(ChosenSource(copy=source))
    crewing = None
    if given.of(WorkersOption) != WorkersOption():
        from kvsctl.cli.installations.workers import crewing_of  # few jobs have workers

        crewing = crewing_of(command, given, job_of, choice.target)
    spent_seconds = 0.0
    if has_one_input:  # otherwise only the files of an installation can be checked
        one = job_of(given.having(ChosenStore(target=choice.target, config=config)))
        spent_seconds = one.schedule.spent_seconds
    limit = options.stop_after_failed_installations
    running = running_of(given, choice.target, environ)
    return InstallationsJob(
        name=command,
        choice=choice,
        job_of=Parts(given, job_of, config).job_of,
        reporting=reporting_of(whole),
        schedule=replace(schedule_of(whole, running.max_duration), spent_seconds=spent_seconds),
        at_once=options.at_once,
        shard=_shard_of(whole),
        canaries=options.canary,
        most_failed=None if limit is None else MostFailed.of(limit),
        ledger=_ledgering(whole, source, None if has_one_input else _own_files(whole)),
        crewing=crewing,
        retry=retry_words_in_parts(command, whole, choice.target, has_files_for_each=True),
        source=source,
    )


def _shard_of(given: Given) -> Shard | None:
    text = given.of(ShardOption).shard or given.of(ShardSelector).shard
    return None if text is None else parsed_shard(text)


def _for_one(given: Given) -> Given:
    """Return the options for the job of one installation.

    --shard divides the installations, and so only the quotas that all of an app's installations
    share. --retry-failed applies to the journal if there is one, else to the ledger. --json is for
    the report of all installations, but also chooses the form of the sums of du.
    """
    if (shard := _shard_of(given)) is not None:
        given = given.having(QuotaParts(shards_of_installations=shard.parts))
        given = given.having(ShardOption()).having(ShardSelector())
    usage = given.of(UsageOptions)
    if given.has(UsageOptions) and given.of(ReportOptions).json and usage.as_ is None:
        given = given.having(UsageOptions(**(vars(usage) | {"as_": "json"})))
    if given.of(InstallationsOptions).ledger is None:
        return given
    if _is_dry_run(given):  # the failures of finished installations are in their files only
        given = given.having(FailuresOption())
    if given.of(JournalOptions).journal is None:
        given = given.having(RetryFailedOption())
    return given


def _is_dry_run(given: Given) -> bool:
    return given.of(CheckingOptions).dry_run or given.of(DryRunOption).dry_run


def _own_files(given: Given) -> Callable[[Target], list[Path]]:
    """Return what names the files that an installation reads."""
    named = named_groups(given)
    return lambda target: files_of(with_names(given, named, target))


def _ledgering(
    given: Given,
    source: "SourceCopy | None",
    own_files: Callable[[Target], list[Path]] | None,
) -> Ledgering | None:
    """Return the ledger of the job. A dry run has none: what it looks at is not finished."""
    path = given.of(InstallationsOptions).ledger
    if path is None or _is_dry_run(given):
        return None
    identity = job_identity(given, limits_of(given))
    if source is not None:
        identity["from"] = named_in_journals(source.listed.store.target)
    if given.of(PlanOptions).plan is not None or given.of(SyncOptions).plan is not None:
        identity["plan"] = True  # an installation that was planned is not one that was changed
    retries_failed = given.of(RetryFailedOption).retry_failed
    return Ledgering(path, identity, retries_failed, own_files)


class Parts:
    """Makes the job of each installation.

    Jobs that list a store and have no file of their own differ only in their targets: options are
    read once for all of them. A job is made without reading its files to their ends, which would
    stop the others meanwhile: those to compare with their manifests are its `exports`.
    """

    def __init__(
        self, given: Given, job_of: Callable[[Given], BatchJob], config: ConfigFile
    ) -> None:
        # Parts leave out what concerns the command as a whole.
        report = ReportOptions(quiet=True, force=given.of(ReportOptions).force)
        given = given.having(report).having(LockOptions()).having(MonitoringOptions())
        self._compares_exports = (
            given.has(ManifestOption) and not given.of(ManifestOption).ignore_manifest
        )
        if self._compares_exports:
            given = given.having(ManifestOption(ignore_manifest=True))
        self._given = given
        self._job_of = job_of
        self._config = config
        self._named = named_groups(given)
        self._template: BatchJob | None = None

    def job_of(self, target: Target) -> BatchJob:
        """Return the job of an installation. Raise UsageError."""
        job = self._template
        if job is None:
            job = self._made(target)
            is_alike = job.input.is_listing and not (job.has_output or self._named)
            if is_alike:
                self._template = job
        return replace(job, target=target)

    def _made(self, target: Target) -> BatchJob:
        store = ChosenStore(target=target, config=self._config)
        given = with_names(self._given.having(store), self._named, target)
        job = self._job_of(given)
        if self._compares_exports:
            exports = [place for place in job.input.places if isinstance(place, Path)]
            job = replace(job, exports=exports)
        if job.comparison is not None:
            printing = replace(job.comparison.printing, installation=str(target.installation))
            return replace(job, comparison=replace(job.comparison, printing=printing))
        if job.records is None or job.records.path is not None:
            return job
        return replace(job, records=_labelled(job.records, target))


def _require_lines(given: Given) -> None:
    """Raise UsageError for a form of output that cannot say whose records it holds."""
    if given.of(OutputOption).output not in (None, Path("-")):
        return
    reading, listing = given.of(GetOptions), given.of(ListOptions)
    form = listing.as_ or given.of(DiffOptions).as_
    for flag, is_given in (
        ("--values", reading.values),
        ("--raw", reading.raw),
        ("--count", listing.count),
        (f"--as {form}", form not in (None, _JSON_LINES)),
    ):
        if is_given:
            raise UsageError(
                f"{flag} does not say which installation a record is of",
                "Leave it out: records of several installations are printed as JSON Lines.",
            )


def _labelled(printing: Printing, target: Target) -> Printing:
    """Return how records are printed, each with its installation. Plans have it in their lines."""
    form = printing.form
    if isinstance(form, RecordForm):
        form = replace(form, installation=target.installation)
    elif isinstance(form, KeyForm):
        form = replace(form, style=_JSON_LINES, installation=target.installation)
    elif isinstance(form, Accounting):
        form = replace(form, installation=target.installation)
    return replace(printing, form=form)
