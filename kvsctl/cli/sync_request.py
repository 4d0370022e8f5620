"""From the options of sync to its job: every setting resolved, nothing opened."""

from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.cli.inputs import input_checks, limits_of
from kvsctl.cli.installations.store import ChosenSource
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.comparing import SyncOptions
from kvsctl.cli.options.selection import PrefixArgument, SelectionOptions
from kvsctl.cli.options.target import ConfirmOption, TargetOptions, YesOption
from kvsctl.cli.records.rounding import keeps_numbers, refusing_rounded
from kvsctl.cli.request import (
    basis_of,
    journalling,
    require_own_files,
    require_resumable_outputs,
)
from kvsctl.cli.selectors import (
    listing_plan,
    nothing_expired,
    protected_by,
    require_by_key,
    require_selection,
    selection_of,
    selectors_given,
    selectors_shown,
    with_prefix,
)
from kvsctl.cli.stores import (
    database_of,
    named_in_journals,
    require_different,
    source_store,
    store_of,
)
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.inputs import JobInput
from kvsctl.jobs.job import BatchJob, Journalling
from kvsctl.jobs.question import Question
from kvsctl.jobs.store.copy import SourceCopy
from kvsctl.jobs.store.copy_input import CopyInput
from kvsctl.jobs.store.deletions import Deletions
from kvsctl.jobs.store.listing import ListedStore
from kvsctl.jobs.store.making import Making
from kvsctl.jobs.store.source import SourceInput
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.model import Verb
from kvsctl.outputs.names import named
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import KeyTemplate
from kvsctl.selection.mapping import KeyMapping, mapped_selection

_EXAMPLE: Final = "For example: kvsctl sync --from prod -t staging user:"
_TEMPLATE: Final = "copy:{key}"
_NOT_KNOWN: Final = " Their number is not known before both stores are read; diff shows it."
_WHOLE_KEY: Final = "key"
_REST: Final = "rest"


def sync_job(given: Given) -> BatchJob:
    """Return the job of `sync`. Raise UsageError if it cannot be carried out."""
    given, options = with_prefix(given), given.of(SyncOptions)
    copy = given.of(ChosenSource).copy
    listed = _listed(given) if copy is None else copy.listed
    store = listed.store
    limits = limits_of(given)
    basis = basis_of(given, Verb.SET, limits=limits or DEFAULT_LIMITS)
    basis = basis._replace(plan=refusing_rounded(basis.plan, basis.target, given))
    if copy is None:
        require_different(store.target, basis.target)
    mapping = _mapping(options, given)
    deletions = _deletions(given, listed, mapping, copy)
    journal = _journalling(given, limits, listed)
    making = Making(
        mapping,
        Rules(limits),
        refuses_rounded=keeps_numbers(store.target, given),
        needs_exact_numbers=keeps_numbers(basis.target, given),
    )
    if deletions is not None and copy is None:
        making = replace(making, note=deletions.note_source)
    selection, protected = selectors_given(given), protected_by(listed.plan)
    source: JobInput = (
        SourceInput(listed, making, database_of(store), selection=selection, protected=protected)
        if copy is None
        else CopyInput(copy, making, selection=selection, protected=protected)
    )
    checks = input_checks(given, source)
    require_own_files(
        given,
        basis.config,
        inputs=(),
        targets=[basis.target, store.target],
        plan=None if deletions is None else deletions.path,
    )
    if journal is not None:
        require_resumable_outputs(journal, None, basis.reporting.failures_path)
    condition = Precondition(WriteIf.CHANGED)
    return BatchJob(
        input=source,
        plan=replace(basis.plan, precondition=condition),
        target=basis.target,
        allow_http=basis.allow_http,
        timeout_seconds=basis.timeout_seconds,
        reporting=basis.reporting,
        journal=journal,
        checks=checks,
        schedule=basis.schedule,
        name="sync",
        shard=listed.plan.selection.shard,
        confirmed_target=given.of(ConfirmOption).confirm,
        deletions=deletions,
        repeats_cheaply=True,
        question=_question(given, basis.target, listed, is_copied=copy is not None),
    )


