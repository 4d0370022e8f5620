"""What a job does about numbers that a bridge rounds."""

from msgspec.structs import replace

from kvsctl.bulk.plan import RunPlan
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.target import RoundingOption
from kvsctl.config.targets import Target
from kvsctl.jobs.inputs import ReaderInput
from kvsctl.records.reader import Reader


def keeps_numbers(target: Target, given: Given) -> bool:
    """Return whether the target rounds numbers, and that is not allowed."""
    return target.is_bridge and not given.of(RoundingOption).allow_rounding


def refusing_rounded(plan: RunPlan, target: Target, given: Given) -> RunPlan:
    """Return the plan of a job that must know exactly what the target holds."""
    if not keeps_numbers(target, given):
        return plan
    return replace(plan, read_policy=replace(plan.read_policy, refuses_rounded=True))


def exact_input(source: ReaderInput, target: Target, given: Given) -> ReaderInput:
    """Return the input of set: records with numbers that the target would change fail."""
    if not keeps_numbers(target, given):
        return source
    from kvsctl.records.exact_numbers import with_exact_numbers  # few targets are bridges

    reader = source.reader
    return replace(source, reader=Reader(reader.sources, with_exact_numbers(reader.choose_parser)))
