"""--shard auto: the tasks of an array job have all parts, each one of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.config.array_jobs import is_automatic, shard_of_task
from kvsctl.errors import UsageError
from kvsctl.shards import parsed_shard

_TOTALS = st.integers(1, 40)


def _whole(total: int) -> list[str]:
    return [f"{number}/{total}" for number in range(1, total + 1)]


@given(_TOTALS, st.booleans())
def test_the_pods_of_an_indexed_job_are_the_whole(total: int, in_variable: bool) -> None:
    text, more = ("auto", {"KVSCTL_SHARDS": str(total)}) if in_variable else (f"auto/{total}", {})
    parts = [shard_of_task(text, {"JOB_COMPLETION_INDEX": str(n)} | more) for n in range(total)]
    assert parts == _whole(total)
    assert [str(parsed_shard(part)) for part in parts] == parts


@given(_TOTALS, st.integers(0, 9), st.integers(1, 9), st.booleans())
def test_the_tasks_of_a_slurm_array_are_the_whole(
    total: int, first: int, step: int, has_end: bool
) -> None:
    numbers = range(first, first + total * step, step)
    array = {"SLURM_ARRAY_TASK_MIN": str(first), "SLURM_ARRAY_TASK_COUNT": str(total)}
    if has_end or step > 1:
        array |= {"SLURM_ARRAY_TASK_MAX": str(numbers[-1]), "SLURM_ARRAY_TASK_STEP": str(step)}
    parts = [shard_of_task("auto", array | {"SLURM_ARRAY_TASK_ID": str(n)}) for n in numbers]
    assert parts == _whole(total)


@given(_TOTALS, st.booleans())
def test_the_children_of_an_aws_batch_array_are_the_whole(total: int, has_size: bool) -> None:
    text, more = ("auto", {"AWS_BATCH_JOB_ARRAY_SIZE": str(total)}) if has_size else (
        f"auto/{total}", {}
    )  # fmt: skip
    parts = [
        shard_of_task(text, {"AWS_BATCH_JOB_ARRAY_INDEX": str(n)} | more) for n in range(total)
    ]
    assert parts == _whole(total)


@given(st.sets(st.integers(0, 30), min_size=2, max_size=6))
def test_no_two_tasks_of_any_slurm_array_have_one_part(numbers: set[int]) -> None:
    """Slurm sets the step to the distance of the first two. Tasks that it misplaces are refused."""
    ordered = sorted(numbers)
    array = {
        "SLURM_ARRAY_TASK_MIN": str(ordered[0]),
        "SLURM_ARRAY_TASK_MAX": str(ordered[-1]),
        "SLURM_ARRAY_TASK_COUNT": str(len(ordered)),
        "SLURM_ARRAY_TASK_STEP": str(ordered[1] - ordered[0]),
    }
    parts = []
    for number in ordered:
        try:
            parts.append(shard_of_task("auto", array | {"SLURM_ARRAY_TASK_ID": str(number)}))
        except UsageError:
            continue
    assert len(parts) == len(set(parts))
    assert all(part.endswith(f"/{len(ordered)}") for part in parts)


_POD = {"JOB_COMPLETION_INDEX": "1"}
_SLURM = {
    "SLURM_ARRAY_TASK_ID": "2",
    "SLURM_ARRAY_TASK_MIN": "1",
    "SLURM_ARRAY_TASK_COUNT": "3",
}
_AWS = {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "3"}


@pytest.mark.parametrize(
    ("text", "variables", "message"),
    [
        ("auto", {}, "not a task of an array job"),
        ("auto/3", {"JOB_COMPLETION_INDEX": ""}, "not a task of an array job"),
        ("auto", _POD, "JOB_COMPLETION_INDEX does not say how many tasks there are"),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "1"}, "does not say how many tasks there are"),
        ("auto/3", _POD | _SLURM, "both JOB_COMPLETION_INDEX and SLURM_ARRAY_TASK_ID are set"),
        ("auto", _SLURM | _AWS, "both SLURM_ARRAY_TASK_ID and AWS_BATCH_JOB_ARRAY_INDEX"),
        ("auto/1", _POD, "--shard auto/N is 1, but this is task 2"),
        ("auto", _POD | {"KVSCTL_SHARDS": "1"}, "KVSCTL_SHARDS is 1, but this is task 2"),
        ("auto/4", _SLURM, "--shard auto/N is 4, but SLURM_ARRAY_TASK_COUNT is 3"),
        ("auto", _AWS | {"KVSCTL_SHARDS": "2"}, "is 2, but AWS_BATCH_JOB_ARRAY_SIZE is 3"),
        ("auto", _AWS | {"AWS_BATCH_JOB_ARRAY_INDEX": "3"}, "is 3, but this is task 4"),
        ("auto", _SLURM | {"SLURM_ARRAY_TASK_ID": "9"}, "not in even steps"),
        ("auto", _SLURM | {"SLURM_ARRAY_TASK_MAX": "9"}, "not in even steps"),
        ("auto", _SLURM | {"SLURM_ARRAY_TASK_MIN": ""}, "SLURM_ARRAY_TASK_MIN is not set"),
        ("auto", _SLURM | {"SLURM_ARRAY_TASK_COUNT": "0"}, "not in even steps"),
        ("auto/3", {"JOB_COMPLETION_INDEX": "-1"}, 'JOB_COMPLETION_INDEX is "-1": not a number'),
        ("auto/0", _POD, '--shard "auto/0": not a number of parts'),
        ("auto/", _POD, '--shard "auto/": not a number of parts'),
        ("auto/٣", _POD, "not a number of parts"),
        ("auto", _POD | {"KVSCTL_SHARDS": "x"}, 'KVSCTL_SHARDS "x": not a number of parts'),
    ],
)
def test_what_is_missing_or_ambiguous_is_refused(
    text: str, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        shard_of_task(text, variables)
    assert message in refused.value.message
    assert refused.value.hint is not None


def test_the_option_goes_before_the_variable() -> None:
    assert shard_of_task("auto/3", _POD | {"KVSCTL_SHARDS": "9"}) == "2/3"


@pytest.mark.parametrize(("text", "is_one"), [("auto", True), ("auto/", True), ("1/2", False)])
def test_other_values_are_left_alone(text: str, is_one: bool) -> None:
    assert is_automatic(text) == is_one
