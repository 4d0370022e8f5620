"""From the options of diff to its job: nothing is opened for writing."""

import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from kvsctl.bulk.plan import RunPlan
from kvsctl.cli.inputs import require_matching_files, set_forms
from kvsctl.cli.installations.store import ChosenSource
from kvsctl.cli.option_groups import Given, OptionGroup
from kvsctl.cli.options.comparing import DiffOptions
from kvsctl.cli.options.installations.working import InstallationsOptions
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.selection import (
    EntityOptions,
    PrefixArgument,
    ProtectOption,
    SelectionOptions,
)
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.request import output_path, output_roles, reporting_of, require_own_files
from kvsctl.cli.selectors import listing_plan, shard_of, with_prefix
from kvsctl.cli.stores import require_different, schedule_for, source_store, store_of
from kvsctl.comparison.joining import Change
from kvsctl.config.file import read_config
from kvsctl.errors import UsageError
from kvsctl.files.descriptors import descriptor
from kvsctl.jobs.compare.comparing import Comparison
from kvsctl.jobs.compare.printing import DifferenceForm, DifferencePrinting
from kvsctl.jobs.compare.reading import reader_of
from kvsctl.jobs.inputs import ReaderInput
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.store.copy import SourceCopy
from kvsctl.jobs.store.copy_input import CopyInput
from kvsctl.jobs.store.listing import ListedStore
from kvsctl.jobs.store.side import StoreSide
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.listing.plan import ListingPlan
from kvsctl.model import Verb
from kvsctl.records.checks import check_entity
from kvsctl.records.reader import Reader
from kvsctl.report.console import Environment

_EXAMPLE: Final = (
    "For example: kvsctl diff -f backup.jsonl -t staging, or kvsctl diff -f a.jsonl --with b.jsonl"
)
_STDIN: Final = Path("-")


def comparison(given: Given) -> Comparison:
    """Return the job that the options of diff ask for.

    Raise UsageError if they cannot be carried out, before anything is opened for writing.
    """
    given, options = with_prefix(given), given.of(DiffOptions)
    _require_one_prefix(given.of(PrefixArgument).prefix, options.more)
    left, right = _left(options), options.with_
    if [*left, *right].count(_STDIN) > 1:
        raise UsageError("-: stdin is given twice", "It can be read only once.")
    flags = given.of(TargetOptions)
    if right and (flags.target or flags.url):
        raise UsageError("--with and a target exclude each other", "Give one of them.")
    stores = [
        None if options.from_ is None else source_store(options.from_, given),
        None if right else store_of(flags, given),
    ]
    one, other = stores
    copy = given.of(ChosenSource).copy
    if one is not None and other is not None and copy is None:
        require_different(one.target, other.target)
    plan = _plan(given, stores, has_files=bool(left or right))
    output = output_path(given)
    require_own_files(
        given,
        read_config(os.environ),
        inputs=(0 if path == _STDIN else path for path in [*left, *right]),
        outputs=output_roles(output),
        targets=[store.target for store in stores if store is not None],
    )
    schedule = schedule_for(given, [store for store in stores if store is not None])
    schedule = require_matching_files(given, [*left, *right], schedule)
    source, target = (None if store is None else _listed(store, plan) for store in stores)
    has_stdin = any(path == _STDIN or descriptor(path) == 0 for path in (*left, *right))
    if has_stdin and not given.of(ReportOptions).quiet:
        Environment.of_process().say_stdin_is_read()
    compared = copy or source or records_of(given, left)
    assert not isinstance(compared, StoreSide)  # noqa: S101 - a source is always listed
    return Comparison(
        left=compared,
        right=target or records_of(given, right),
        covers=plan,
        shard=shard_of(given),
        compares_text=options.bytes,
        printing=DifferencePrinting(
            _only(options.only),
            None if options.as_ is None else DifferenceForm(options.as_),
            output,
        ),
        reporting=reporting_of(given),
        schedule=schedule,
    )


