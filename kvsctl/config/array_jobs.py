"""`--shard auto`: which part of the keys a task of an array job works on.

Each system numbers the tasks of an array in environment variables:

- Kubernetes, a Job with `completionMode: Indexed`: `JOB_COMPLETION_INDEX`, from 0. No variable says
  how many there are (`spec.completions`), so N is given.
- Slurm, `sbatch --array`: `SLURM_ARRAY_TASK_ID`, from `SLURM_ARRAY_TASK_MIN` in steps of
  `SLURM_ARRAY_TASK_STEP`, and `SLURM_ARRAY_TASK_COUNT` of them.
- AWS Batch: `AWS_BATCH_JOB_ARRAY_INDEX`, from 0, of `AWS_BATCH_JOB_ARRAY_SIZE`.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from kvsctl.errors import UsageError

_AUTO: Final = "auto"
_FORM: Final = re.compile(r"auto(?:/(.*))?", re.DOTALL)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_TOTAL: Final = "KVSCTL_SHARDS"
_KUBERNETES: Final = "JOB_COMPLETION_INDEX"
_SLURM: Final = "SLURM_ARRAY_TASK_ID"
_SLURM_COUNT: Final = "SLURM_ARRAY_TASK_COUNT"
_AWS: Final = "AWS_BATCH_JOB_ARRAY_INDEX"
_AWS_SIZE: Final = "AWS_BATCH_JOB_ARRAY_SIZE"
_BY_HAND: Final = "Write --shard I/N, with the number of this task and of all."


class _Task(NamedTuple):
    """A task of an array: the variable that numbers it, its `place` from 0, and the total.

    `total_name`: the variable that holds the total; None: no variable does.
    """

    name: str
    place: int
    total_name: str | None = None
    total: int | None = None


def is_automatic(text: str) -> bool:
    """Return whether a value of `--shard` is `auto` or `auto/N`."""
    return _FORM.fullmatch(text) is not None


def shard_of_task(text: str, variables: Mapping[str, str]) -> str:
    """Return the part of this task as `I/N`. `text`: `auto` or `auto/N`.

    N comes from the text, else from `KVSCTL_SHARDS`, else it is the number of tasks in the array.

    Raise UsageError if there is not exactly one array, if N is not known, or if it is not the
    number of tasks in the array: then some part of the keys would belong to no task, or to two.
    """
    task = _task(variables)
    given = _given_total(text, variables)
    if given is None:
        if task.total is None:
            raise UsageError(
                f"--shard {_AUTO}: {task.name} does not say how many tasks there are",
                f"Write --shard {_AUTO}/N, or set {_TOTAL} to N: the Job's spec.completions.",
            )
        given = (str(task.total_name), task.total)
    name, total = given
    if task.total is not None and task.total != total:
        raise UsageError(
            f"{name} is {total:,}, but {task.total_name} is {task.total:,}",
            "Start as many tasks as there are parts. To run one of them again, write --shard I/N.",
        )
    if task.place >= total:
        raise UsageError(
            f"{name} is {total:,}, but this is task {task.place + 1:,} ({task.name})",
            "Start as many tasks as there are parts.",
        )
    return f"{task.place + 1}/{total}"


def _given_total(text: str, variables: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the option or variable that gives N, and N; None if neither does."""
    match = _FORM.fullmatch(text)
    if match is not None and match[1] is not None:
        return f"--shard {_AUTO}/N", _positive(match[1], f'--shard "{text}"')
    if (value := variables.get(_TOTAL)) is not None and value:
        return _TOTAL, _positive(value, f'{_TOTAL} "{value}"')
    return None


def _positive(text: str, what: str) -> int:
    if _NUMBER.fullmatch(text) is None or text == "0":
        raise UsageError(
            f"{what}: not a number of parts", f"Write --shard {_AUTO}/8, for example, for 8 tasks."
        )
    return int(text)


def _task(variables: Mapping[str, str]) -> _Task:
    found = [name for name in _TASKS if variables.get(name)]
    if not found:
        raise UsageError(
            f"--shard {_AUTO}: not a task of an array job: none of {', '.join(_TASKS)} is set",
            _BY_HAND,
        )
    if len(found) > 1:
        raise UsageError(f"--shard {_AUTO}: both {found[0]} and {found[1]} are set", _BY_HAND)
    return _TASKS[found[0]](variables)


def _kubernetes_task(variables: Mapping[str, str]) -> _Task:
    return _Task(_KUBERNETES, _number(variables, _KUBERNETES))


def _aws_task(variables: Mapping[str, str]) -> _Task:
    place = _number(variables, _AWS)
    if not variables.get(_AWS_SIZE):
        return _Task(_AWS, place)
    return _Task(_AWS, place, _AWS_SIZE, _number(variables, _AWS_SIZE))


def _slurm_task(variables: Mapping[str, str]) -> _Task:
    """Return the task. Raise UsageError unless the array's numbers are in even steps.

    A task sees only its own number and the ends of the array. So its place in an array such as
    `--array=1,2,9` is not known.
    """
    number, first = _number(variables, _SLURM), _number(variables, "SLURM_ARRAY_TASK_MIN")
    count = _number(variables, _SLURM_COUNT)
    step = max(_number(variables, "SLURM_ARRAY_TASK_STEP", 1), 1)
    last = first + (count - 1) * step
    is_even = number in range(first, last + 1, step)
    if not is_even or _number(variables, "SLURM_ARRAY_TASK_MAX", last) != last:
        raise UsageError(
            f"--shard {_AUTO}: the numbers of the Slurm array are not in even steps",
            "Start it with --array=1-N, or write --shard I/N.",
        )
    return _Task(_SLURM, (number - first) // step, _SLURM_COUNT, count)


def _number(variables: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = variables.get(name)
    if not text and default is not None:
        return default
    if not text or _NUMBER.fullmatch(text) is None:
        what = f'{name} is "{text}": not a number' if text else f"{name} is not set"
        raise UsageError(f"--shard {_AUTO}: {what}", _BY_HAND)
    return int(text)


_TASKS: Final = {_KUBERNETES: _kubernetes_task, _SLURM: _slurm_task, _AWS: _aws_task}
