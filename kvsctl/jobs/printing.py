"""Print the records that a run finds, or their keys or sums, with a manifest beside them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.plan import Pressure
from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus, StreamError, UsageError, stdout_failed
from kvsctl.files.claims import require_writable, resolved
from kvsctl.files.sinks import ByteSink, DescriptorWriter, part_path, status_of
from kvsctl.jobs.job import BatchJob
from kvsctl.journal.state import JournalState
from kvsctl.outputs.forms import Accounting, KeyForm, PlanForm, Printing, RecordForm
from kvsctl.outputs.records import (
    Form,
    Formatter,
    MetadataField,
    RecordOutput,
    bare_values,
    json_lines,
    raw_values,
)
from kvsctl.report.console import Environment
from kvsctl.report.document import About

if TYPE_CHECKING:
    from kvsctl.backups.export import ExportManifest
    from kvsctl.outputs.usage import UsageOutput
    from kvsctl.service.queries import EntityIndex

MOST_HELD_BYTES: Final = 16_000_000
"""How much output may wait for older records."""
_MOST_PENDING_BYTES: Final = 8_000_000


def opened(
    printing: Printing,
    sink: ByteSink,
    state: JournalState | None,
    about: About,
    environment: Environment,
) -> "RecordOutput | UsageOutput":
    """Return the listener that prints to `sink`. `state`: the journal's; None without a journal."""
    wanted = printing.form
    if isinstance(wanted, Accounting):
        from kvsctl.outputs.usage import UsageOutput
        from kvsctl.report.store.usage import renderer
        from kvsctl.usage.account import Account

        render = renderer(
            about,
            environment,
            wanted.top,
            is_json=wanted.is_json,
            installation=wanted.installation,
        )
        return UsageOutput(sink, Account(wanted.division), render)
    is_on_terminal = environment.stdout_is_terminal and printing.path is None
    form = _form(wanted, environment.stdout_width if is_on_terminal else None)
    return RecordOutput(
        sink,
        form.format,
        is_ordered=printing.in_order,
        state=state,
        begin=form.begin,
        end=form.end,
        skipped=form.skipped,
    )


def on_stdout(printing: Printing, environment: Environment, moved: Callable[[], None]) -> ByteSink:
    """Return a sink to stdout, which may be shared. Raise UsageError if stdout is closed.

    `moved` is called when output was written or has failed.
    """
    if environment.stdout_sink is not None:
        return environment.stdout_sink(moved)
    if environment.stdout_fd is None:
        has_output = isinstance(printing.form, RecordForm)
        hint = "Use --output FILE." if has_output else "Redirect it to a file with > FILE."
        raise UsageError("cannot print records: stdout is closed", hint)
    return DescriptorWriter(environment.stdout_fd, moved)


class Printed:
    """Records, keys or sums while they are printed to a sink.

    `manifest` is written beside them once they are complete; None: no manifest is. With one, the
    output is an export, which replaces no file if a record failed. An incomplete plan is removed,
    because it must not be carried out; other files keep their part.
    """

    def __init__(
        self,
        records: "RecordOutput | UsageOutput",
        sink: ByteSink,
        place: Path | None,
        manifest: "ExportManifest | None" = None,
        *,
        is_plan: bool = False,
    ) -> None:
        self.records = records
        self.sink = sink
        self._place = place
        self._manifest = manifest
        self._is_plan = is_plan
        self.part_left: Path | None = None
        """The part of an export that was closed with failed records; otherwise None."""
        self.has_dropped_plan = False
        """Whether a plan was not complete when it was closed."""

    @property
    def is_full(self) -> bool:
        """Whether output must be written before more is printed."""
        return self.sink.broken is not None or self.sink.pending_bytes > _MOST_PENDING_BYTES

    def pressure(self, *, held_bytes: int = 0) -> Pressure:
        """Return how much more can be printed. `held_bytes` wait elsewhere for older records."""
        if self.is_full:
            return Pressure.STOP
        held_bytes += self.records.held_bytes
        return Pressure.OLDEST_ONLY if held_bytes > MOST_HELD_BYTES else Pressure.NONE

    def complete(self, tally: Tally, *, is_whole: bool) -> StreamError | None:
        """Complete the output and its manifest, or leave it marked as partial.

        Return the error if that fails. Records that did not reach a broken output count as unsent,
        not as succeeded. A reader that has closed its pipe is not an error. Only for a whole output
        without a failure is a manifest written, and does an export replace its file.
        """
        if tally.failed and is_whole and self._place is not None:
            is_export = self._manifest is not None and _has_part(self._place)
            is_whole = not is_export
            self.part_left = part_path(self._place) if is_export else None
        broken = self._completed(tally, is_whole=is_whole)
        if broken is not None or not is_whole:
            self._discard_plan()
        can_vouch = is_whole and self.sink.broken is None and not tally.failed
        if can_vouch and broken is None and self._manifest is not None:
            broken = self._manifest.write()
        return broken

    def _completed(self, tally: Tally, *, is_whole: bool) -> StreamError | None:
        broken: StreamError | None = None
        try:
            self.records.close(is_whole=is_whole)
        except StreamError as error:
            broken = error
        if is_whole and broken is None:
            self.sink.complete()
        else:
            self.sink.abandon()
        if self.sink.broken is None:
            return broken
        tally.take_back(self.records.unwritten())
        if has_no_reader(self.sink):
            return broken
        if self._place is None:
            return broken or stdout_failed(self.sink.broken)
        return broken or StreamError(f"cannot write to {self._place}: {self.sink.broken.strerror}")

    def abandon(self) -> None:
        """Leave the output marked as partial."""
        with ExitStack() as closing:  # all, even if one of them fails
            closing.callback(self._discard_plan)
            closing.callback(self.sink.abandon)
            closing.callback(self.records.discard)

    def _discard_plan(self) -> None:
        self.has_dropped_plan = self._is_plan
        if self._is_plan and self._place is not None:
            with suppress(OSError):  # the output has failed before
                part_path(self._place).unlink(missing_ok=True)


