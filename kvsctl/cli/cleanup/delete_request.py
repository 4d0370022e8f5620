"""From the options of delete to its job: of keys, or of what selectors choose."""

from typing import Final

from msgspec.structs import replace

from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.cli.cleanup.keeping import require_usable_files, undo_of, undo_roles
from kvsctl.cli.cleanup.rehearsing import rehearsal_of
from kvsctl.cli.inputs import limits_of
from kvsctl.cli.option_groups import Given, OptionGroup
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cleanup.deleting import (
    GuardOptions,
    PlanOptions,
    PrefixOption,
    UndoOptions,
)
from kvsctl.cli.options.input import FileOption, InputOptions, KeysArgument, NullOption, ShardOption
from kvsctl.cli.options.listing import ConsistentOption
from kvsctl.cli.options.selection import (
    EntityOptions,
    PrefixArgument,
    ProtectOption,
    SelectionOptions,
    ShardSelector,
)
from kvsctl.cli.options.shape import KeyFormOption, ShapeOptions
from kvsctl.cli.options.target import ConfirmOption, YesOption
from kvsctl.cli.records.rounding import refusing_rounded
from kvsctl.cli.request import (
    basis_of,
    batch_job,
    journalling,
    require_own_files,
    require_resumable_outputs,
)
from kvsctl.cli.selectors import chooses_keys, listing_plan, protected_by, selectors_given
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.actions import Deleting
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.plan import CleanUpPlan
from kvsctl.jobs.job import BatchJob, InputChecks
from kvsctl.jobs.store.listing_input import ListingInput
from kvsctl.jsontext import quoted
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Verb
from kvsctl.selection.patterns import GLOB_SPECIAL
from kvsctl.service.wire import MetadataRequest

_OF_INPUT: Final = (NullOption, ShapeOptions, KeyFormOption)


def delete_job(given: Given) -> BatchJob:
    """Return the job of `delete`. Raise UsageError if it cannot be carried out."""
    if not _selectors(given):
        return _keys_job(given)
    _require_selection(given)
    prefix = given.of(PrefixOption).prefix_option
    shard = given.of(ShardOption).shard
    given = given.having(PrefixArgument(prefix=prefix)).having(ShardSelector(shard=shard))
    return _selection_job(given)


def _selectors(given: Given) -> list[str]:
    """Return the selectors that were given. `--entity` alone is not one: it is for given keys."""
    return [
        *_given_of(given, PrefixOption),
        *_given_of(given, SelectionOptions),
        *_given_of(given, ProtectOption),
        *(name for name in _given_of(given, EntityOptions) if name != "--entity"),
    ]


def _given_of(given: Given, group: type[OptionGroup]) -> list[str]:
    """Return the flags of a group whose values are not their defaults."""
    options = vars(given.of(group))
    return [_flag(name) for name in options if options[name] != group.default(name)]


def _flag(name: str) -> str:
    return "--" + name.removesuffix("_option").replace("_", "-")


def _keys_job(given: Given) -> BatchJob:
    """Return the job that deletes the given keys. Raise UsageError."""
    of_selections = GuardOptions, UndoOptions, PlanOptions, ConsistentOption
    for flag in (flag for group in of_selections for flag in _given_of(given, group)):
        raise UsageError(
            f"{flag} applies to what selectors choose, not to keys",
            "Choose by --prefix, --match, --regex or --all: --match KEY chooses one key.",
        )
    for word in given.of(KeysArgument).keys or ():
        special = GLOB_SPECIAL.search(word)
        if special is not None and not given.of(CheckingOptions).no_checks:
            raise UsageError(
                f"{quoted(word)}: no key has {quoted(special[0])}; nothing was deleted",
                f"To delete the keys that match it: --match {quoted(word)}",
            )
    entities = given.of(EntityOptions).entity
    if len(entities) > 1:
        raise UsageError(
            "--entity: keys have one default entity",
            "Give one, or choose records of entities by selectors.",
        )
    entity = entities[0] if entities else None
    return batch_job(
        Verb.DELETE, given.having(InputOptions(file=given.of(FileOption).file, entity=entity))
    )


