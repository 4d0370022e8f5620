"""From a retention file and the options of clean to its job."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.cli.cleanup.keeping import undo_of, undo_roles
from kvsctl.cli.cleanup.rehearsing import new_plan, require_no_values
from kvsctl.cli.cleanup.rule_options import (
    RuleOptions,
    protecting_files,
    read_rules,
)
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.checking import DryRunOption
from kvsctl.cli.options.cleanup.cleaning import RulesOption
from kvsctl.cli.options.cleanup.deleting import PlanOptions
from kvsctl.cli.options.listing import ConsistentOption
from kvsctl.cli.options.selection import ProtectOption
from kvsctl.cli.options.target import ConfirmOption, YesOption
from kvsctl.cli.protecting import protected_entries
from kvsctl.cli.records.rounding import refusing_rounded
from kvsctl.cli.request import Basis, basis_of, printing_roles, require_own_files
from kvsctl.cli.selectors import selectors_given, shard_of
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.plan import CleanUpPlan, CleanUpRule
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.store.listing_input import ListingInput
from kvsctl.listing.plan import ListingPlan
from kvsctl.model import GET, Verb
from kvsctl.outputs.forms import KeyForm, PlanForm, Printing
from kvsctl.retention.file import RetentionFile
from kvsctl.retention.rules import Rule, Rules
from kvsctl.selection.protected import Protected
from kvsctl.service.queries import EntityIndex
from kvsctl.service.wire import MetadataRequest

_EXAMPLE: Final = "For example: kvsctl clean -f retention.toml --dry-run"


def clean_job(given: Given) -> BatchJob:
    """Return the job of `clean`. Raise UsageError if it cannot be carried out."""
    file = _file(given)
    undo = undo_of(given)
    options, shard = read_rules(file), shard_of(given)
    protected = _protected(options, given)
    rules = _rules(options, protected, keeps_undo=undo is not None)
    verbs = {rule.action.verb for rule in rules}
    basis = basis_of(given, verbs.pop() if len(verbs) == 1 else Verb.SET)
    basis = basis._replace(plan=refusing_rounded(basis.plan, basis.target, given))
    listing = _listing(options, rules, basis, rereads=given.of(ConsistentOption).consistent)
    printing = _printing(given, basis, listing)
    selection = {"rules": file.written, **selectors_given(given)}
    source = ListingInput(listing, basis.plan, selection=selection, protected=protected)
    require_own_files(
        given,
        basis.config,
        inputs=[file.path, *protecting_files(file)],
        outputs=[
            *undo_roles(undo, basis.target),
            *([] if printing is None else printing_roles(printing)),
        ],
        targets=[basis.target],
    )
    needed = listing.needed
    return BatchJob(
        input=source,
        plan=basis.plan if printing is None else replace(basis.plan, verb=GET),
        target=basis.target,
        allow_http=basis.allow_http,
        timeout_seconds=basis.timeout_seconds,
        reporting=basis.reporting,
        records=printing,
        asked=MetadataRequest(
            needed.created, needed.updated or given.of(PlanOptions).plan is not None, expires=True
        ),
        schedule=basis.schedule,
        name="clean",
        shard=shard,
        confirmed_target=given.of(ConfirmOption).confirm,
        repeats_cheaply=True,
        cleanup=CleanUpPlan(listing, rules, shard),
        has_consent=given.of(YesOption).yes,
        undo=undo,
    )


def _file(given: Given) -> RetentionFile:
    paths = given.of(RulesOption).rules
    if not paths:
        raise UsageError("no rules: give --file FILE", _EXAMPLE)
    [path, *others] = paths
    if others:
        raise UsageError(
            f"--file is given {len(paths)} times: rules have one order, in one file",
            "Put all rules into one file.",
        )
    if path == Path("-"):
        raise UsageError("--file -: not a file name", "Give --file the name of a file.")
    return RetentionFile(path)


def _protected(options: Sequence[RuleOptions], given: Given) -> Protected | None:
    """Return the keys that no rule touches: those of the option, and those of all rules."""
    path = given.of(ProtectOption).protect
    entries = [entry for one in options for entry in one.protected]
    entries += [] if path is None else protected_entries(path)
    return Protected(entries) if entries else None


def _rules(
    options: Sequence[RuleOptions], protected: Protected | None, *, keeps_undo: bool
) -> list[CleanUpRule]:
    rules = Rules(
        [
            Rule(
                replace(one.selection, protected=protected),
                frozenset(map(_entity, one.spaces)),
                one.keeping,
                skips_expired=one.action.verb is Verb.SET,  # writing it would bring it back
            )
            for one in options
        ]
    )
    pairs = zip(options, rules.are_by_key(), strict=True)
    return [
        CleanUpRule(
            rules.rules[number],
            one.action,
            one.most,
            Precondition(WriteIf.ALWAYS if is_by_key and not keeps_undo else WriteIf.CHOSEN),
            one.written.table.name,
        )
        for number, (one, is_by_key) in enumerate(pairs)
    ]


def _listing(
    options: Sequence[RuleOptions], rules: Sequence[CleanUpRule], basis: Basis, *, rereads: bool
) -> ListingPlan:
    """Return what must be listed for all rules."""
    return ListingPlan(
        spaces=_spaces(space for one in options for space in one.spaces),
        chains=basis.plan.concurrency,
        needed=MetadataRequest(
            created=any(one.rule.needs_created for one in rules),
            updated=any(one.rule.needs_updated for one in rules),
        ),
        rereads=rereads,
    )


def _spaces(spaces: Iterable[EntityIndex | None]) -> list[EntityIndex | None]:
    """Return each space once, the plain keys first."""
    by_entity = {_entity(space): space for space in spaces}
    return sorted(by_entity.values(), key=lambda space: space is not None)


def _entity(space: EntityIndex | None) -> str | None:
    return None if space is None else space.entity


def _printing(given: Given, basis: Basis, listing: ListingPlan) -> Printing | None:
    """Return what `--plan` or `--dry-run` prints; None if neither was given. Raise UsageError."""
    if (options := given.of(PlanOptions)).plan is not None:
        path = new_plan(given, basis.target)
        return Printing(form=PlanForm(options.with_values), path=path, in_order=True)
    require_no_values(given)
    if not given.of(DryRunOption).dry_run:
        return None
    return Printing(form=KeyForm("keys", is_long=False, has_entities=listing.has_entities))
