"""All questions, in the order in which they are asked."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.jobs.probe import payload, quota, reading, writing
from kvsctl.jobs.probe.questions import Cost, Question

QUESTIONS: Final[Sequence[Question]] = (
    *reading.QUESTIONS,
    *writing.QUESTIONS,
    *payload.QUESTIONS,
    *quota.QUESTIONS,
)


def chosen(names: Sequence[str], *, may_use_up_quota: bool) -> Sequence[Question]:
    """Return the questions with these names; without names, all that may be asked.

    Raise UsageError for an unknown name, and for a question that may not be asked.
    """
    known = {one.name: one for one in QUESTIONS}
    for name in names:
        if name not in known:
            raise UsageError(
                f'--ask: unknown question "{name}"', f"Known questions: {', '.join(known)}."
            )
        if known[name].uses_up_quota and not may_use_up_quota:
            raise UsageError(
                f"--ask {name}: it uses up the quota of the app for some minutes",
                "Add --use-up-quota if that is meant.",
            )
    return [
        one
        for one in QUESTIONS
        if (one.name in names if names else may_use_up_quota or not one.uses_up_quota)
    ]


def cost_of(questions: Sequence[Question]) -> Cost:
    """Return what all these questions cost at most."""
    return reduce(add, (one.cost for one in questions), Cost())
