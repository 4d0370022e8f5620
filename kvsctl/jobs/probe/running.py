"""The job of `kvsctl probe`: from its consent to its exit status."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec

from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.jobs.access import (
    require_confirmable,
    require_confirmed,
    require_meant,
    warn_of_read_only,
)
from kvsctl.jobs.connect import connected_as, credentials_of
from kvsctl.jobs.job import Reporting, Schedule, Watcher, labels_of
from kvsctl.jobs.probe.asking import Asking
from kvsctl.jobs.probe.catalogue import cost_of
from kvsctl.jobs.probe.profile import Profile, require_place
from kvsctl.jobs.probe.questions import Question
from kvsctl.jobs.probe.scratch import Scratch
from kvsctl.jobs.question import Question as Consent
from kvsctl.jobs.question import ask, require_answerable
from kvsctl.jobs.runner import Interrupts, NoInterrupts
from kvsctl.report.console import Environment
from kvsctl.report.target.probe import Answered, Probed, cost_notes, say_rehearsed
from kvsctl.report.target.probe import print_probed as shown
from kvsctl.service.raw import RawClient
from kvsctl.service.wire import MetadataRequest

_NOTHING: str = "nothing was sent"


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """Questions to ask a target. `prefix`: the prefix of the scratch records.

    `output`: where the profile is written; None: nowhere. `has_consent`: the user need not be
    asked.
    """

    target: Target
    allow_http: bool
    timeout_seconds: float
    questions: Sequence[Question]
    prefix: str
    output: Path | None
    has_consent: bool
    confirmed_target: str | None
    is_dry_run: bool
    reporting: Reporting

    @property
    def command(self) -> str:
        """See Job."""
        return "probe"

    @property
    def schedule(self) -> Schedule:
        """See Job."""
        return Schedule()

    @property
    def has_network(self) -> bool:
        """See Job."""
        return self.target.url is not None and not self.is_dry_run

    @property
    def labels(self) -> Mapping[str, str]:
        """See Job."""
        return labels_of(self.target)

    def watched_by(self, watcher: Watcher) -> Self:
        """See Job. A probe is not watched."""
        del watcher
        return self

    @property
    def notes(self) -> list[str]:
        """What it writes, costs and takes, in sentences."""
        return [
            f"Their keys begin with {self.prefix} and are deleted at the end.",
            *cost_notes(cost_of(self.questions), [one.name for one in self.questions]),
        ]


async def probe(
    job: Probe, environment: Environment, interrupts: Interrupts | None = None
) -> ExitStatus:
    """Ask the questions, clean up, print and write what was found out, and return the exit status.

    Raise UsageError, with nothing sent, if the target must not be written to, if the user does not
    consent, or if the target or the output cannot be used.
    """
    interrupts = interrupts or NoInterrupts()
    require_meant(job.target, job.confirmed_target)
    if job.output is not None:
        require_place(job.output)
    if job.is_dry_run:
        warn_of_read_only(job.target, environment, is_quiet=job.reporting.quiet)
        say_rehearsed(environment, job.target.display, cost_of(job.questions).records, job.notes)
        return ExitStatus.OK
    require_confirmable(job.target, job.confirmed_target)
    require_answerable(environment, has_consent=job.has_consent, refusal=_NOTHING)
    require_confirmed(job.command, job.target, job.confirmed_target, environment)
    if not job.has_consent:
        records = cost_of(job.questions).records
        await ask(Consent("write", job.target, records, None, (), job.notes, _NOTHING), environment)
    asking, scratch = await _asked(job, environment, interrupts)
    profile = Profile(job.target, datetime.now(UTC), asking.asked)
    error = asking.error
    if job.output is not None and asking.asked:
        try:
            profile.save(job.output)
        except KvsctlError as failed:
            error = error or failed
    probed = Probed(
        profile.document(),
        [_answered(one.question, one.finding.answers, one.finding.limits, one.finding.notes)
         for one in asking.asked],
        [one.name for one in job.questions[len(asking.asked):]],
        [(one.entity, one.key) for one in scratch.written],
        error,
        interrupts.interrupted,
        job.output,
    )  # fmt: skip
    return shown(probed, environment, as_json=job.reporting.as_json, is_quiet=job.reporting.quiet)


async def _asked(
    job: Probe, environment: Environment, interrupts: Interrupts
) -> tuple[Asking, Scratch]:
    """Ask the questions, and then remove everything that was written, if possible."""

    def note(text: str) -> None:
        if environment.stderr_is_terminal and not job.reporting.quiet:
            environment.note(text)

    credentials = credentials_of(job.target, allow_http=job.allow_http)
    async with connected_as(
        RawClient,
        job.target,
        credentials,
        timeout_seconds=job.timeout_seconds,
        asked=MetadataRequest(),
        may_write=True,
        looks_out=False,
    ) as client:
        scratch = Scratch(client, job.prefix, time.monotonic, asyncio.sleep)
        asking = Asking(job.questions, scratch, note)
        with interrupts.stopping(asking, environment.note):
            await asking.carry_out()
    return asking, scratch


def _answered(
    question: Question,
    answers: Mapping[str, object],
    limits: Mapping[str, int],
    notes: Sequence[str],
) -> Answered:
    """Return what a question found, in words."""
    meanings = [(name, value, question.meaning(name, value)) for name, value in answers.items()]
    return Answered(question.name, [*meanings, *((n, v, "") for n, v in limits.items())], notes)