def _has_part(place: Path) -> bool:
    """Return whether an output is a file, which has another name until it is complete."""
    return part_path(place).is_file() and (place.is_file() or not place.exists())


def has_no_reader(sink: ByteSink) -> bool:
    """Return whether the reader of an output has closed its pipe."""
    return sink.broken is not None and status_of(sink.broken) is ExitStatus.PIPE_CLOSED


def manifest_of(job: BatchJob, about: About) -> "ExportManifest | None":
    """Return the writer of an export's manifest; None if none is wanted.

    Raise UsageError if it or the output could not be written.
    """
    if job.records is None or job.records.manifest_path is None:
        return None
    spaces = () if job.listing is None else job.listing.spaces
    return manifest_at(
        job.records.manifest_path,
        job.records.path,
        job.target,
        spaces,
        job.selection,
        about.started_at,
    )


def manifest_at(
    place: Path,
    output: Path | None,
    target: Target,
    spaces: Sequence["EntityIndex | None"],
    selection: Mapping[str, Any],
    started_at: datetime,
) -> "ExportManifest":
    """Return the writer of an export's manifest to `place`.

    `spaces` are listed, and `selection` chooses among their records. Raise UsageError if it or the
    output could not be written.
    """
    if output is not None:
        # The manifest is beside the output: an error must name what the user has given.
        require_writable(resolved(output) if output.is_symlink() else output)
    from kvsctl.backups.export import ExportManifest  # few jobs write one
    from kvsctl.backups.manifest import Facts

    facts = Facts(
        target=target.display,
        installation=target.installation,
        selection=selection,
        entities=[space.entity for space in spaces if space is not None],
        has_plain_keys=None in spaces,
        read_from=started_at,
        read_until=started_at,
        is_bridged=target.is_bridge,
    )
    return ExportManifest(place, facts)


def _form(wanted: RecordForm | KeyForm | PlanForm, width: int | None) -> Form:
    if isinstance(wanted, PlanForm):
        from kvsctl.outputs.plan_lines import plan_lines  # few jobs plan anything

        return Form(plan_lines(has_values=wanted.has_values))
    if isinstance(wanted, KeyForm):
        from kvsctl.outputs.keys import form_of  # only list prints keys

        return form_of(
            wanted.style,
            is_long=wanted.is_long,
            has_entities=wanted.has_entities,
            installation=wanted.installation,
            width=width,
        )
    return Form(_formatter(wanted))


def _formatter(form: RecordForm) -> Formatter:
    if form.style == "values":
        return bare_values
    if form.style == "raw":
        return raw_values
    wanted = form.metadata
    asked = {
        MetadataField.CREATED: wanted.created,
        MetadataField.UPDATED: wanted.updated,
        MetadataField.EXPIRES: wanted.expires,
    }
    fields = (field for field, is_wanted in asked.items() if is_wanted)
    return json_lines(fields, form.installation)
