"""Export a store to a file, with its manifest, or as lines."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Final

from kvsctl.backups.manifest import manifest_path
from kvsctl.bulk.events import Listener
from kvsctl.bulk.plan import Pressure
from kvsctl.client.options import Covered, file_name
from kvsctl.client.results import Result, ResultCollector
from kvsctl.client.session import Reading, Session
from kvsctl.client.stream import Arrivals
from kvsctl.client.wording import in_python
from kvsctl.config.targets import Target
from kvsctl.errors import KvsctlError, StreamError, UsageError
from kvsctl.files.compressed import open_compressed
from kvsctl.files.descriptors import descriptor
from kvsctl.files.sinks import ByteSink
from kvsctl.jobs.file_roles import files_of, require_one_role_each, written_roles
from kvsctl.jobs.printing import Printed, manifest_at
from kvsctl.jobs.replacing import require_manifest
from kvsctl.listing.run import ListingRun
from kvsctl.outputs.names import named
from kvsctl.outputs.records import MetadataField, RecordOutput, json_lines
from kvsctl.service.wire import MetadataRequest

_SEPARATORS: Final = tuple(filter(None, (os.sep, os.altsep)))
_NAME: Final = "{installation}-{date}.jsonl"
"""The name of an export in a folder."""
_HINT: Final = "Give a file, or a folder such as '.', as a string or a Path."
_EXPIRES: Final = MetadataRequest(expires=True)


class Exported(Result, frozen=True, kw_only=True):
    """The totals of an export, its file, and the manifest beside it.

    If records failed, `path` is FILE.part, which has the others, and `manifest_path` is None. An
    earlier export and its manifest stay as they are.
    """

    path: Path
    manifest_path: Path | None


async def export_to_file(
    session: Session, path: str | PathLike[str], covered: Covered, listeners: Sequence[Listener]
) -> Exported:
    """Export to a file, or to a new one in a folder: see `AsyncClient.export`."""
    target, started_at = session.opening.target, datetime.now(UTC)
    place = _place(path, target, started_at)
    manifest_file = manifest_path(place)
    manifest = manifest_at(
        manifest_file, place, target, covered.spaces, covered.selection, started_at
    )
    collector, waking = ResultCollector(), _Waking()
    sink = open_compressed(place, waking.wake)
    try:
        form = json_lines([MetadataField.EXPIRES])
        records = RecordOutput(manifest.over(sink, None), form, is_ordered=False)
        printed = Printed(records, sink, place, manifest)
        everyone: list[Listener] = [collector.tally, collector, records, *listeners]

        def pressure() -> Pressure:
            if sink.broken is not None:
                run.stop()
            return printed.pressure()

        run = _listing(session, covered, everyone, pressure)
        waking.run = run
        with session.working(run):
            error = await run.work()
        error = error or session.cut_off_error(run)
        # Syncing a file can take long: do not block the loop meanwhile.
        completed = partial(printed.complete, collector.tally, is_whole=error is None)
        broken = await asyncio.to_thread(completed)
    except BaseException:
        sink.abandon()
        raise
    result = collector.result()
    if (error := error or broken) is not None:
        error.result = result
        raise in_python(error)
    return Exported(
        **{name: getattr(result, name) for name in Result.__struct_fields__},
        path=printed.part_left or place,
        manifest_path=None if result.failed else manifest_file,
    )


def lines_reading(
    session: Session, covered: Covered, listeners: Sequence[Listener]
) -> tuple[Reading, Arrivals[bytes]]:
    """Return a run whose records arrive as lines, each with its line feed."""
    arrivals: Arrivals[bytes] = Arrivals()
    collector = ResultCollector()
    output = RecordOutput(
        _LineSink(arrivals), json_lines([MetadataField.EXPIRES]), is_ordered=False
    )

    def pressure() -> Pressure:
        return Pressure.STOP if arrivals.is_full else Pressure.NONE

    everyone: list[Listener] = [collector.tally, collector, output, *listeners]
    run = _listing(session, covered, everyone, pressure)

    async def work() -> KvsctlError | None:
        error = await run.work()
        result = collector.result()
        if error is None and result.failed:
            first = result.failures[0]
            error = StreamError(
                f"{result.failed:,} records could not be read, the first: {first.code}: "
                f"{first.message}",
                "The lines are not the whole selection. Export it again.",
            )
        if error is not None:
            error.result = result
        return error

    return Reading(run, work), arrivals


def _listing(
    session: Session,
    covered: Covered,
    listeners: Sequence[Listener],
    pressure: Callable[[], Pressure],
) -> ListingRun:
    plan = session.opening.plan
    return ListingRun(
        covered.plan(plan, in_order=False),
        plan,
        session.asking(_EXPIRES),
        listeners,
        pacer=session.pacer,
        pressure=pressure,
    )


def _place(given: str | PathLike[str], target: Target, moment: datetime) -> Path:
    """Return the file of an export; in a folder, one with a new name. Raise UsageError.

    Files that the target uses, such as its token file, are refused.
    """
    name = file_name("path", given, "a string or a Path", _HINT)
    try:
        return _unused_place(name, target, moment)
    except OSError as error:  # such as a name that is too long
        raise UsageError(f"cannot export to {name}: {error.strerror}") from error


def _unused_place(name: str, target: Target, moment: datetime) -> Path:
    path = Path(name)
    if name.endswith(_SEPARATORS) and not path.is_dir():
        raise UsageError(f"cannot export to {name}: there is no such folder", "Create it first.")
    place = named(path / _NAME, moment, target) if path.is_dir() else path
    if descriptor(place) is not None or (place.exists() and not place.is_file()):
        raise UsageError(f"cannot export to {place}: not a regular file")
    manifest_file = manifest_path(place)
    require_manifest(manifest_file, f"the manifest of {place}", "Give another file name.")
    roles = [*written_roles("output", place), *written_roles("manifest", manifest_file)]
    require_one_role_each([*roles, *files_of(target)])
    return place


class _Waking:
    """Wakes a run from any thread, once there is one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.run: ListingRun | None = None

    def wake(self) -> None:
        if self.run is not None:
            with suppress(RuntimeError):  # the loop may be closed before the last write
                self._loop.call_soon_threadsafe(self.run.wake)


class _LineSink:
    """A ByteSink whose lines arrive for the caller."""

    broken: OSError | None = None
    pending_bytes = 0
    lost_bytes = 0

    def __init__(self, arrivals: Arrivals[bytes]) -> None:
        self._arrivals = arrivals

    def write(self, chunk: bytes) -> None:
        """See ByteSink. A chunk consists of whole lines."""
        lines = chunk.split(b"\n")[:-1]
        self._arrivals.add([line + b"\n" for line in lines], len(chunk))

    def complete(self) -> None:
        """See ByteSink."""

    def abandon(self) -> None:
        """See ByteSink."""


_: type[ByteSink] = _LineSink
