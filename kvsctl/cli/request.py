"""A request made into a run: who sends, who listens, and what exit code comes of it."""

import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import BEGINNING_CONCURRENCY, RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.cli.arguments import METADATA_NAMES
from kvsctl.cli.options.get import GetOptions
from kvsctl.cli.options.journal import JournalOptions
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.target import TargetOptions
from kvsctl.config.file import ConfigFile, read_config
from kvsctl.config.settings import Running, resolve_running
from kvsctl.config.targets import Target, TargetFlags, choose_target
from kvsctl.errors import UsageError
from kvsctl.files.descriptors import descriptor
from kvsctl.files.sinks import part_path
from kvsctl.jobs.file_roles import Place, require_one_role_each
from kvsctl.jobs.job import BatchJob, Intake, Journalling, Printing, Reporting
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.model import Verb
from kvsctl.records.reader import ParserChoice, Reader
from kvsctl.records.sources import File, Source
from kvsctl.service.wire import MetadataRequest

_STDOUT: Final = 1
_NO_FORM: Final = frozenset(
    {"file", "pairs", "keys", "output", "unordered", "require_input", "check_first", "dry_run"}
)
"""Options that name input and output, or order it: a journal looks at these in another way; and
those that say when to stop, not what the records are."""


def batch_job(
    verb: Verb,
    sources: Sequence[Source],
    parsers: ParserChoice,
    limits: Limits | None,
    target: TargetOptions,
    running: RunningOptions,
    report: ReportOptions,
    *,
    records: Printing | None = None,
    asked: MetadataRequest = MetadataRequest(),  # noqa: B008 - frozen
    policy: ReadPolicy = ReadPolicy(),  # noqa: B008 - frozen
    verify: bool = False,
    journal: Journalling | None = None,
    intake: Intake = Intake(),  # noqa: B008 - frozen
) -> BatchJob:
    """Resolves every setting. `limits` are those that records are held to; None: to none.

    Raises UsageError before anything is opened for writing.
    """
    config = read_config(os.environ)
    chosen = choose_target(
        TargetFlags(
            target.target, target.url, target.token_file, target.token_command, target.installation
        ),
        os.environ,
        config,
    )
    how = resolve_running(
        asdict(running),
        os.environ,
        chosen.section,
        f"{config.path}: [targets.{chosen.name}]",
        limits or DEFAULT_LIMITS,
    )
    _require_own_files(sources, records, report, journal, chosen, config)
    if journal is not None:
        _require_files(journal, records, report.failures)
    return BatchJob(
        Reader(sources, parsers),
        _plan(verb, how, policy, verify=verify, is_local=chosen.local_path is not None),
        chosen,
        target.allow_http,
        how.timeout,
        Reporting(report.json, report.report, report.failures, report.quiet, report.verbose),
        records,
        asked,
        journal,
        intake,
    )


def _plan(verb: Verb, how: Running, policy: ReadPolicy, *, verify: bool, is_local: bool) -> RunPlan:
    # The embedded emulator has no quota and no app beside: only what is asked for bounds it.
    share = math.inf if is_local else how.quota_share
    return RunPlan(
        verb,
        packing=PackingRule(how.batch_size, how.max_batch_bytes),
        pace=Pace.of(share, rps=how.rps, units_per_minute=how.units_per_min),
        concurrency=how.concurrency or BEGINNING_CONCURRENCY,
        finds_concurrency=how.concurrency is None and not is_local,
        retry=RetryPolicy(retries=how.retries),
        read_policy=policy,
        give_up_after=how.give_up_after,
        patience_seconds=how.patience,
        stop_seconds=how.timeout,
        max_failures=how.max_failures,
        verify=verify,
    )


