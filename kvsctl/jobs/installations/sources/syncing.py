"""A sync of several installations: compare all of them with the source, ask once, then write."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.bulk.settling.precondition import UNCHANGED, Precondition
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.comparison.entries import Block, Entry, set_ready
from kvsctl.comparison.joining import value_of
from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.jobs.compare.reading import Lookup, look_up
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.installations.cleaning import RecentPacers
from kvsctl.jobs.installations.consent import InstallationsQuestion, largest_of
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.installations.part import Around, PartEnd, schedule_of_part, work_on
from kvsctl.jobs.installations.sources.reading import WRITTEN
from kvsctl.jobs.job import BatchJob, JobEnd
from kvsctl.jobs.progress.showing import showing_progress
from kvsctl.jobs.question import Question, nothing_done
from kvsctl.jobs.store.copy_input import CopyInput
from kvsctl.jobs.store.side import StoreSide
from kvsctl.jsonequal import are_equal
from kvsctl.jsontext import members
from kvsctl.model import GET, Record
from kvsctl.report.installations.ends import InstallationEnd, counts_of
from kvsctl.texts import counted
from kvsctl.unexpected import explained


class _Differing(msgspec.Struct):
    """What a sync would write to an installation. `equal` records are left as they are.

    `others` were skipped in the source, or failed there or here: only the sync can report them.
    """

    installation: str
    records: int = 0
    value_bytes: int = 0
    equal: int = 0
    others: int = 0

    def compare(self, source: Entry, held: Entry | None) -> None:
        """Count a record as `Precondition` would decide: see `WriteIf.CHANGED`."""
        value = value_of(source.body)
        if held is None or _expires(source) or _expires(held) or not _is_equal(value, held):
            self.records += 1
            self.value_bytes += len(value)
        else:
            self.equal += 1


def _expires(entry: Entry) -> bool:
    return b'"expireTime"' in entry.body and "expireTime" in members(entry.body)


def _is_equal(value: bytes, held: Entry) -> bool:
    return are_equal(value, value_of(held.body))


class Syncing:
    """The state of a sync between its comparisons and its writes.

    `template` is the job of one installation, and `asked` the question that it alone would ask.
    `done_before`: how many records earlier runs of the job have written.
    """

    first: Final = "all installations were compared"
    """What must be done before anything is written."""

    def __init__(self, template: BatchJob, asked: Question, done_before: int) -> None:
        self._template = template
        self.refusal: Final = nothing_done(WRITTEN, done_before)
        """What was not done if the job ends before the user has consented."""
        self._asked = asked
        self._found: dict[str, _Differing] = {}
        self._pacers = RecentPacers()
        self._unread = 0
        self._equal = 0
        """How many installations need no writes."""

    @staticmethod
    def of(template: BatchJob, done_before: int) -> "Syncing | None":
        """Return a sync that must compare all installations first; None if the user consented."""
        asked = template.question
        return None if asked is None else Syncing(template, asked, done_before)

    async def count(self, target: Target, job: InstallationsJob, around: Around) -> PartEnd:
        """Compare an installation. Its end has no exit code yet if it is worked on later."""
        name, tally = str(target.installation), Tally()
        found, began = _Differing(name), asyncio.get_running_loop().time()
        try:
            error = await self._compared(job.job_of(target), found, tally, around)
        except Exception as raised:
            error = explained(raised)
        requests = Tally()
        requests.take_requests(tally)
        seconds = asyncio.get_running_loop().time() - began
        if error is not None:
            self._unread += 1
            why = error.message
            line = InstallationEnd(
                name, int(error.status), why, seconds, counts_of(requests), hint=error.hint
            )
            return PartEnd(line, JobEnd(requests, seconds, why))
        found.others += tally.failed
        exit_code: int | None = None
        if around.interrupts.interrupted is None:
            if self._must_sync(found):
                self._found[name] = found
            else:
                exit_code = int(ExitStatus.OK)
                self._equal += 1
                requests.records = requests.skipped = found.equal
                requests.skipped_by[UNCHANGED] = found.equal
        line = InstallationEnd(name, exit_code, None, seconds, counts_of(requests))
        return PartEnd(line, JobEnd(requests, seconds, None))

    def _must_sync(self, found: _Differing) -> bool:
        """Return whether to work on an installation, even if nothing differs."""
        job = self._template
        has_files = job.journal or job.deletions or job.reporting.failures_path
        is_required = job.checks.requires_input and not found.equal
        return bool(found.records or found.others or has_files or is_required)

    async def _compared(
        self, part: BatchJob, found: _Differing, tally: Tally, around: Around
    ) -> KvsctlError | None:
        """Read the keys of the source from an installation, and count what differs."""
        assert isinstance(part.input, CopyInput)  # noqa: S101 - see `of`
        plan = replace(
            part.plan,
            verb=GET,
            precondition=Precondition(),
            read_policy=ReadPolicy(
                ignore_missing=True,
                skip_expired=True,
                refuses_rounded=part.plan.read_policy.refuses_rounded,
            ),
            shared_window=around.window,
        )
        store = StoreSide(part.target, plan, part.allow_http, part.timeout_seconds)
        limit = TimeLimit(schedule_of_part(part, around.ends_at))
        pacer = pacer_of(plan.pace)
        shown = showing_progress(
            around.environment, found.installation, part.reporting, tally, plan
        )
        with shown as (listeners, note):
            error = await look_up(
                store,
                store.credentials(),
                Lookup(found.compare, part.input.copy.name),
                _entries(part.input, found),
                [tally, *listeners],
                around.interrupts,
                limit,
                note,
                carriers=around.among.carriers,
                pacer=pacer,
            )
        self._pacers.keep(found.installation, pacer)
        return error

    def require_few(self) -> None:
        """Do nothing: a sync has no limit."""

    @property
    def question(self) -> Question | None:
        """The question to the user; None if nothing would be written."""
        chosen = [one for one in self._found.values() if one.records]
        if not chosen:
            return None
        notes = list(self._asked.notes)
        if self._unread:
            could = counted(self._unread, "installation")
            notes.append(f"{could} could not be read and will be left as they are.")
        largest = largest_of(chosen)
        return InstallationsQuestion(
            action=self._asked.action,
            target=replace(self._template.target, installation=None),
            count=sum(one.records for one in chosen),
            value_bytes=sum(one.value_bytes for one in chosen),
            notes=notes,
            refusal=self.refusal,
            installations=len(self._found) + self._equal + self._unread,
            largest=largest,
            others=len(chosen) - len(largest),
        )

    def to_change(self, targets: Sequence[Target]) -> list[Target]:
        """Return the installations to work on."""
        return [target for target in targets if str(target.installation) in self._found]

    async def change(self, target: Target, job: InstallationsJob, around: Around) -> PartEnd:
        """Write the records that now differ to an installation."""
        return await work_on(target, job, around, pacer=self._pacers.take(str(target.installation)))


def _entries(source: CopyInput, found: _Differing) -> Iterator[Block]:
    """Yield the records that would be set. Others are counted."""
    may_lack_numbers = source.copy.may_lack_numbers
    for page in source.copy.outcomes():
        pieces = [source.making.piece(one, may_lack_numbers=may_lack_numbers) for one in page]
        records = [piece for piece in pieces if isinstance(piece, Record)]
        found.others += len(pieces) - len(records)
        yield [
            Entry(record.identity.entity or "", record.identity.key, set_ready(record))
            for record in records
        ]
