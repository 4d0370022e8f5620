"""Check an export against its manifest, and against a store."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from kvsctl.backups.checking import damage
from kvsctl.backups.manifest import Manifest, manifest_path, read_manifest
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.comparison.entries import Block, Entry, FileSide
from kvsctl.comparison.joining import Comparer, Difference
from kvsctl.comparison.sampling import Sample
from kvsctl.errors import ExitStatus, KvsctlError, StreamError, UsageError
from kvsctl.files.raw import write_all
from kvsctl.jobs.compare.progress import showing_progress
from kvsctl.jobs.compare.reading import (
    Lookup,
    count_absent_as_read,
    counting,
    look_up,
)
from kvsctl.jobs.connect import credentials_of
from kvsctl.jobs.cron.time_limit import TimeLimit
from kvsctl.jobs.ending import End, exit_status
from kvsctl.jobs.runner import Interrupts, NoInterrupts
from kvsctl.jobs.store.side import StoreSide
from kvsctl.jsontext import members
from kvsctl.records.reader import Reader
from kvsctl.records.ttl import parse_expire_time
from kvsctl.report.console import Environment
from kvsctl.report.schema import document_line
from kvsctl.report.store.verification import (
    MOST_SHOWN,
    Against,
    Verified,
    verified_document,
    verified_lines,
)


class Comparand(msgspec.Struct, frozen=True):
    """What an export is compared with besides its manifest. `reader` reads the export."""

    reader: Reader
    store: StoreSide
    sample: Sample


async def verify(
    path: Path,
    comparand: Comparand | None,
    environment: Environment,
    interrupts: Interrupts | None = None,
    *,
    as_json: bool,
) -> ExitStatus:
    """Check a file, print the result, and return the exit status.

    Raise UsageError if the file or its manifest cannot be read, and StreamError if the result
    cannot be printed.
    """
    interrupts = interrupts or NoInterrupts()
    manifest = _manifest_of(path)
    verified = Verified(path, manifest, damage(path, manifest.digest))
    error: KvsctlError | None = None
    if comparand is not None and verified.damage is None:
        against, error = await _compare(comparand, environment, interrupts, as_json=as_json)
        verified = msgspec.structs.replace(verified, against=against)
    status = exit_status(End(error, interrupts.interrupted, 0.0), has_failures=not verified.is_good)
    printed = _print(verified, status, environment, as_json=as_json)
    if error is not None:
        environment.fail(error.message, error.hint)
    return printed


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


async def _compare(
    comparand: Comparand, environment: Environment, interrupts: Interrupts, *, as_json: bool
) -> tuple[Against, KvsctlError | None]:
    store, tally = comparand.store, Tally()
    credentials = credentials_of(store.target, allow_http=store.allow_http)
    different: list[Difference] = []

    def take(difference: Difference) -> None:
        if len(different) < MOST_SHOWN:
            different.append(difference)

    comparer = Comparer(take)
    side = FileSide(comparand.reader, counting(tally))
    with showing_progress(environment, "verify", is_silenced=as_json, prints_records=False) as (
        listeners,
        tell,
    ):
        error = await look_up(
            store,
            credentials,
            Lookup(comparer.compare, side.name),
            _chosen(side.blocks(), comparand.sample, time.time()),
            [tally, *listeners],
            interrupts,
            TimeLimit(store.max_duration_seconds),
            tell,
        )
    count_absent_as_read(tally)
    tally.check_sum()
    return Against(store.name, str(comparand.sample), comparer.counts, tally, different), error


def _chosen(blocks: Iterable[Block], sample: Sample, now: float) -> Iterator[Block]:
    """Yield the entries that are compared: those of the sample that have not expired."""
    for block in blocks:
        yield [one for one in block if sample.chooses(one) and not _has_expired(one, now)]


def _has_expired(entry: Entry, now: float) -> bool:
    if b'"expireTime"' not in entry.body or "expireTime" not in (found := members(entry.body)):
        return False
    expires_at = parse_expire_time(json.loads(found["expireTime"]))
    return isinstance(expires_at, float) and expires_at <= now


def _print(
    verified: Verified, status: ExitStatus, environment: Environment, *, as_json: bool
) -> ExitStatus:
    """Print the result: damage to stderr, all else to stdout.

    Return `status`, or that of a pipe whose reader has closed it.
    """
    if not as_json and verified.damage is not None:
        for line in verified_lines(verified):
            environment.note(line)
        return status
    if environment.stdout_fd is None:
        raise UsageError("cannot print the result: stdout is closed")
    text = document_line(verified_document(verified, status))
    if not as_json:
        text = "".join(f"{line}\n" for line in verified_lines(verified)).encode()
    try:
        write_all(environment.stdout_fd, text)
    except BrokenPipeError:
        return ExitStatus.PIPE_CLOSED
    except OSError as error:
        raise StreamError(f"cannot write to stdout: {error.strerror}") from error
    return status
