"""The units of a job that is carried out in parts."""

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from kvsctl.cli.fan_out.naming import require_templates, with_absolute_paths, with_files_of
from kvsctl.cli.fan_out.refusals import require_divisible, require_no_limits
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.cleanup.deleting import PrefixOption, UndoOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions, SpentTime
from kvsctl.cli.options.input import (
    FileOption,
    InputOptions,
    ManifestOption,
    ShardOption,
    WorkersOption,
)
from kvsctl.cli.options.journal import JournalOptions
from kvsctl.cli.options.report import FailuresOption, ReportOptions
from kvsctl.cli.options.running import QuotaParts
from kvsctl.cli.options.selection import SelectionOptions, ShardSelector
from kvsctl.cli.options.set import SetOptions
from kvsctl.cli.records.retrying import retry_words_in_parts
from kvsctl.cli.request import reporting_of, schedule_of
from kvsctl.cli.selectors import chooses_keys
from kvsctl.errors import UsageError
from kvsctl.jobs.fan_out.crews import Crew, ProcessCrew
from kvsctl.jobs.fan_out.job import FanOutJob
from kvsctl.jobs.fan_out.unit import Unit
from kvsctl.jobs.job import BatchJob, Job
from kvsctl.shards import Shard, parsed_shard

_OF_STORES: Final = ("export", "expire", "clean")
"""The commands that work on what a store lists, without --file or selectors of their own."""
_J = TypeVar("_J", bound=Job)


def fan_out_job(
    command: str,
    job_of: Callable[[Given], _J],
    work: Callable[..., Any],
    given: Given,
) -> FanOutJob:
    """Return the job that carries out a command in parts. Raise UsageError.

    Errors in the options of every part are found here, before a worker starts.
    """
    workers, address = workers_of(given)
    require_divisible(command, given)
    files = (*given.of(InputOptions).file, *given.of(FileOption).file)
    if not files and command not in _OF_STORES and not _is_selective(given):
        raise UsageError(
            "--workers: stdin can be read only once, and each part reads all of the input",
            "Give a regular file by --file, or leave out --workers.",
        )
    require_templates(given)
    is_repeatable = repeats_alike(command, given)
    if address is not None:
        require_repeatable(given, is_repeatable=is_repeatable)
        given = with_absolute_paths(given)
    fan_out = secrets.token_hex(8)
    first, parts = _parts(given, job_of, workers, have_own_files=address is not None)
    units = [
        Unit(f"shard {shard}", fan_out, options, job_of, work, is_repeatable=is_repeatable)
        for shard, options in parts
    ]
    require_no_limits(first)
    if isinstance(first, BatchJob) and first.has_consent is False:
        raise UsageError("--workers: the parts cannot ask", "Add -y to consent beforehand.")
    return FanOutJob(
        command,
        units,
        partial(crew_of, fan_out, workers, address),
        first,
        reporting_of(given),
        schedule_of(given, None),
        prints_records=isinstance(first, BatchJob) and first.records is not None,
        retry=retry_words_in_parts(command, given, first.target)
        if isinstance(first, BatchJob)
        else None,
        failures_of=_failures_of(units),
    )


def _failures_of(units: Sequence[Unit]) -> dict[str, Path]:
    """Return the failures files of the units, by the units' names; empty without `--failures`."""
    paths = {unit.name: unit.options.of(FailuresOption).failures for unit in units}
    return {name: path for name, path in paths.items() if path is not None}


def _is_selective(given: Given) -> bool:
    return chooses_keys(given.of(PrefixOption).prefix_option, given.of(SelectionOptions))


def workers_of(given: Given) -> tuple[int, str | None]:
    """Return the number of workers, and the address of their cluster, if any. Raise UsageError."""
    options = given.of(WorkersOption)
    if options.workers is None:
        raise UsageError("--dask needs --workers", "Give the number of parts by --workers N.")
    return options.workers, options.dask


def require_repeatable(given: Given, *, is_repeatable: bool) -> None:
    """Raise UsageError for what a cluster must not carry out."""
    if is_repeatable:
        return
    if not given.has(JournalOptions):
        raise UsageError(
            "--dask: a cluster may carry out a part twice, and this command must not: the second "
            "time it finds, and reports, only what is left",
            "Leave out --dask: processes of this machine carry out each part once.",
        )
    raise UsageError(
        "--dask: a cluster may carry out a part twice, and these options do not allow it",
        "Add --journal, or leave out --if-absent, --undo or --dask.",
    )


def crew_of(fan_out: str, workers: int, address: str | None) -> Crew:
    """Return workers: processes of this machine, or those of a cluster. Raise KvsctlError."""
    if address is None:
        return ProcessCrew(fan_out, workers)
    from kvsctl.jobs.fan_out.dask_crew import DaskCrew  # few jobs have a cluster

    return DaskCrew(fan_out, workers, address)


def _shards(given: Given, workers: int) -> list[Shard]:
    """Return the parts of the whole, or of the part that `--shard` chooses."""
    text = given.of(ShardOption).shard or given.of(ShardSelector).shard
    return (Shard(1, 1) if text is None else parsed_shard(text)).divided(workers)


def _parts(
    given: Given, job_of: Callable[[Given], _J], workers: int, *, have_own_files: bool
) -> tuple[_J, list[tuple[Shard, Given]]]:
    """Return the job of the first part, and the options of each. Raise UsageError.

    All parts read the same files, so the first job compares them with their manifests for all.
    `have_own_files`: workers on other machines, whose files may differ, compare them again.
    """
    shards = _shards(given, workers)
    first = job_of(_options_of(given, shards[0], workers))
    given = given.having(SpentTime(seconds=first.schedule.spent_seconds))
    compared = given
    if given.has(ManifestOption):
        compared = given.having(ManifestOption(ignore_manifest=True))
    for shard in shards[1:]:
        job_of(_options_of(compared, shard, workers))
    given = given if have_own_files else compared
    return first, [(shard, _options_of(given, shard, workers)) for shard in shards]


def _options_of(given: Given, shard: Shard, workers: int) -> Given:
    """Return the options of one part: what concerns the whole is left out."""
    report = given.of(ReportOptions)
    for group in (
        ShardOption(shard=str(shard)),
        ShardSelector(shard=str(shard)),
        ReportOptions(force=report.force),
        WorkersOption(),
        LockOptions(),
        MonitoringOptions(),
        QuotaParts(parts=workers),
    ):
        given = given.having(group)
    return with_files_of(given, shard.number)


def repeats_alike(command: str, given: Given) -> bool:
    """Return whether a part can be carried out twice without harm, with the same report."""
    if given.of(JournalOptions).journal is not None:
        return True
    if command in ("clean", "expire") or (command == "delete" and _is_selective(given)):
        return False  # a second run lists only what is left, so its report has too few records
    return given.of(SetOptions).if_absent is None and given.of(UndoOptions).undo is None
