"""Whether a clean-up of several installations may begin: the limits, and one question for all."""

import heapq
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.plan import CleanUpPlan, CleanUpRule
from kvsctl.jobs.installations.counting import Counted, FoundByRule
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.question import Part, Question
from kvsctl.report.escape import visible
from kvsctl.texts import counted

_LARGEST: Final = 5


def require_few(cleanup: CleanUpPlan, found: Sequence[Counted]) -> None:
    """Raise UsageError if that is too much to change, in an installation or in all of them."""
    refusal = f"nothing was {_done(cleanup)}"
    hint = "Choose fewer, or allow more if this is meant."
    for one in found:
        if excesses := _excesses(cleanup, one.rules):
            raise UsageError(f"installation {one.installation}: {excesses}: {refusal}", hint)
    if excesses := _excesses(cleanup, _sums(cleanup, found)):
        raise UsageError(f"in all installations: {excesses}: {refusal}", hint)


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


def _excesses(cleanup: CleanUpPlan, found: Sequence[FoundByRule]) -> str:
    pairs = zip(cleanup.rules, found, strict=True)
    texts = [(rule, _excess(rule, one)) for rule, one in pairs]
    return "; ".join(
        text if rule.name is None else f"rule {rule.name}: {text}" for rule, text in texts if text
    )


def _excess(rule: CleanUpRule, found: FoundByRule) -> str | None:
    return rule.most.excess(found.records, found.value_bytes, found.listed, rule.action.done)


def _done(cleanup: CleanUpPlan) -> str:
    done = {rule.action.done for rule in cleanup.rules}
    return done.pop() if len(done) == 1 else "changed"


def _name(cleanup: CleanUpPlan) -> str:
    names = {rule.action.name for rule in cleanup.rules}
    return names.pop() if len(names) == 1 else "change"


class InstallationsQuestion(Question, frozen=True, kw_only=True):
    """What a job is about to do to installations: the totals, and the largest of them.

    `installations` is how many there are, with those in which nothing was found.
    """

    installations: int
    largest: Sequence[Counted]
    others: int

    @property
    def text(self) -> str:
        """See Question."""
        lines = [f"{self._what} {self._where}, of {self.installations:,} installations"]
        for one in self.largest:
            records = counted(one.records, "record")
            lines.append(f"  {visible(one.installation)}  {records} ({one.value_bytes:,} bytes)")
        if self.others:
            lines.append(f"  … and {self.others:,} more installations")
        lines += [part.line for part in self.parts]
        lines += [visible(note) for note in self.notes]
        return "\n".join([*lines, f"{self.action.capitalize()}? [y/N] "])


def question_of(
    template: BatchJob, cleanup: CleanUpPlan, found: Sequence[Counted], unlisted: int
) -> InstallationsQuestion:
    """Return what the user is asked once. `unlisted` installations could not be listed."""
    chosen = [one for one in found if one.records]
    largest = heapq.nlargest(_LARGEST, chosen, key=lambda one: (one.records, one.value_bytes))
    notes = [f"Covers {cleanup.listing.covers}. Secrets are not listed."]
    if undecided := sum(one.undecided for one in found):
        notes.append(f"Kept, because nothing can be decided about them: {undecided:,}.")
    if kept := sum(one.kept for one in found):
        notes.append(f"Kept, as the latest of their groups: {kept:,}.")
    notes += dict.fromkeys(note for rule in cleanup.rules for note in rule.action.notes)
    if unlisted:
        could = counted(unlisted, "installation")
        notes.append(f"{could} could not be listed and will be left as they are.")
    return InstallationsQuestion(
        action=_name(cleanup),
        target=replace(template.target, installation=None),
        count=sum(one.records for one in chosen),
        value_bytes=sum(one.value_bytes for one in chosen),
        notes=notes,
        refusal=f"nothing was {_done(cleanup)}",
        parts=list(_parts(cleanup, found)),
        installations=len(found) + unlisted,
        largest=largest,
        others=len(chosen) - len(largest),
    )


def _parts(cleanup: CleanUpPlan, found: Sequence[Counted]) -> list[Part]:
    """Return what the rules of a file do in all installations."""
    parts = []
    for rule, total in zip(cleanup.rules, _sums(cleanup, found), strict=True):
        if rule.name is not None and total.records:
            ttl = rule.action.ttl_text
            what = rule.action.name if ttl is None else f"give a ttl of {ttl} to"
            parts.append(Part(f"{rule.name}: {what}", total.records, total.value_bytes, ()))
    return parts
