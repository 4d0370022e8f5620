"""From the options of a batch command to its job: every setting resolved, nothing opened."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.cli.inputs import (
    input_checks,
    limits_of,
    read_input,
    require_matching_files,
    shard_of_keys,
    sharded,
)
from kvsctl.cli.installations.store import ChosenStore
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions, SpentTime
from kvsctl.cli.options.input import ShardOption
from kvsctl.cli.options.installations.choosing import InstallationsFileOption
from kvsctl.cli.options.installations.working import InstallationsOptions
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.report import FailuresOption, OutputOption, ReportOptions
from kvsctl.cli.options.running import QuotaParts, RunningOptions, VerifyOption
from kvsctl.cli.options.selection import ProtectOption, ShardSelector
from kvsctl.cli.options.set import SetOptions
from kvsctl.cli.options.target import ConfirmOption, TargetOptions
from kvsctl.cli.records.getting import record_output
from kvsctl.cli.records.rounding import exact_input, refusing_rounded
from kvsctl.cli.records.setting import precondition_of
from kvsctl.cli.target_choice import target_of, with_profile
from kvsctl.config.file import ConfigFile, read_config
from kvsctl.config.settings import STATS_SECONDS, Running, resolve_running
from kvsctl.config.targets import Target
from kvsctl.durations import duration_seconds
from kvsctl.errors import UsageError
from kvsctl.files.compressed import compressor_of
from kvsctl.files.descriptors import descriptor
from kvsctl.files.sinks import part_path
from kvsctl.jobs.file_roles import Place, Role, files_of, require_one_role_each, written_roles
from kvsctl.jobs.inputs import JobInput
from kvsctl.jobs.job import BatchJob, Journalling, Reporting, Schedule
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.model import Verb
from kvsctl.outputs.forms import PlanForm, Printing
from kvsctl.service.wire import MetadataRequest

_STDOUT: Final = 1
_SPLIT_SLABS: Final = "KVSCTL_SPLIT_SLABS"
"""For tests, which compare runs with and without it: if it is set, every slab is split at once."""


class Basis(NamedTuple):
    """What every job has: where it works, how, and what it reports."""

    target: Target
    allow_http: bool
    plan: RunPlan
    timeout_seconds: float
    reporting: Reporting
    schedule: Schedule
    config: ConfigFile


def basis_of(
    given: Given,
    verb: Verb = Verb.GET,
    policy: ReadPolicy | None = None,
    limits: Limits = DEFAULT_LIMITS,
    environ: Mapping[str, str] = os.environ,
    named_by: str = "--target",
) -> Basis:
    """Return the settings that every job has, from the options. Raise UsageError.

    `named_by`: the option that gave the target's name. Unless it is `--target`, it can also have
    given the URL.
    """
    chosen, flags = given.of(ChosenStore), given.of(TargetOptions)
    config = chosen.config or read_config(environ)
    target = chosen.target or target_of(flags, config, environ, named_by)
    limits = with_profile(limits, target)
    running = resolve_running(
        vars(given.of(RunningOptions)),
        environ,
        target.section,
        target.section.place,
        limits,
    )
    return Basis(
        target,
        flags.allow_http,
        _plan(verb, running, policy or ReadPolicy(), given, target),
        running.timeout,
        reporting_of(given),
        schedule_of(given, running.max_duration),
        config,
    )


def batch_job(verb: Verb, given: Given) -> BatchJob:
    """Return the job that the options of a batch command ask for.

    Raise UsageError if they cannot be carried out, before anything is opened for writing.
    """
    limits = limits_of(given)
    read = read_input(verb, given, limits)
    checks, shard = input_checks(given, read), shard_of_keys(given)
    records, asked, policy = None, MetadataRequest(), ReadPolicy()
    if verb is Verb.GET:
        records, asked, policy = record_output(given, output_path(given))
    basis = basis_of(given, verb, policy, limits or DEFAULT_LIMITS)
    source: JobInput = exact_input(read, basis.target, given) if verb is Verb.SET else read
    source, checks = sharded(source, shard, checks)
    journal = journalling(given, limits)
    require_own_files(
        given,
        basis.config,
        inputs=source.places,
        outputs=() if records is None else output_roles(records.path),
        targets=[basis.target],
    )
    if journal is not None:
        require_resumable_outputs(journal, records, basis.reporting.failures_path)
    plan, schedule = basis.plan, basis.schedule
    if verb is Verb.SET:
        schedule = require_matching_files(given, source.places, schedule)
        if given.of(SetOptions).changed_only:
            plan = refusing_rounded(basis.plan, basis.target, given)
    return BatchJob(
        input=source,
        plan=plan,
        target=basis.target,
        allow_http=basis.allow_http,
        timeout_seconds=basis.timeout_seconds,
        reporting=basis.reporting,
        records=records,
        asked=asked,
        journal=journal,
        checks=checks,
        schedule=schedule,
        shard=shard,
        confirmed_target=given.of(ConfirmOption).confirm,
    )


def reporting_of(given: Given) -> Reporting:
    """Return what the job reports, from the options. Raise UsageError."""
    report = given.of(ReportOptions)
    every = report.stats_every
    return Reporting(
        report.json,
        report.report,
        given.of(FailuresOption).failures,
        report.quiet,
        report.verbose,
        report.force,
        STATS_SECONDS if every is None else duration_seconds(every, "--stats-every"),
    )


def schedule_of(given: Given, max_duration_seconds: int | None) -> Schedule:
    """Return when the job must end, and its lock. Raise UsageError."""
    options, spent_seconds = given.of(LockOptions), given.of(SpentTime).seconds
    if options.lock_wait is None:
        return Schedule(max_duration_seconds, options.lock, spent_seconds=spent_seconds)
    if options.lock is None:
        raise UsageError("--lock-wait needs a lock", "Add --lock FILE.")
    wait_seconds = duration_seconds(options.lock_wait, "--lock-wait")
    return Schedule(max_duration_seconds, options.lock, wait_seconds, spent_seconds)


def _plan(
    verb: Verb, running: Running, policy: ReadPolicy, given: Given, target: Target
) -> RunPlan:
    parts = given.of(QuotaParts)
    # The commands of all shards divide the quota share. Workers divide all that one command may do.
    plan = RunPlan.of(
        verb,
        running,
        is_local=target.local_path is not None,
        is_bridged=target.is_bridge,
        commands=_commands(given),
    )
    pace = plan.pace.divided(parts.parts).with_app_divided(parts.shards_of_installations)
    return replace(
        plan.conditioned(precondition_of(given.of(SetOptions))),
        pace=pace,
        read_policy=policy,
        verify=given.of(VerifyOption).verify,
        splits_slabs=_SPLIT_SLABS in os.environ,
    )


def _commands(given: Given) -> int:
    """Return how many commands work on this store at the same time, as `--shard` says."""
    parts = given.of(QuotaParts)
    text = given.of(ShardOption).shard or given.of(ShardSelector).shard
    if text is None:
        return parts.commands
    from kvsctl.shards import parsed_shard  # few jobs have shards

    return parsed_shard(text).parts // parts.parts  # one command has `parts.parts` workers


def journalling(given: Given, limits: Limits | None) -> Journalling | None:
    """Return where the job's journal is and what identifies the job; None without a journal."""
    options, retries_failed = given.of(JournalOptions), given.of(RetryFailedOption).retry_failed
    if options.journal is None:
        if retries_failed or options.journal_force:
            flag = "--retry-failed" if retries_failed else "--journal-force"
            raise UsageError(f"{flag} needs a journal", "Add --journal FILE.")
        return None
    identity = job_identity(given, limits)
    return Journalling(options.journal, identity, retries_failed, options.journal_force)