def copied_source(given: Given) -> SourceCopy:
    """Return the copy that is written to several installations. Raise UsageError.

    Nothing is copied yet.
    """
    return SourceCopy(_listed(with_prefix(given)))


def _listed(given: Given) -> ListedStore:
    """Return the source, and what is listed there. Raise UsageError if that is not possible."""
    options = given.of(SyncOptions)
    _require_possible(options, given)
    assert options.from_ is not None  # noqa: S101
    store = source_store(options.from_, given)
    return ListedStore(store, listing_plan(given, store.plan))


def _question(
    given: Given, target: Target, source: ListedStore, *, is_copied: bool
) -> Question | None:
    """Return what the user is asked before records are written; None without a question.

    The number of records that differ is known only after both stores were read, which is most of
    the work. If the source is copied, all installations are compared with the copy before the user
    is asked.
    """
    if given.of(YesOption).yes or given.of(CheckingOptions).dry_run:
        return None
    chosen = selectors_shown(selectors_given(given))
    what = source.plan.covers + (f" with {chosen}" if chosen else "")
    template = given.of(SyncOptions).key_template
    named = [] if template is None else [f"Each is written under the key {template}."]
    return Question(
        "write",
        target,
        notes=[
            f"The source is {source.name}: {what}.",
            *named,
            "Only records that differ are written, and nothing is deleted."
            + ("" if is_copied else _NOT_KNOWN),
        ],
        refusal="nothing was written",
    )


def _require_possible(options: SyncOptions, given: Given) -> None:
    """Raise UsageError for what sync lacks or cannot do."""
    if options.from_ is None:
        raise UsageError("no source: give --from TARGET", _EXAMPLE)
    if given.of(CheckingOptions).check_first:
        raise UsageError(
            "--check-first cannot be used with sync: a store may change between two readings",
            "Try --dry-run, which checks every record and writes nothing.",
        )
    if options.plan is not None and given.of(CheckingOptions).dry_run:
        raise UsageError(
            "--plan and --dry-run exclude each other", "To see what differs, use diff."
        )
    require_selection(given, "sync")
    if given.of(SelectionOptions).expired:
        raise nothing_expired(given)


def _journalling(given: Given, limits: Limits | None, source: ListedStore) -> Journalling | None:
    """Return where the journal is; None without one. Raise UsageError if it cannot be resumed."""
    journal = journalling(given, limits)
    if journal is None:
        return None
    require_by_key(source.plan)
    name = named_in_journals(source.store.target)
    return replace(journal, identity={**journal.identity, "from": name})


def _deletions(
    given: Given, source: ListedStore, mapping: KeyMapping, copy: SourceCopy | None
) -> Deletions | None:
    """Return what plans deletions; None without `--plan`."""
    path = given.of(SyncOptions).plan
    if path is None:
        return None
    selection = mapped_selection(selection_of(given), mapping)
    plan = replace(source.plan, selection=selection, skip_expired=True)
    store = store_of(given.of(TargetOptions), given)
    store = replace(store, plan=refusing_rounded(store.plan, store.target, given))
    target = ListedStore(store, plan)
    path = named(path, datetime.now(UTC), target.store.target)
    return Deletions(path, source, target, mapping, copy)


def _mapping(options: SyncOptions, given: Given) -> KeyMapping:
    """Return how keys are mapped. Raise UsageError."""
    if options.key_template is None:
        return KeyMapping()
    template = KeyTemplate.parse(options.key_template, "--key-template", _TEMPLATE)
    if template.members not in ((_WHOLE_KEY,), (_REST,)):
        raise UsageError(
            "--key-template must name {key} or {rest}, once",
            f"Write it as in --key-template '{_TEMPLATE}'.",
        )
    before, after = template.literals
    if template.members == (_WHOLE_KEY,):
        return KeyMapping(before, after)
    prefix = given.of(PrefixArgument).prefix
    if prefix is None:
        raise UsageError(
            "--key-template: {rest} is what follows PREFIX in a key, and none is given",
            "Give PREFIX, or use {key}.",
        )
    return KeyMapping(before, after, prefix)
