"""What must hold before a job is begun on several installations."""

from collections.abc import Sequence

from msgspec.structs import replace

from kvsctl.config.installations import short_id
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.job import BatchJob
from kvsctl.shards import Shard


def template_of(job: InstallationsJob, targets: Sequence[Target]) -> BatchJob:
    """Return the job of the first installation that can have one: files of others may be missing.

    What it shows of its target is true for all.

    Raise UsageError if none can.
    """
    errors: list[UsageError] = []
    for target in targets:
        try:
            made = job.job_of(target)
            return replace(made, target=job.choice.shown_for_all(target))
        except UsageError as error:
            errors[1:] = [error]
    raise errors[0]


def part_of(targets: list[Target], shard: Shard | None) -> list[Target]:
    """Return the installations of a shard, in order. There may be none."""
    if shard is None:
        return targets
    return [one for one in targets if shard.has_installation(short_id(str(one.installation)))]


def require_names(targets: Sequence[Target]) -> None:
    """Raise UsageError if two installations would have one name in files: see `outputs.names`."""
    from kvsctl.outputs.names import name_in_files

    names: dict[str, str] = {}
    for one in targets:
        name = str(one.installation)
        other = names.setdefault(name_in_files(one), name)
        if other != name:
            raise UsageError(f"installations {other} and {name} have the same name in files")


def require_possible(template: BatchJob) -> None:
    """Raise UsageError if the job cannot be carried out on several installations."""
    name = template.input.single_use
    if name is not None:
        raise UsageError(
            f"the input is read for each installation, but {name} can be read only once",
            "Save it as a regular file and give that with -f.",
        )
