"""From the options of list and export to their jobs: every setting resolved, nothing opened."""

from pathlib import Path

from msgspec.structs import replace

from kvsctl.backups.manifest import manifest_path
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.listing import ExportOptions, ListOptions
from kvsctl.cli.request import (
    Basis,
    basis_of,
    journalling,
    output_path,
    printing_roles,
    require_own_files,
    require_resumable_outputs,
)
from kvsctl.cli.selectors import (
    listing_plan,
    protected_by,
    require_by_key,
    selectors_given,
    with_prefix,
)
from kvsctl.errors import UsageError
from kvsctl.files.descriptors import descriptor
from kvsctl.jobs.file_roles import Role, written_roles
from kvsctl.jobs.job import BatchJob, Journalling
from kvsctl.jobs.store.listing_input import ListingInput
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.listing.plan import ListingPlan
from kvsctl.outputs.forms import KeyForm, Printing, RecordForm
from kvsctl.service.wire import MetadataRequest


def list_job(given: Given) -> BatchJob:
    """Return the job of `list`. Raise UsageError if it cannot be carried out."""
    given = with_prefix(given)
    options = given.of(ListOptions)
    for flag, is_given in (("--as", options.as_ is not None), ("--long", options.long)):
        if options.count and is_given:
            raise UsageError(f"--count and {flag} exclude each other", "Give one of them.")
    if options.long and options.as_ == "keys":
        raise UsageError("--as keys and --long exclude each other", "Give one of them.")
    basis = basis_of(given)
    in_order = not (options.unordered or options.count)
    plan = listing_plan(
        given,
        basis.plan,
        limit=options.limit,
        in_order=in_order,
        is_long=options.long,
    )
    style = "count" if options.count else options.as_ or ("table" if options.long else "keys")
    form = KeyForm(style, is_long=options.long, has_entities=plan.has_entities)
    printing = Printing(form=form, in_order=in_order)
    return listing_job("list", given, basis, plan, printing, is_typed=True)


def export_job(given: Given) -> BatchJob:
    """Return the job of `export`. Raise UsageError if it cannot be carried out."""
    given = with_prefix(given)
    options, basis = given.of(ExportOptions), basis_of(given)
    journal = journalling(given, DEFAULT_LIMITS)
    plan = listing_plan(
        given,
        basis.plan,
        skip_expired=options.skip_expired,
    )
    if journal is not None:
        require_by_key(plan)
    path = output_path(given)
    # In order, what is written is what the journal holds as settled.
    printing = Printing(
        form=RecordForm(metadata=MetadataRequest(expires=True)),
        path=path,
        in_order=journal is not None,
        manifest_path=_manifest_path(options.manifest, path),
    )
    return listing_job("export", given, basis, plan, printing, journal)


def _manifest_path(given: Path | None, output: Path | None) -> Path | None:
    """Return where the manifest is written: beside the output file, unless a place is given."""
    if given is not None:
        if given == Path("-") or _is_stream(given):
            raise UsageError(f"--manifest {given}: must be a regular file")
        return given
    return None if output is None or _is_stream(output) else manifest_path(output)


def _is_stream(path: Path) -> bool:
    return descriptor(path) is not None or (path.exists() and not path.is_file())


def listing_job(
    name: str,
    given: Given,
    basis: Basis,
    plan: ListingPlan,
    printing: Printing,
    journal: Journalling | None = None,
    *,
    is_typed: bool = False,
) -> BatchJob:
    """Return a job that prints what a listing chooses. Raise UsageError."""
    selection = selectors_given(given)
    protected = protected_by(plan)
    source = ListingInput(plan, basis.plan, is_typed, selection=selection, protected=protected)
    require_own_files(
        given,
        basis.config,
        inputs=source.places,
        outputs=[*_manifest_roles(printing.manifest_path), *printing_roles(printing)],
        targets=[basis.target],
    )
    if journal is not None:
        require_resumable_outputs(journal, printing, basis.reporting.failures_path)
    return BatchJob(
        input=source,
        plan=basis.plan,
        target=basis.target,
        allow_http=basis.allow_http,
        timeout_seconds=basis.timeout_seconds,
        reporting=basis.reporting,
        records=printing,
        asked=_asked(plan, printing),
        journal=journal,
        schedule=basis.schedule,
        listing=plan,
        selection=selection,
        name=name,
        shard=plan.selection.shard,
    )


def _manifest_roles(path: Path | None) -> list[Role]:
    """Return the roles of a manifest, and of its part beside it."""
    return [] if path is None else written_roles("manifest", path)


def _asked(plan: ListingPlan, printing: Printing) -> MetadataRequest:
    """Return the metadata to ask the service for: what is needed, printed or decides."""
    asks_expiry = printing.form.needs_expiry or plan.selection.needs_expiry or plan.skip_expired
    return replace(plan.needed, expires=asks_expiry)
