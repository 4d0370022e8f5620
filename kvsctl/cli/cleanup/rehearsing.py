"""Jobs that change nothing: they print what would be done, or plan it."""

from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.cli.listing_request import listing_job
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.checking import CheckingOptions, DryRunOption
from kvsctl.cli.options.cleanup.deleting import PlanOptions, UndoOptions
from kvsctl.cli.options.journal import JournalOptions
from kvsctl.cli.options.target import ConfirmOption
from kvsctl.cli.request import Basis
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.actions import Action
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.plan import CleanUpPlan
from kvsctl.jobs.job import BatchJob, InputChecks
from kvsctl.listing.plan import ListingPlan
from kvsctl.model import Verb
from kvsctl.outputs.forms import KeyForm, PlanForm, Printing
from kvsctl.outputs.names import named, require_new


def rehearsal_of(
    given: Given, basis: Basis, listing: ListingPlan, most: MostDeleted, action: Action
) -> BatchJob | None:
    """Return the job of `--plan` or `--dry-run`; None if neither was given. Raise UsageError.

    `basis` and `listing` are those of the job that would do `action`.
    """
    options = given.of(PlanOptions)
    if options.plan is not None:
        return _planning(given, basis, listing, most, action)
    require_no_values(given)
    if not given.of(CheckingOptions).dry_run:
        return None
    form = KeyForm("keys", is_long=False, has_entities=listing.has_entities)
    printing = Printing(form=form, in_order=False)
    return _printing(given, basis, listing, most, action, printing)


def require_no_values(given: Given) -> None:
    """Raise UsageError for `--with-values`, as there is no plan."""
    if given.of(PlanOptions).with_values:
        raise UsageError("--with-values needs a plan", "Add --plan FILE.")


def new_plan(given: Given, target: Target) -> Path | None:
    """Return where `--plan` is written; None: to stdout. Raise UsageError.

    It must be a new or an empty file. A plan changes nothing, so `--dry-run`, `--undo` and
    `--journal` are refused.
    """
    is_dry_run = given.of(CheckingOptions).dry_run or given.of(DryRunOption).dry_run
    for flag, is_given in (
        ("--dry-run", is_dry_run),
        ("--undo", given.of(UndoOptions).undo is not None),
        ("--journal", given.of(JournalOptions).journal is not None),
    ):
        if is_given:
            raise UsageError(
                f"--plan changes nothing, so {flag} does not apply", f"Leave out {flag}."
            )
    path = given.of(PlanOptions).plan
    if path in (None, Path("-")):
        return None
    assert path is not None  # noqa: S101
    path = named(path, datetime.now(UTC), target)
    require_new(path, "the plan", may_be_empty=True)
    return path


def _planning(
    given: Given, basis: Basis, listing: ListingPlan, most: MostDeleted, action: Action
) -> BatchJob:
    path = new_plan(given, basis.target)
    # In key order, so that plans can be compared and reviewed.
    form = PlanForm(given.of(PlanOptions).with_values)
    printing = Printing(form=form, path=path, in_order=True)
    basis = basis._replace(plan=replace(basis.plan, precondition=Precondition(WriteIf.CHOSEN)))
    job = _printing(given, basis, listing, most, action, printing)
    return replace(job, asked=replace(job.asked, updated=True))


def _printing(
    given: Given,
    basis: Basis,
    listing: ListingPlan,
    most: MostDeleted,
    action: Action,
    printing: Printing,
) -> BatchJob:
    """Return the job that prints what would be worked on, and what that would need."""
    reads = replace(basis.plan, verb=Verb.GET, precondition=Precondition(), verify=False)
    if given.of(JournalOptions).journal is not None:
        # The journal refers to places in the failures file.
        basis = basis._replace(reporting=replace(basis.reporting, failures_path=None))
    job = listing_job(action.name, given, basis._replace(plan=reads), listing, printing)
    asked = replace(listing.needed, expires=True)
    cleanup = CleanUpPlan.of_one(listing, most, action, basis.plan.precondition)
    checks = InputChecks(requires_input=given.of(CheckingOptions).require_input)
    return replace(
        job,
        listing=None,
        asked=asked,
        cleanup=cleanup,
        checks=checks,
        confirmed_target=given.of(ConfirmOption).confirm,
    )
