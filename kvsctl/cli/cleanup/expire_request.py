"""From the options of expire to its job."""

from typing import Final

from msgspec.structs import replace

from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.cli.cleanup.rehearsing import rehearsal_of
from kvsctl.cli.inputs import limits_of
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cleanup.expiring import ExpireOptions
from kvsctl.cli.options.selection import PrefixArgument
from kvsctl.cli.options.target import ConfirmOption, YesOption
from kvsctl.cli.records.rounding import refusing_rounded
from kvsctl.cli.request import basis_of, require_own_files
from kvsctl.cli.selectors import (
    listing_plan,
    protected_by,
    require_selection,
    selectors_given,
    with_prefix,
)
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.actions import Expiring
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.plan import CleanUpPlan
from kvsctl.jobs.job import BatchJob, InputChecks
from kvsctl.jobs.store.listing_input import ListingInput
from kvsctl.jsontext import quoted
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.model import Verb
from kvsctl.records.checks import Breach
from kvsctl.records.ttl import parse_ttl
from kvsctl.service.wire import MetadataRequest

_EXAMPLE: Final = "For example: kvsctl expire --prefix log: --ttl 30d --no-expiry"


def expire_job(given: Given) -> BatchJob:
    """Return the job of `expire`. Raise UsageError if it cannot be carried out."""
    given = _selecting(given)
    limits = limits_of(given)
    action = _action(given, limits)
    basis = basis_of(given, Verb.SET, limits=limits or DEFAULT_LIMITS)
    condition = Precondition(WriteIf.CHOSEN)
    basis = basis._replace(plan=replace(basis.plan, precondition=condition))
    basis = basis._replace(plan=refusing_rounded(basis.plan, basis.target, given))
    # An expired record is about to be removed: writing it would bring it back.
    listing = listing_plan(given, basis.plan, skip_expired=True)
    rehearsal = rehearsal_of(given, basis, listing, MostDeleted(), action)
    if rehearsal is not None:
        return rehearsal
    selection = selectors_given(given)
    protected = protected_by(listing)
    source = ListingInput(listing, basis.plan, selection=selection, protected=protected)
    require_own_files(given, basis.config, inputs=source.places, targets=[basis.target])
    return BatchJob(
        input=source,
        plan=basis.plan,
        target=basis.target,
        allow_http=basis.allow_http,
        timeout_seconds=basis.timeout_seconds,
        reporting=basis.reporting,
        asked=MetadataRequest(listing.needed.created, listing.needed.updated, expires=True),
        checks=InputChecks(requires_input=given.of(CheckingOptions).require_input),
        schedule=basis.schedule,
        selection=selection,
        name=action.name,
        shard=listing.selection.shard,
        confirmed_target=given.of(ConfirmOption).confirm,
        repeats_cheaply=True,
        cleanup=CleanUpPlan.of_one(listing, MostDeleted(), action, condition),
        has_consent=given.of(YesOption).yes,
    )


def _selecting(given: Given) -> Given:
    """Return the same options, with the prefix as PREFIX. Raise UsageError for filters alone."""
    given = with_prefix(given)
    if given.of(PrefixArgument).prefix == "":
        raise UsageError("the prefix is empty", "Give --all if all keys are meant.")
    require_selection(given, "expire")
    if given.of(CheckingOptions).check_first:
        raise UsageError(
            "--check-first applies to records that are read from files",
            "Try --dry-run, which writes nothing.",
        )
    return given


def _action(given: Given, limits: Limits | None) -> Expiring:
    text = given.of(ExpireOptions).ttl
    if text is None:
        raise UsageError("no ttl: give --ttl TTL", _EXAMPLE)
    ttl = parse_ttl(text, limits)
    if isinstance(ttl, Breach):
        raise UsageError(f"--ttl {quoted(text)}: {ttl.message}")
    return Expiring(ttl)
