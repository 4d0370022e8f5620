"""Check an export against its manifest, and against a store."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
from msgspec.structs import replace

from kvsctl import __version__
from kvsctl.backups.checking import damage
from kvsctl.backups.manifest import Manifest, manifest_path, read_manifest
from kvsctl.bulk.events import Listener
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.comparison.entries import Block, FileSide, has_expired
from kvsctl.comparison.joining import Comparer, Difference
from kvsctl.comparison.sampling import Sample
from kvsctl.config.installations import short_id
from kvsctl.errors import ExitStatus, Interrupted, KvsctlError, UsageError
from kvsctl.jobs.compare.checking import read_in_thread
from kvsctl.jobs.compare.reading import (
    Lookup,
    count_absent_as_read,
    counting,
    look_up,
)
from kvsctl.jobs.compare.verification_ending import VerificationEnding
from kvsctl.jobs.cron.lock import locked
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.ending import End
from kvsctl.jobs.job import Reporting, Schedule, Watcher, labels_of
from kvsctl.jobs.progress.showing import showing_progress
from kvsctl.jobs.replacing import require_replaceable
from kvsctl.jobs.runner import ALONE, Among, Interrupts, NoInterrupts
from kvsctl.jobs.store.side import StoreSide
from kvsctl.records.reader import Reader
from kvsctl.report.console import Environment
from kvsctl.report.document import About, ReportFile
from kvsctl.report.log.start import log_start
from kvsctl.report.progress.following import Input
from kvsctl.report.store.differences import Differing
from kvsctl.report.store.verification import (
    MOST_SHOWN,
    Against,
    Verified,
)


class Comparand(msgspec.Struct, frozen=True):
    """What an export is compared with in addition to its manifest. `reader` reads the export."""

    reader: Reader
    store: StoreSide
    sample: Sample


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """An export to check. `comparand`: what it is compared with in addition to its manifest.

    `installation`: the one that the export must be of, if it is one of several; None: it is alone.
    """

    path: Path
    comparand: Comparand | None = None
    installation: str | None = None
    reporting: Reporting = msgspec.field(default_factory=Reporting)
    schedule: Schedule = msgspec.field(default_factory=Schedule)
    watcher: Watcher | None = None

    @property
    def command(self) -> str:
        """See Job."""
        return "verify"

    @property
    def has_network(self) -> bool:
        """See Job."""
        return self.comparand is not None and self.comparand.store.target.url is not None

    @property
    def labels(self) -> Mapping[str, str]:
        """See Job."""
        return {} if self.comparand is None else labels_of(self.comparand.store.target)

    def watched_by(self, watcher: Watcher) -> Self:
        """See Job."""
        return replace(self, watcher=watcher)


async def verify(
    job: Verification,
    environment: Environment,
    interrupts: Interrupts | None = None,
    *,
    among: Among = ALONE,
) -> ExitStatus:
    """Check a file, print the result, and return the exit status.

    `among`: what it shares with other installations. Raise UsageError if the file or its manifest
    cannot be read, WorkLeft if another run holds the job's lock or the time is up while the file is
    checked, and Interrupted if a signal arrives then; later errors are reported. For one of several
    installations, nothing is printed.
    """
    limit = TimeLimit(job.schedule)
    async with locked(job, limit.ends_at, environment):
        manifest = _manifest_of(job.path)
        return await _carry_out(
            job, manifest, environment, interrupts or NoInterrupts(), limit, among
        )


async def _carry_out(
    job: Verification,
    manifest: Manifest,
    environment: Environment,
    interrupts: Interrupts,
    limit: TimeLimit,
    among: Among,
) -> ExitStatus:
    """Do what `verify` does, with the job's lock held."""
    require_replaceable(job.reporting)
    started, comparand = time.monotonic(), job.comparand
    report = None if job.reporting.report_path is None else ReportFile(job.reporting.report_path)
    try:
        requests = log_start(
            environment,
            _about(job),
            is_quiet=job.reporting.quiet,
            verbosity=job.reporting.verbosity,
        )
        wrong = _wrong_installation(job, manifest)
        if wrong is None:
            wrong = await _damage(job.path, manifest, interrupts, limit, environment.note)
        verified = Verified(job.path, manifest, wrong)
        error: KvsctlError | None = None
        if comparand is not None and verified.damage is None:
            tally, plan = Tally(), comparand.store.plan
            source = Input(fraction_read=comparand.reader.fraction_read)
            label = job.installation or "verify"
            shown = showing_progress(environment, label, job.reporting, tally, plan, source)
            with shown as (progress, note):
                checking = _Checking(tally, interrupts, limit, [*requests, *progress], note, among)
                against, error = await checking.compare(comparand)
            verified = replace(verified, against=against)
        end = End(error, interrupts.interrupted, time.monotonic() - started)
        return VerificationEnding(
            job.reporting,
            verified,
            report,
            environment,
            job.watcher,
            is_part=job.installation is not None,
        ).publish(end)
    finally:
        if report is not None:
            report.close()


