"""What cannot be done in parts: refused before anything is opened."""

from pathlib import Path

from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.checking import CheckingOptions, DryRunOption
from kvsctl.cli.options.cleanup.deleting import GuardOptions, PlanOptions
from kvsctl.cli.options.get import GetOptions
from kvsctl.cli.options.input import FileOption, InputOptions, KeysArgument
from kvsctl.cli.options.report import OutputOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.set import SetOptions
from kvsctl.errors import UsageError
from kvsctl.jobs.installations.counting import has_limit
from kvsctl.jobs.job import BatchJob, Job

_ONE_PROCESS = "Leave out --workers: one process does it."


def require_divisible(command: str, given: Given) -> None:
    """Raise UsageError for options that would mean nothing, or something else, for one part."""
    if given.of(KeysArgument).keys or given.of(SetOptions).pairs:
        raise UsageError("--workers divides files and stores, not arguments", _ONE_PROCESS)
    for path in (*given.of(InputOptions).file, *given.of(FileOption).file):
        if path == Path("-") or (path.exists() and not path.is_file()):
            what = "stdin" if path == Path("-") else str(path)
            raise UsageError(
                f"--workers: {what} can be read only once, and each part reads all of the input",
                "Give a regular file by --file, or leave out --workers.",
            )
    if command in ("get", "export"):
        require_own_output(given, "{shard}")
    if command == "get" and not given.of(GetOptions).unordered:
        raise UsageError(
            "--workers: the parts together are not in the order of the input",
            "Add --unordered if that is acceptable.",
        )
    for flag, is_given, why in (
        ("--check-first", given.of(CheckingOptions).check_first, "checks the whole input"),
        ("--max-failures", given.of(RunningOptions).max_failures is not None, "counts all records"),
        ("--max-delete", given.of(GuardOptions).max_delete is not None, "counts all records"),
        (
            "--max-delete-bytes",
            given.of(GuardOptions).max_delete_bytes is not None,
            "counts all records",
        ),
        ("--plan", given.of(PlanOptions).plan is not None, "writes one file, in key order"),
        (
            "--dry-run",
            command in ("delete", "expire", "clean") and _is_dry_run(given),
            "shows what one process finds",
        ),
        ("-v", bool(given.of(ReportOptions).verbose), "shows the requests of one process"),
    ):
        if is_given:
            raise UsageError(
                f"{flag} {why}, and --workers works in parts", f"Leave out {flag} or --workers."
            )


def require_own_output(given: Given, place: str) -> None:
    """Raise UsageError if the parts would print to stdout.

    `place`: what the name of a file must have.
    """
    if given.of(OutputOption).output in (None, Path("-")):
        raise UsageError(
            "--workers: the parts cannot share stdout", f"Add -o FILE with {place} in its name."
        )


def require_no_limits(job: Job) -> None:
    """Raise UsageError for limits in a file of rules, which count the records of all parts."""
    if not isinstance(job, BatchJob) or job.cleanup is None:
        return
    if any(has_limit(rule.most) for rule in job.cleanup.rules):
        raise UsageError(
            "--workers: the limits of rules count all records, and each part sees its own",
            f"Leave them out of the file. {_ONE_PROCESS}",
        )


def _is_dry_run(given: Given) -> bool:
    return given.of(CheckingOptions).dry_run or given.of(DryRunOption).dry_run