def comparison_on_each(given: Given) -> BatchJob:
    """Return the job that compares one of several installations. Raise UsageError."""
    options = given.of(DiffOptions)
    if options.with_:
        raise UsageError(
            "--with compares files, and installations are stores", "Leave out one of them."
        )
    if given.of(InstallationsOptions).ledger is not None:
        raise UsageError(
            "--ledger notes what was changed, and a comparison changes nothing",
            "Leave it out, and run the command again.",
        )
    made = comparison(given)
    store = made.stores[-1]
    left = made.left
    assert not isinstance(left, ListedStore)  # noqa: S101 - a store is copied for all of them
    return BatchJob(
        input=ReaderInput(left) if isinstance(left, Reader) else CopyInput(left),
        plan=store.plan,
        target=store.target,
        allow_http=store.allow_http,
        timeout_seconds=store.timeout_seconds,
        reporting=made.reporting,
        schedule=made.schedule,
        name="diff",
        comparison=made,
    )


def copied_source(given: Given) -> SourceCopy | None:
    """Return the copy that several installations are compared with; None if that is a file.

    Nothing is copied yet. Raise UsageError.
    """
    given = with_prefix(given)
    options = given.of(DiffOptions)
    if options.from_ is None:
        return None
    _left(options)
    store = source_store(options.from_, given)
    plan = _plan(given, [store, None], has_files=False)
    assert plan is not None  # noqa: S101 - without a file, all is listed
    return SourceCopy(ListedStore(store, plan))


def _left(options: DiffOptions) -> Sequence[Path]:
    """Return the files of the left side; none if it is a store."""
    if options.from_ is not None:
        if options.file:
            raise UsageError("--file and --from exclude each other", "Give one of them.")
        return ()
    environment = Environment.of_process()
    if not options.file and (environment.stdin_is_terminal or not environment.stdin_is_open):
        raise UsageError("nothing to compare: give -f FILE or --from TARGET", _EXAMPLE)
    return options.file or [_STDIN]


def _require_one_prefix(prefix: str | None, more: Sequence[str]) -> None:
    """Raise UsageError for words that were meant as files, and for more than one PREFIX."""
    if prefix is not None and Path(prefix).is_file():
        words = f"-f {shlex.quote(prefix)}"
        for word in more[:1]:
            words += f" --with {shlex.quote(word)}"
        raise UsageError(
            f"{prefix} is a file, not a prefix of keys", f"Compare it: kvsctl diff {words}"
        )
    if more:
        raise UsageError("diff takes one PREFIX", "Choose by several with --match, which repeats.")


def _plan(
    given: Given, stores: Sequence[StoreSide | None], *, has_files: bool
) -> ListingPlan | None:
    """Return what is listed on each side; None if the keys of a file decide.

    Without a selector, a store that is compared with a file is asked for the keys of that file.
    """
    has_selector = bool(given.of(PrefixArgument).prefix) or any(
        _is_given(given, group) for group in (SelectionOptions, ProtectOption)
    )
    is_of_files = stores == [None, None] or (has_files and stores[0] is None)
    if is_of_files and not has_selector:
        return None
    run_plan = next((one.plan for one in stores if one is not None), RunPlan(Verb.GET))
    plan = listing_plan(given, run_plan, skip_expired=True)
    if has_files and not plan.selection.is_of_keys_only:
        raise UsageError(
            "records of a file are chosen by their keys only",
            "Select by PREFIX, --match, --exclude, --regex or --protect.",
        )
    return plan


def _is_given(given: Given, group: type[OptionGroup]) -> bool:
    options = given.of(group)
    return any(getattr(options, name) != group.default(name) for name in group.annotations)


def _listed(store: StoreSide, plan: ListingPlan | None) -> StoreSide | ListedStore:
    return store if plan is None else ListedStore(store, plan)


def records_of(given: Given, paths: Iterable[Path]) -> Reader:
    """Return a reader of files to compare. Raise UsageError if one cannot be used."""
    entities, forms = given.of(EntityOptions), set_forms(given)
    is_one = len(entities.entity) == 1 and not entities.plain
    entity = entities.entity[0] if is_one else None
    if entity is not None and (breach := check_entity(entity, DEFAULT_LIMITS)):
        raise UsageError(f"--entity {entity}: {breach.message}")
    return reader_of((None if path == _STDIN else path for path in paths), forms, entity)


def _only(given: str | None) -> frozenset[Change]:
    if given is None:
        return frozenset(Change)
    known = {change.value: change for change in Change}
    for name in given.split(","):
        if name not in known:
            from kvsctl.config.nearest import hint_of

            raise UsageError(f'--only: unknown value "{name}"', hint_of(name, known))
    return frozenset(known[name] for name in given.split(","))