def _require_own_files(
    sources: Sequence[Source],
    records: Printing | None,
    report: ReportOptions,
    journal: Journalling | None,
    target: Target,
    config: ConfigFile,
) -> None:
    """Every file of the job has one role in it."""
    for flag, path in (
        ("--failures", report.failures),
        ("--report", report.report),
        ("--journal", journal.path if journal else None),
    ):
        if path is not None and str(path) == "-":
            raise UsageError(f"{flag} - is no file", f"Give {flag} the name of one.")
    require_one_role_each(
        [
            *(("input", source.place) for source in sources if isinstance(source, File)),
            *_outputs(records),
            ("failures file", report.failures),
            ("journal", journal.path if journal else None),
            ("report", report.report),
            *_database_files(target.local_path),
            ("token file", target.token_file),
            ("configuration", config.path if config.exists else None),
        ]
    )


def _database_files(path: Path | None) -> list[tuple[str, Place]]:
    """A database, and the files that SQLite keeps beside it."""
    if path is None:
        return []
    return [("database", path.with_name(path.name + end)) for end in ("", "-wal", "-shm")]


def journalling(options: JournalOptions, limits: Limits | None, *groups: Any) -> Journalling | None:
    """Whether the job keeps a journal.

    `limits` and `groups`, the options, say what the records are.
    """
    if options.journal is None:
        if options.retry_failed or options.journal_force:
            flag = "--retry-failed" if options.retry_failed else "--journal-force"
            raise UsageError(f"{flag} needs a journal", "Name it by --journal FILE.")
        return None
    given = {name: value for group in groups for name, value in asdict(group).items()}
    given |= {"no_checks": limits is None, "limits": _changed(limits)}
    # What is not given is left out, so that a later version may have more options.
    form = {name: value for name, value in given.items() if value and name not in _NO_FORM}
    return Journalling(options.journal, form, options.retry_failed, options.journal_force)


def _changed(limits: Limits | None) -> dict[str, int] | None:
    """The limits that are not the documented ones; None if all are."""
    given, documented = asdict(limits or DEFAULT_LIMITS), asdict(DEFAULT_LIMITS)
    return {name: given[name] for name in given if given[name] != documented[name]} or None


def _require_files(journal: Journalling, records: Printing | None, failures: Path | None) -> None:
    """What a journal marks can be cut back to the mark; nothing is printed out of order."""
    if records is not None and records.path is None:
        raise UsageError("--journal needs an output that can be gone on with", "Give -o FILE.")
    for flag, path in (("-o", records.path if records else None), ("--failures", failures)):
        if path is None:
            continue
        if descriptor(path) is not None or (path.exists() and not path.is_file()):
            raise UsageError(f"{flag} with --journal has to be a regular file: {path}")
    if records is not None and records.in_order and journal.retry_failed:
        raise UsageError(
            "--retry-failed puts what it finds at the end of the output",
            "Say --unordered if that will do.",
        )


def _outputs(records: Printing | None) -> list[tuple[str, Place]]:
    """Where records go; a file has a part beside it until it is complete."""
    if records is None:
        return []
    if records.path is None:
        return [("output", _STDOUT)]
    return [("output", records.path), ("output", part_path(records.path))]


def record_output(options: GetOptions) -> tuple[Printing, MetadataRequest, ReadPolicy]:
    """How `get` prints, what it asks the service for beside values, and what it skips."""
    if options.values and options.raw:
        raise UsageError("--values and --raw are both given", "Choose one.")
    bare = options.values or options.raw
    if bare and options.metadata is not None:
        raise UsageError("--metadata has no place beside bare values", "Leave out one of them.")
    printed = _metadata(options.metadata)
    style = "raw" if options.raw else "values" if options.values else "jsonl"
    asked = MetadataRequest(
        printed.created, printed.updated, printed.expires or options.skip_expired
    )
    path = None if options.output == Path("-") else options.output
    output = Printing(style, path, not options.unordered, printed)
    return output, asked, ReadPolicy(options.ignore_missing, options.skip_expired)


def _metadata(given: str | None) -> MetadataRequest:
    names = set() if given is None else set(given.split(","))
    if unknown := sorted(names - set(METADATA_NAMES)):
        raise UsageError(f'--metadata takes {",".join(METADATA_NAMES)}, not "{unknown[0]}"')
    return MetadataRequest("created" in names, "updated" in names, "expires" in names)
