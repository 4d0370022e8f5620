"""From the options of apply to its job."""

from pathlib import Path
from typing import Final

from msgspec.structs import replace

from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.cli.cleanup.keeping import require_usable_files, undo_of, undo_roles
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.checking import DryRunOption
from kvsctl.cli.options.cleanup.applying import ApplyOptions
from kvsctl.cli.options.target import ConfirmOption, YesOption
from kvsctl.cli.records.rounding import refusing_rounded
from kvsctl.cli.request import basis_of, journalling, require_own_files
from kvsctl.cli.selectors import shard_of
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.plans.records import is_as_planned
from kvsctl.jobs.cleanup.plans.source import PlanInput
from kvsctl.jobs.examine import require_rereadable
from kvsctl.jobs.inputs import JobInput
from kvsctl.jobs.job import BatchJob, InputChecks
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Verb
from kvsctl.outputs.plan_lines import ASKED
from kvsctl.report.console import Environment

_STDIN: Final = Path("-")


def apply_job(given: Given) -> BatchJob:
    """Return the job of `apply`. Raise UsageError if it cannot be carried out."""
    path, undo = plan_path(given), undo_of(given)
    most = MostDeleted.of(given.of(ApplyOptions).max_delete, None)
    if most.percent is not None:
        raise UsageError(
            "--max-delete: a plan has no listing to take a percentage of",
            "Give a number of records.",
        )
    basis = basis_of(given, Verb.DELETE)
    plan = refusing_rounded(basis.plan, basis.target, given)
    planned = PlanInput.of(path, basis.target)
    source: JobInput = planned
    shard = shard_of(given)
    if shard is not None:
        from kvsctl.jobs.cron.sharded import ShardedInput  # few jobs are one of several

        source = ShardedInput(source, shard)
    require_own_files(
        given,
        basis.config,
        inputs=source.places if planned.kept is None else [],
        outputs=undo_roles(undo, basis.target),
        targets=[basis.target],
    )
    is_dry_run = given.of(DryRunOption).dry_run
    if is_dry_run:
        require_usable_files(given, undo, basis.target)
    else:
        require_rereadable(source)
    condition = Precondition(WriteIf.CHOSEN, chooses=is_as_planned)
    return BatchJob(
        input=source,
        plan=replace(plan, precondition=condition),
        target=basis.target,
        allow_http=basis.allow_http,
        timeout_seconds=basis.timeout_seconds,
        reporting=basis.reporting,
        asked=ASKED,
        journal=journalling(given, DEFAULT_LIMITS),
        checks=InputChecks(checks_first=True, is_dry_run=is_dry_run),
        schedule=basis.schedule,
        name="apply",
        shard=shard,
        confirmed_target=given.of(ConfirmOption).confirm,
        has_consent=given.of(YesOption).yes,
        undo=undo,
        plan_guard=most,
    )


def plan_path(given: Given) -> Path | None:
    """Return the file of the plan; None for stdin. Raise UsageError."""
    path = given.of(ApplyOptions).path
    if path is None:
        raise UsageError(
            "no plan: give the file that --plan wrote, or - for stdin",
            "For example: kvsctl delete --prefix tmp: --plan plan.jsonl",
        )
    if path != _STDIN:
        return path
    environment = Environment.of_process()
    if environment.stdin_is_terminal or not environment.stdin_is_open:
        raise UsageError("stdin has no plan: it is a terminal or closed", "Pipe a plan to it.")
    return None
