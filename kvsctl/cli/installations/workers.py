"""From options to the workers of a job on several installations (`--workers`)."""

import os
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from kvsctl.cli.fan_out.naming import with_absolute_paths
from kvsctl.cli.fan_out.refusals import require_own_output
from kvsctl.cli.fan_out.splitting import crew_of, repeats_alike, require_repeatable, workers_of
from kvsctl.cli.installations.chosen import chosen_installations
from kvsctl.cli.installations.naming import PLACE
from kvsctl.cli.installations.request import Parts
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.input import WorkersOption
from kvsctl.cli.request import reporting_of, schedule_of
from kvsctl.config.file import read_config
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.fan_out.installations.group import Group, carry_out_group
from kvsctl.jobs.fan_out.installations.member import Crewing, Member
from kvsctl.jobs.fan_out.unit import Unit
from kvsctl.jobs.installations.choosing.choice import Choice
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.job import BatchJob

_PRINTING: Final = ("get", "export")


class _Options(msgspec.Struct, frozen=True):
    """What a worker needs to make the job of a group. It holds no token."""

    command: str
    given: Given
    job_of: Callable[[Given], BatchJob]
    members: Sequence[Member]
    ends_at: float | None
    workers: int


def crewing_of(
    command: str, given: Given, job_of: Callable[[Given], BatchJob], target: Target
) -> Crewing:
    """Return the workers of a job on several installations. Raise UsageError."""
    workers, address = workers_of(given)
    if command in _PRINTING:
        require_own_output(given, PLACE)
    if target.is_bridge:
        raise UsageError(
            "--workers: bridges share the invocations of their app, which one process counts",
            "Leave out --workers: one process works on many installations at a time.",
        )
    is_repeatable = repeats_alike(command, given)
    if address is not None:
        require_repeatable(given, is_repeatable=is_repeatable)
        given = with_absolute_paths(given)
    fan_out = secrets.token_hex(8)
    given = given.having(WorkersOption())

    def unit_of(members: Sequence[Member], ends_at: float | None) -> Unit:
        options = _Options(command, given, job_of, members, ends_at, workers)
        first, more = members[0].installation, len(members) - 1
        return Unit(
            f"installation {first}" + (f" and {more:,} more" if more else ""),
            fan_out,
            options,
            group_of,
            carry_out_group,
            is_repeatable=is_repeatable,
        )

    return Crewing(partial(crew_of, fan_out, workers, address), unit_of)


def group_of(options: _Options) -> Group:
    """Return the job of a group of installations. Workers call this. Raise UsageError."""
    given = options.given
    config = read_config(os.environ)
    choice = chosen_installations(given, config)
    job = InstallationsJob(
        name=options.command,
        choice=choice,
        job_of=Parts(given, options.job_of, config).job_of,
        reporting=reporting_of(given),
        schedule=schedule_of(given, None),
        at_once=len(options.members),
    )
    targets = _targets(choice, options.members)
    return Group(job, targets, options.members, options.workers, options.ends_at)


def _targets(choice: Choice, members: Sequence[Member]) -> list[Target]:
    """Return the targets of the members. Raise UsageError if a file of them has changed."""
    if choice.by_proxy is not None:
        return [replace(choice.target, installation=one.installation) for one in members]
    named = {str(target.installation): target for target in choice.named}
    lost = [one.installation for one in members if one.installation not in named]
    if lost:
        raise UsageError(f"installation {lost[0]} is not in the list of this worker")
    return [named[one.installation] for one in members]
