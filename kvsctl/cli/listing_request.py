"""From the options of list and export to their jobs: every setting resolved, nothing opened."""

from pathlib import Path

from msgspec.structs import replace

from kvsctl.backups.manifest import manifest_path
from kvsctl.bulk.plan import BEGINNING_CONCURRENCY
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.listing import ConsistentOption, ExportOptions, ListOptions
from kvsctl.cli.request import (
    Basis,
    basis_of,
    journalling,
    require_own_files,
    require_resumable_outputs,
)
from kvsctl.cli.selectors import selection_of, selectors_given, spaces_of
from kvsctl.errors import UsageError
from kvsctl.files.compressed import compressor_of
from kvsctl.files.descriptors import descriptor
from kvsctl.jobs.job import BatchJob, Journalling, Printing
from kvsctl.jobs.listing import ListingInput
from kvsctl.journal.file import begun_at
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.listing.plan import ListingPlan
from kvsctl.selection.selection import AgeFrom, Selection
from kvsctl.service.wire import MetadataRequest


def list_job(given: Given) -> BatchJob:
    """Return the job of `list`. Raise UsageError if it cannot be carried out."""
    options = given.of(ListOptions)
    for flag, is_given in (("--as", options.as_ is not None), ("--long", options.long)):
        if options.count and is_given:
            raise UsageError(f"--count and {flag} exclude each other", "Give one of them.")
    if options.long and options.as_ == "keys":
        raise UsageError("--as keys and --long exclude each other", "Give one of them.")
    selection, basis = selection_of(given), basis_of(given)
    in_order = not (options.unordered or options.count)
    page = DEFAULT_LIMITS.query_page
    if options.limit is not None and selection.is_of_prefix_only:
        page = min(page, options.limit)
    plan = ListingPlan(
        selection,
        spaces_of(given),
        chains=1 if in_order else chains_of(basis),
        page_records=page,
        needed=needed_by(selection, is_long=options.long),
        limit=options.limit,
        rereads=given.of(ConsistentOption).consistent,
    )
    style = "count" if options.count else options.as_ or ("table" if options.long else "keys")
    printing = Printing(
        in_order=in_order, keys_as=style, is_long=options.long, has_entities=plan.has_entities
    )
    return listing_job("list", given, basis, plan, printing, is_typed=True)


def export_job(given: Given) -> BatchJob:
    """Return the job of `export`. Raise UsageError if it cannot be carried out."""
    options, basis = given.of(ExportOptions), basis_of(given)
    journal = journalling(given, DEFAULT_LIMITS)
    # A resumed run counts ages from the moment at which its first run began.
    selection = selection_of(given, now=None if journal is None else begun_at(journal.path))
    plan = ListingPlan(
        selection,
        spaces_of(given),
        chains=chains_of(basis),
        needed=needed_by(selection),
        rereads=given.of(ConsistentOption).consistent,
        skip_expired=options.skip_expired,
    )
    if journal is not None and not plan.is_by_key:
        raise UsageError(
            "--journal cannot resume a listing by an index", "Leave out --index or --journal."
        )
    path = None if options.output == Path("-") else options.output
    if path is not None:
        compressor_of(path)  # refuses what cannot be written
    expires = MetadataRequest(expires=True)
    # In order, what is written is what the journal holds as settled.
    printing = Printing(
        path=path,
        in_order=journal is not None,
        metadata=expires,
        manifest_path=_manifest_path(options.manifest, path),
    )
    return listing_job("export", given, basis, plan, printing, journal)


def _manifest_path(given: Path | None, output: Path | None) -> Path | None:
    """Return where the manifest is written: beside a file, unless another place is given."""
    if given is not None:
        if given == Path("-") or _is_stream(given):
            raise UsageError(f"--manifest {given}: must be a regular file")
        return given
    return None if output is None or _is_stream(output) else manifest_path(output)


def _is_stream(path: Path) -> bool:
    return descriptor(path) is not None or (path.exists() and not path.is_file())


def compared_plan(given: Given, concurrency: int | None) -> ListingPlan:
    """Return what a comparison lists of a store: the selection, without expired records."""
    selection = selection_of(given)
    return ListingPlan(
        selection,
        spaces_of(given),
        chains=concurrency or BEGINNING_CONCURRENCY,
        needed=needed_by(selection),
        rereads=given.of(ConsistentOption).consistent,
        skip_expired=True,
    )


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
    source = ListingInput(plan, basis.plan, selection, is_typed)
    require_own_files(source, printing, journal, basis)
    if journal is not None:
        require_resumable_outputs(journal, printing, basis.reporting.failures_path)
    return BatchJob(
        source,
        basis.plan,
        basis.target,
        basis.allow_http,
        basis.timeout_seconds,
        basis.reporting,
        printing,
        _asked(plan, printing),
        journal,
        schedule=basis.schedule,
        listing=plan,
        selection=selection,
        name=name,
    )


def chains_of(basis: Basis) -> int:
    """Return how many ranges are read at a time."""
    return basis.concurrency or BEGINNING_CONCURRENCY


def needed_by(selection: Selection, *, is_long: bool = False) -> MetadataRequest:
    """Return the times without which the listing is of no use."""
    by_creation = selection.age_from is AgeFrom.CREATED
    return MetadataRequest(
        created=is_long or (selection.needs_age and by_creation),
        updated=is_long or (selection.needs_age and not by_creation),
    )


def _asked(plan: ListingPlan, printing: Printing) -> MetadataRequest:
    """Return the metadata to ask the service for: what is needed, printed or decides."""
    asks_expiry = (
        printing.is_long
        or printing.metadata.expires
        or plan.selection.needs_expiry
        or plan.skip_expired
    )
    return replace(plan.needed, expires=asks_expiry)
