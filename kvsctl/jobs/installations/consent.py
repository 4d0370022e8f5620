"""Whether a clean-up of several installations may begin: the limits, and one question for all."""

import heapq
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.consent import (
    FoundByRule,
    choose_fewer,
    excesses,
    name_of,
    notes_of,
    parts_of,
)
from kvsctl.jobs.cleanup.plan import CleanUpPlan
from kvsctl.jobs.installations.counting import Counted
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.question import Question, sum_text
from kvsctl.report.escape import visible
from kvsctl.texts import counted

LARGEST: Final = 5
"""How many installations a question names."""


def require_few(
    cleanup: CleanUpPlan, found: Sequence[Counted], target: Target, refusal: str
) -> None:
    """Raise UsageError if there is too much to change, in one installation or in all.

    `refusal` says what is not done then.
    """
    rules = cleanup.rules
    hint = choose_fewer(target, cleanup.listing.covers, rules)
    for one in found:
        if excess := excesses(rules, one.rules):
            raise UsageError(f"installation {one.installation}: {excess}: {refusal}", hint)
    if excess := excesses(rules, _sums(cleanup, found)):
        raise UsageError(f"in all installations: {excess}: {refusal}", hint)


def _sums(cleanup: CleanUpPlan, found: Sequence[Counted]) -> list[FoundByRule]:
    """Return what each rule chooses in all installations."""
    return [
        FoundByRule(
            sum(one.rules[number].records for one in found),
            sum(one.rules[number].value_bytes for one in found),
            sum(one.rules[number].listed for one in found),
        )
        for number in range(len(cleanup.rules))
    ]


class Sized(Protocol):
    """The changes to make in an installation. `value_bytes` None: not known."""

    @property
    def installation(self) -> str:
        """Its name."""
        ...

    @property
    def records(self) -> int:
        """How many records."""
        ...

    @property
    def value_bytes(self) -> int | None:
        """The total size of their values."""
        ...


def largest_of(chosen: Iterable[Sized]) -> Sequence[Sized]:
    """Return the installations that a question names."""
    return heapq.nlargest(LARGEST, chosen, key=lambda one: (one.records, one.value_bytes or 0))


class InstallationsQuestion(Question, frozen=True, kw_only=True):
    """What a job is about to do to installations: the totals, and the largest of them.

    `installations` is how many there are, including those in which nothing was found.
    """

    installations: int
    largest: Sequence[Sized]
    others: int

    @property
    def text(self) -> str:
        """See Question."""
        lines = [f"{self._what} {self._where}, of {counted(self.installations, 'installation')}"]
        for one in self.largest:
            records = sum_text(one.records, one.value_bytes)
            lines.append(f"  {visible(one.installation)}  {records}")
        if self.others:
            more = (
                "1 more installation" if self.others == 1 else f"{self.others:,} more installations"
            )
            lines.append(f"  … and {more}")
        lines += [part.line for part in self.parts]
        lines += [visible(note) for note in self.notes]
        return "\n".join([*lines, f"{self.action.capitalize()}? [y/N] "])


def question_of(
    template: BatchJob,
    cleanup: CleanUpPlan,
    found: Sequence[Counted],
    unlisted: int,
    refusal: str,
) -> InstallationsQuestion:
    """Return the one question to the user. `unlisted` installations could not be listed.

    `refusal` says what is not done without consent.
    """
    chosen = [one for one in found if one.records]
    largest = largest_of(chosen)
    could = counted(unlisted, "installation")
    notes = notes_of(
        cleanup.listing.covers,
        cleanup.rules,
        undecided=sum(one.undecided for one in found),
        kept=sum(one.kept for one in found),
        more=[f"{could} could not be listed and will be left as they are."] if unlisted else [],
    )
    return InstallationsQuestion(
        action=name_of(cleanup.rules),
        target=replace(template.target, installation=None),
        count=sum(one.records for one in chosen),
        value_bytes=sum(one.value_bytes for one in chosen),
        notes=notes,
        refusal=refusal,
        parts=parts_of(cleanup.rules, _sums(cleanup, found)),
        installations=len(found) + unlisted,
        largest=largest,
        others=len(chosen) - len(largest),
    )
