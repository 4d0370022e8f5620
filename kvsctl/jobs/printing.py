"""Print the records that a run finds, or their keys or sums, with a manifest beside them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus, StreamError, UsageError
from kvsctl.files.claims import require_writable, resolved
from kvsctl.files.sinks import ByteSink, DescriptorWriter, status_of
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
    form = _form(wanted)
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


def complete(
    records: "RecordOutput | UsageOutput",
    sink: ByteSink,
    tally: Tally,
    place: Path | None,
    *,
    is_whole: bool,
) -> StreamError | None:
    """Complete an output, or leave it marked as partial, and return the error if that fails.

    What did not reach a broken output does not count as succeeded: it is unsent. A reader that has
    closed its pipe is not an error. `place`: the file; None: stdout.
    """
    broken: StreamError | None = None
    try:
        records.close(is_whole=is_whole)
    except StreamError as error:
        broken = error
    if is_whole and broken is None:
        sink.complete()
    else:
        sink.abandon()
    if sink.broken is None:
        return broken
    tally.take_back(records.unwritten())
    if has_no_reader(sink):
        return broken
    what = f"cannot write to {place or 'stdout'}: {sink.broken.strerror}"
    return broken or StreamError(what)


def has_no_reader(sink: ByteSink) -> bool:
    """Return whether the reader of an output has closed its pipe."""
    return sink.broken is not None and status_of(sink.broken) is ExitStatus.PIPE_CLOSED


def manifest_of(job: BatchJob, about: About) -> "ExportManifest | None":
    """Return what writes the manifest of an export; None if none is wanted.

    Raise UsageError if it or the output could not be written.
    """
    if job.records is None or job.records.manifest_path is None:
        return None
    path = job.records.path
    if path is not None:
        # The manifest is beside the output: an error must name what the user has given.
        require_writable(resolved(path) if path.is_symlink() else path)
    from kvsctl.backups.export import ExportManifest  # few jobs write one
    from kvsctl.backups.manifest import Facts

    spaces = () if job.listing is None else job.listing.spaces
    facts = Facts(
        target=about.target,
        installation=job.target.installation,
        selection=job.selection,
        entities=[space.entity for space in spaces if space is not None],
        has_plain_keys=None in spaces,
        read_from=about.started_at,
        read_until=about.started_at,
        is_bridged=job.target.is_bridge,
    )
    return ExportManifest(job.records.manifest_path, facts)


def _form(wanted: RecordForm | KeyForm | PlanForm) -> Form:
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