def _about(job: Verification) -> About:
    store = None if job.comparand is None else job.comparand.store
    target = str(job.path) if store is None else store.target.display
    return About("verify", target, __version__, datetime.now(UTC))


def _manifest_of(path: Path) -> Manifest:
    manifest = read_manifest(path)
    if not path.is_file():
        raise UsageError(f"cannot read {path}: not a file")
    if manifest is None:
        raise UsageError(
            f"{path} has no manifest: {manifest_path(path).name} is missing",
            "An export to a file writes one beside it. Keep both together.",
        )
    return manifest


def _wrong_installation(job: Verification, manifest: Manifest) -> str | None:
    """Return why an export is not of the expected installation; None if it may be."""
    made_of, mine = manifest.facts.installation, job.installation
    if made_of is None or mine is None or short_id(made_of) == short_id(mine):
        return None
    return f"it is an export of installation {made_of}"


async def _damage(
    path: Path,
    manifest: Manifest,
    interrupts: Interrupts,
    limit: TimeLimit,
    note: Callable[[str], None],
) -> str | None:
    """Return how a file differs from its manifest; None if it does not.

    Raise Interrupted if a signal arrives meanwhile, and WorkLeft if the time is up.
    """
    check = partial(damage, path, manifest.digest)
    found, is_stopped = await read_in_thread(check, interrupts, limit, note)
    if not is_stopped:
        return found
    if interrupts.interrupted is None and (left := limit.work_left()) is not None:
        raise left
    status = interrupts.interrupted or ExitStatus.WORK_LEFT
    raise Interrupted(f"interrupted: {path} was not read to its end", status)


class _Checking(NamedTuple):
    """The comparison of an export with a store. `tally` counts its records."""

    tally: Tally
    interrupts: Interrupts
    limit: TimeLimit
    listeners: Sequence[Listener]
    note: Callable[[str], None]
    among: Among

    async def compare(self, comparand: Comparand) -> tuple[Against, KvsctlError | None]:
        """Return what differs, and the error that ended this early, if any."""
        store, tally = comparand.store, self.tally
        credentials = store.credentials()
        different: list[Differing] = []

        def take(difference: Difference) -> None:
            if len(different) < MOST_SHOWN:
                different.append(Differing.of(difference))

        comparer = Comparer(take)
        side = FileSide(comparand.reader, counting(tally), self.among.memory)
        error = await look_up(
            store,
            credentials,
            Lookup(comparer.compare, side.name),
            _chosen(side.blocks(), comparand.sample, time.time()),
            [tally, *self.listeners],
            self.interrupts,
            self.limit,
            self.note,
            carriers=self.among.carriers,
        )
        count_absent_as_read(tally)
        tally.check_sum()
        against = Against(store.name, str(comparand.sample), comparer.counts, tally, different)
        return against, error


def _chosen(blocks: Iterable[Block], sample: Sample, now: float) -> Iterator[Block]:
    """Yield the entries to compare: those of the sample that have not expired."""
    for block in blocks:
        yield [one for one in block if sample.chooses(one) and not has_expired(one, now)]
