"""The plans of several installations: check all of them, ask once, and then carry them out."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.plans.approval import CHANGED, PlanApproval, PlanCount
from kvsctl.jobs.examine import examine
from kvsctl.jobs.installations.consent import InstallationsQuestion, largest_of
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.installations.part import Around, PartEnd, work_on
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.question import Question, nothing_done
from kvsctl.journal.fingerprint import Fingerprint, change
from kvsctl.report.installations.ends import InstallationEnd
from kvsctl.texts import counted
from kvsctl.unexpected import explained


class _Checked(msgspec.Struct, frozen=True):
    """The plan of an installation, and the file that was checked."""

    installation: str
    count: PlanCount
    fingerprint: Sequence[Fingerprint]
    value_bytes: int | None = None

    @property
    def records(self) -> int:
        """How many records it changes."""
        return self.count.records


class Applying:
    """The state of plans between their check and their execution.

    `template` is the job of one installation. `done_before`: how many records earlier runs of the
    job have changed.
    """

    first: Final = "all plans were checked"
    """What must be done before anything is changed."""

    def __init__(self, template: BatchJob, most: MostDeleted, done_before: int) -> None:
        self._template = template
        self._most = most
        self.refusal: Final = nothing_done(CHANGED, done_before)
        """What was not done if the job ends before the user has consented."""
        self._checked: dict[str, _Checked] = {}
        self._unread = 0

    @staticmethod
    def of(template: BatchJob, done_before: int) -> "Applying | None":
        """Return plans that must all be checked first; None if they need not be.

        They must be if the user is asked, or if a limit applies to all of them together.
        """
        most = template.plan_guard
        if most is None or template.checks.is_dry_run:
            return None
        if template.has_consent and most.records is None:
            return None
        return Applying(template, most, done_before)

    async def count(self, target: Target, job: InstallationsJob, around: Around) -> PartEnd:
        """Check the plan of an installation. Its end has no exit code if it will be carried out."""
        del around
        name = str(target.installation)
        try:
            part = job.job_of(target)
            approval = PlanApproval(part, self._most, has_consent=None)
            fingerprint = part.input.fingerprint()
            await examine(part.input.feed(), [], approval.admit)
        except Exception as raised:
            error = explained(raised)
            self._unread += 1
            line = InstallationEnd(name, int(error.status), error.message, hint=error.hint)
            return PartEnd(line, None)
        self._checked[name] = _Checked(name, approval.count, fingerprint)
        exit_code = None if approval.count.records else int(ExitStatus.OK)
        return PartEnd(InstallationEnd(name, exit_code), None)

    def require_few(self) -> None:
        """Raise UsageError if a plan, or all of them together, delete too many records."""
        about = f"the plans for {self._template.target.name}"
        for one in self._checked.values():
            where = f"installation {one.installation}: "
            if refusal := one.count.refusal(self._most, self.refusal, about, where):
                raise refusal
        where = "in all installations: "
        if refusal := self._total.refusal(self._most, self.refusal, about, where):
            raise refusal

    @property
    def _total(self) -> PlanCount:
        total = PlanCount()
        for one in self._checked.values():
            total.add(one.count)
        return total

    @property
    def question(self) -> Question | None:
        """The question to the user; None if the plans are empty, or if the user has consented."""
        total, planned = self._total, [one for one in self._checked.values() if one.records]
        if self._template.has_consent or not planned:
            return None
        largest = largest_of(planned)
        notes = list(total.notes)
        if self._unread:
            could = counted(self._unread, "plan")
            notes.append(f"{could} could not be read, and their installations will be left alone.")
        return InstallationsQuestion(
            action=total.action,
            target=replace(self._template.target, installation=None),
            count=total.records,
            notes=notes,
            refusal=self.refusal,
            installations=len(self._checked) + self._unread,
            largest=largest,
            others=len(planned) - len(largest),
        )

    def to_change(self, targets: Sequence[Target]) -> list[Target]:
        """Return the installations to work on."""
        found = ((one, self._checked.get(str(one.installation))) for one in targets)
        return [target for target, checked in found if checked is not None and checked.records]

    async def change(self, target: Target, job: InstallationsJob, around: Around) -> PartEnd:
        """Carry out the plan of an installation, if it is still the one that was checked."""
        checked = self._checked[str(target.installation)]

        def unchanged(part: BatchJob) -> BatchJob:
            if (what := change(checked.fingerprint, part.input.fingerprint())) is not None:
                refusal = nothing_done(CHANGED)
                raise UsageError(f"{what} since it was checked: {refusal}", "Apply it again.")
            return part

        return await work_on(target, job, around, unchanged)