def _require_selection(given: Given) -> None:
    """Raise UsageError for what cannot be combined with selectors, and for filters alone."""
    selectors = _selectors(given)
    if given.of(KeysArgument).keys or given.of(FileOption).file:
        what = "keys" if given.of(KeysArgument).keys else "--file"
        raise UsageError(f"{what} and {selectors[0]} exclude each other", "Give one of them.")
    prefix, options = given.of(PrefixOption).prefix_option, given.of(SelectionOptions)
    if prefix == "":
        raise UsageError("--prefix is empty", "Give --all if all keys are meant.")
    if not chooses_keys(prefix, options):
        raise UsageError(
            f"{selectors[0]} alone chooses nothing to delete: "
            "delete needs one of --prefix, --match, --regex and --all",
            "Give --all to choose among all keys.",
        )
    if options.all and prefix is not None:
        raise UsageError("--all and --prefix exclude each other", "Give one of them.")
    for group in _OF_INPUT:
        for flag in _given_of(given, group):
            raise UsageError(
                f"{flag} applies to keys that are read, and {selectors[0]} reads none",
                "Leave out one of them.",
            )
    if given.of(CheckingOptions).check_first:
        raise UsageError(
            "--check-first applies to keys that are read", "Try --dry-run, which deletes nothing."
        )


def _selection_job(given: Given) -> BatchJob:
    """Return the job that deletes what selectors choose, or that lists it for a dry run."""
    options, checks = given.of(GuardOptions), given.of(CheckingOptions)
    most = MostDeleted.of(options.max_delete, options.max_delete_bytes)
    limits = limits_of(given) or DEFAULT_LIMITS
    basis = basis_of(given, Verb.DELETE, limits=limits)
    listing = listing_plan(given, basis.plan)
    undo = undo_of(given)
    is_by_key = listing.is_by_key
    if undo is not None or not (is_by_key and listing.selection.is_of_keys_only):
        basis = basis._replace(plan=replace(basis.plan, precondition=Precondition(WriteIf.CHOSEN)))
    if given.of(PlanOptions).plan is not None or (undo is not None and undo.has_values):
        basis = basis._replace(plan=refusing_rounded(basis.plan, basis.target, given))
    action = Deleting(compares_values=not is_by_key)
    selection = selectors_given(given)
    protected = protected_by(listing)
    source = ListingInput(listing, basis.plan, selection=selection, protected=protected)
    journal = journalling(given, limits)
    if journal is not None and most.value_bytes is not None:
        # A journal does not hold the sizes of the records that earlier runs deleted.
        raise UsageError(
            "--max-delete-bytes and --journal exclude each other: bytes are counted in one run",
            "Leave out one of them, or use --max-delete, which counts all runs.",
        )
    require_own_files(
        given,
        basis.config,
        inputs=source.places,
        outputs=undo_roles(undo, basis.target),
        targets=[basis.target],
    )
    if journal is not None:
        require_resumable_outputs(journal, None, basis.reporting.failures_path)
    if checks.dry_run:
        require_usable_files(given, undo, basis.target)
    if (rehearsal := rehearsal_of(given, basis, listing, most, action)) is not None:
        return rehearsal
    return BatchJob(
        input=source,
        plan=basis.plan,
        target=basis.target,
        allow_http=basis.allow_http,
        timeout_seconds=basis.timeout_seconds,
        reporting=basis.reporting,
        asked=MetadataRequest(listing.needed.created, listing.needed.updated, expires=True),
        journal=journal,
        checks=InputChecks(requires_input=checks.require_input),
        schedule=basis.schedule,
        selection=selection,
        shard=listing.selection.shard,
        confirmed_target=given.of(ConfirmOption).confirm,
        repeats_cheaply=True,
        cleanup=CleanUpPlan.of_one(listing, most, action, basis.plan.precondition),
        undo=undo,
        has_consent=given.of(YesOption).yes,
    )
