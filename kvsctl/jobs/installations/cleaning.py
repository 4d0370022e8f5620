"""A clean-up of several installations: list all of them, ask once, and then change them."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from msgspec.structs import replace

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.bulk.pacing.pace import MINUTE_SECONDS
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.jobs.cleanup.consent import refusal_of
from kvsctl.jobs.cleanup.gathering import Listed
from kvsctl.jobs.cleanup.plan import CleanUpPlan
from kvsctl.jobs.installations.consent import question_of, require_few
from kvsctl.jobs.installations.counting import Counted, counting_job, has_limit, limited, unlisted
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.installations.part import Around, PartEnd, work_on
from kvsctl.jobs.job import BatchJob, JobEnd
from kvsctl.jobs.question import Question
from kvsctl.report.installations.ends import InstallationEnd, counts_of

_MOST_KEPT: Final = 1_000_000
"""The most listed records that are kept. Others are listed again."""
_COST_OF_LISTING: Final = 500
"""What a listing takes in addition to its records, counted in records."""


class RecentPacers:
    """The pacers of installations, each kept while its counts matter: for a minute."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Pacer]] = {}

    def keep(self, installation: str, pacer: Pacer) -> None:
        """Keep a pacer, and forget old ones."""
        now = asyncio.get_running_loop().time()
        while self._kept and now - next(iter(self._kept.values()))[0] > MINUTE_SECONDS:
            del self._kept[next(iter(self._kept))]
        self._kept[installation] = now, pacer

    def take(self, installation: str) -> Pacer | None:
        """Return the pacer of an installation; None if it needs a new one."""
        _, pacer = self._kept.pop(installation, (0.0, None))
        return pacer


class Cleaning:
    """The state of a clean-up between its listings and its changes.

    `template` is the job of one installation. `done_before`: how many records earlier runs of the
    job have changed. The listing of an installation is kept for its change if that takes little.
    Call `close` at the end.
    """

    first: Final = "all installations were listed"
    """What must be done before anything is changed."""

    def __init__(self, template: BatchJob, cleanup: CleanUpPlan, done_before: int) -> None:
        self._template = template
        self._cleanup = cleanup
        self.refusal: Final = refusal_of(cleanup.rules, done_before)
        """What was not done if the job ends before the user has consented."""
        self._found: dict[str, Counted] = {}
        self._pacers = RecentPacers()
        self._unlisted = 0
        self._listings: dict[str, Listed] = {}
        self._kept = 0

    @staticmethod
    def of(template: BatchJob, done_before: int) -> "Cleaning | None":
        """Return a clean-up that must list all installations first; None if it need not.

        It must if the user is asked, or if limits apply to all installations together. Raise
        UsageError for limits with journals: the runs that a journal resumes are not in the sum.
        """
        cleanup = template.cleanup
        if cleanup is None or template.records is not None:
            return None
        is_limited = any(has_limit(rule.most) for rule in cleanup.rules)
        if is_limited and template.journal is not None:
            raise UsageError(
                "--max-delete counts all installations, and --journal resumes each alone",
                "Leave out --journal, or the limits (also max_delete in a retention file).",
            )
        if template.has_consent and not is_limited:
            return None
        return Cleaning(template, cleanup, done_before)

    async def count(self, target: Target, job: InstallationsJob, around: Around) -> PartEnd:
        """List an installation. Return how that ended, with only the requests counted.

        It has no exit code yet if there is something to change.
        """
        counted: list[tuple[Counted, Listed]] = []

        def note(found: Counted, listed: Listed) -> None:
            counted.append((found, listed))

        pacer = pacer_of(self._template.plan.pace)
        line, whole = await work_on(
            target, job, around, lambda part: counting_job(part, note), pacer
        )
        end = None if whole is None or whole.tally is None else _requests_only(whole, whole.tally)
        if line.exit_code != ExitStatus.OK or not counted:
            self._unlisted += 1
            for _, listed in counted:
                listed.close()
            return PartEnd(_with_counts(unlisted(line), end), end)
        [(found, listed)] = counted
        self._found[line.installation] = found
        self._keep_listing(found, listed, job)
        self._pacers.keep(found.installation, pacer)
        if self._is_to_change(found):
            return PartEnd(_with_counts(InstallationEnd(found.installation, None), end), end)
        # What is left alone in it, as undecided, is not counted later.
        done = InstallationEnd(found.installation, int(ExitStatus.OK))
        return PartEnd(_with_counts(done, whole), whole)

    def _is_to_change(self, found: Counted) -> bool:
        """Return whether to work on an installation: even one without records may have to fail."""
        return bool(found.records) or self._template.checks.requires_input

    def require_few(self) -> None:
        """Raise UsageError if there is too much to change."""
        found = list(self._found.values())
        require_few(self._cleanup, found, self._template.target, self.refusal)

    @property
    def question(self) -> Question | None:
        """The question to the user; None if nothing was found, or if the user has consented."""
        found = list(self._found.values())
        if self._template.has_consent or not any(one.records for one in found):
            return None
        return question_of(self._template, self._cleanup, found, self._unlisted, self.refusal)

    def to_change(self, targets: Sequence[Target]) -> list[Target]:
        """Return the installations to work on."""
        return [
            target
            for target in targets
            if (found := self._found.get(str(target.installation))) is not None
            and self._is_to_change(found)
        ]

    def found_in(self, installation: str) -> Counted:
        """Return what was found in an installation that `to_change` has chosen."""
        return self._found[installation]

    async def change(self, target: Target, job: InstallationsJob, around: Around) -> PartEnd:
        """Carry out the clean-up of an installation."""
        found = self._found[str(target.installation)]
        pacer = self._pacers.take(found.installation)
        listed = self._listings.pop(found.installation, None)

        def changed(part: BatchJob) -> BatchJob:
            return replace(limited(part, found), listed=listed)

        if listed is None:
            return await work_on(target, job, around, changed, pacer)
        with closing(listed):
            return await work_on(target, job, around, changed, pacer)

    def close(self) -> None:
        """Free the listings that were not used."""
        for listed in self._listings.values():
            listed.close()

    def _keep_listing(self, found: Counted, listed: Listed, job: InstallationsJob) -> None:
        """Keep a listing for the change, or close it.

        Close it if there is a journal, which may have begun before with other ages; if other
        processes work, which could not read it; and if groups keep their latest records, which are
        all in memory.
        """
        cost = found.records + _COST_OF_LISTING
        is_usable = self._template.journal is None and job.crewing is None
        is_small = not listed.gathered.latest and self._kept + cost <= _MOST_KEPT
        if found.records and is_usable and is_small:
            self._kept += cost
            self._listings[found.installation] = listed
        else:
            listed.close()


def _requests_only(end: JobEnd, tally: Tally) -> JobEnd:
    """Return how a listing ended, without its records: they are counted when they change."""
    requests = Tally()
    requests.take_requests(tally)
    return JobEnd(requests, end.elapsed_seconds, end.error, hint=end.hint)


def _with_counts(line: InstallationEnd, end: JobEnd | None) -> InstallationEnd:
    counts = () if end is None or end.tally is None else counts_of(end.tally)
    return replace(line, counts=counts)