def job_identity(given: Given, limits: Limits | None) -> dict[str, Any]:
    """Return the options that must be the same when a job is resumed."""
    identity = given.identity()
    if limits is None:
        identity["no_checks"] = True
    elif changed := _changed(limits):
        identity["limits"] = changed
    return identity


def _changed(limits: Limits) -> dict[str, int]:
    """Return the limits that differ from the documented ones."""
    given, documented = limits._asdict(), DEFAULT_LIMITS._asdict()
    return {name: given[name] for name in given if given[name] != documented[name]}


def require_own_files(
    given: Given,
    config: ConfigFile,
    *,
    inputs: Iterable[Place],
    outputs: Iterable[Role] = (),
    targets: Iterable[Target],
    plan: Path | None = None,
) -> None:
    """Raise UsageError if one file has two roles in the job.

    `inputs`: files that are read. `outputs`: where results are written, with the role of each.
    `plan`: the file of a plan. All other files are those of the options and of `targets`.
    """
    report, journal = given.of(ReportOptions).report, given.of(JournalOptions).journal
    failures, lock = given.of(FailuresOption).failures, given.of(LockOptions).lock
    for flag, path in (
        ("--failures", failures),
        ("--report", report),
        ("--journal", journal),
        ("--lock", lock),
        ("--ledger", given.of(InstallationsOptions).ledger),
        ("--plan", plan),
    ):
        if path is not None and str(path) == "-":
            raise UsageError(f"{flag} -: not a file name", f"Give {flag} the name of a file.")
    require_one_role_each(
        [
            *(("input", place) for place in inputs),
            ("input", given.of(ProtectOption).protect),
            *outputs,
            ("failures file", failures),
            ("journal", journal),
            ("report", report),
            ("lock", lock),
            ("ledger", given.of(InstallationsOptions).ledger),
            ("input", given.of(InstallationsFileOption).installations_file),
            ("plan", plan),
            ("plan", None if plan is None else part_path(plan)),
            ("metrics file", given.of(MonitoringOptions).metrics_file),
            *(role for target in targets for role in files_of(target)),
            ("configuration file", config.path if config.exists else None),
        ]
    )


def output_path(given: Given) -> Path | None:
    """Return where results are written; None: to stdout.

    Raise UsageError for a file that cannot be compressed as its name says.
    """
    path = given.of(OutputOption).output
    if path is None or path == Path("-"):
        return None
    compressor_of(path)
    return path


def output_roles(path: Path | None, role: str = "output") -> list[Role]:
    """Return the roles of the output: stdout, or a file and its `.part` file."""
    if path is None:
        return [(role, _STDOUT)]
    return written_roles(role, path)


def printing_roles(printing: Printing) -> list[Role]:
    """Return the roles of what a job prints to, by the name that users know."""
    return output_roles(printing.path, "plan" if isinstance(printing.form, PlanForm) else "output")


def require_resumable_outputs(
    journal: Journalling, records: Printing | None, failures: Path | None
) -> None:
    """Raise UsageError for an output that cannot be truncated on resuming, or would lose order."""
    if records is not None and records.path is None:
        raise UsageError("--journal cannot resume records printed to stdout", "Add -o FILE.")
    for flag, path in (("-o", records.path if records else None), ("--failures", failures)):
        if path is None:
            continue
        if descriptor(path) is not None or (path.exists() and not path.is_file()):
            raise UsageError(f"{flag} {path}: with --journal it must be a regular file")
    if records is not None and records.in_order and journal.retry_failed:
        raise UsageError(
            "--retry-failed appends what it finds to the output, out of input order",
            "Add --unordered if that is acceptable.",
        )
