"""Match a batch with its reply: each record gets one outcome or is sent again.

A record that the reply leaves out is never a success. A reply may omit the entity name of a key
that is in the batch only once.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from kvsctl import codes
from kvsctl.jsonequal import has_large_number, has_null
from kvsctl.model import GET, SUCCEEDED, Failure, Found, Identity, Outcome, Record, State, Verb
from kvsctl.service.faults import means_later, means_missing
from kvsctl.service.found import is_past
from kvsctl.service.reply import AllDone, Reply
from kvsctl.slabs import Successes

_UNNAMED = Found(b"")
EXISTS = "exists"
MISSING = "missing"
EXPIRED = "expired"
UNSELECTED = "unselected"
UNDECIDED = "undecided"
"""Names under which the report counts skipped records: their keys exist or do not, they have
expired, a selection does not choose them, or they lack what a selector needs to know."""


MAY_BE_ROUNDED: Final = Failure(
    codes.NUMBER_NOT_EXACT,
    "the value has a number of 2^53 or more, which the bridge may have rounded: --allow-rounding "
    "takes it as it is",
)
MAY_BE_NO_NULL: Final = Failure(
    codes.NUMBER_NOT_EXACT,
    "the value has a null where the store may have a number such as 1e400, because the bridge in "
    "the app is of an earlier version: `kvsctl bridge init` updates it, or --allow-rounding takes "
    "the value as it is",
)


def rounded(value: bytes, *, may_lack_numbers: bool) -> Failure | None:
    """Return why a value that was read through a bridge may not be the one in the store.

    `may_lack_numbers`: the bridge may have written `null` for numbers that are too large.
    """
    if has_large_number(value):
        return MAY_BE_ROUNDED
    return MAY_BE_NO_NULL if may_lack_numbers and has_null(value) else None


class ReadPolicy(msgspec.Struct, frozen=True):
    """Which answers of batch/get count as skipped, not as failed or found.

    `skips` returns the name under which a found record is skipped, or None if the run works on it.
    It is given the service's time in epoch seconds. Without it, the run works on every found
    record. `refuses_rounded`: a found value fails if a bridge may have rounded a number in it;
    `refuses_nulls`: also if the bridge may have written `null` for one.
    """

    ignore_missing: bool = False
    skip_expired: bool = False
    skips: Callable[[Identity, Found, float], str | None] | None = None
    refuses_rounded: bool = False
    refuses_nulls: bool = False

    @property
    def looks_at_each(self) -> bool:
        """Whether a found record may be skipped, or fail."""
        return self.skip_expired or self.refuses_rounded or self.skips is not None


class Reconciled(msgspec.Struct):
    """What a reply decides about the records of a batch. Each is in exactly one of the three.

    `outcomes`: these settle. `left_out`: the reply did not name them. `later`: it did, with a code
    that means "later". The last two are sent again.
    """

    outcomes: Sequence[Outcome] = ()
    left_out: list[Record] = msgspec.field(default_factory=list)
    later: list[tuple[Record, Failure]] = msgspec.field(default_factory=list)


def reconcile(
    verb: Verb,
    records: Sequence[Record],
    reply: Reply | AllDone,
    policy: ReadPolicy,
    service_now: float,
) -> Reconciled:
    """Return what the reply to a `verb` decides about each record. `service_now`: epoch seconds.

    A set that must not replace a key skips one that exists. For a delete, a missing key is done.
    For a get, it fails with `KEY_NOT_FOUND`, whatever code the service gives.
    """
    if isinstance(reply, AllDone):
        if reply.found is None or not policy.looks_at_each:
            return Reconciled(Successes(records, reply.found))
        pairs = zip(records, reply.found, strict=True)
        return Reconciled([_found(record, found, policy, service_now) for record, found in pairs])
    outcomes: list[Outcome] = []
    result = Reconciled(outcomes)
    failures, succeeded = reply.failed, reply.succeeded
    for record, identity in zip(records, _named(records, reply), strict=True):
        if failures and (failure := failures.get(identity)) is not None:
            if means_later(failure.code):
                result.later.append((record, failure))
            elif verb is Verb.SET and failure.code == codes.KEY_CONFLICT:
                outcomes.append(Outcome(record, State.SKIPPED, skipped_by=EXISTS))
            elif verb is Verb.SET or not means_missing(failure.code):
                outcomes.append(Outcome(record, State.FAILED, failure))
            elif verb is GET:
                missing = failure._replace(code=codes.KEY_NOT_FOUND)
                outcomes.append(failed(record, missing, policy))
            else:
                outcomes.append(Outcome(record, SUCCEEDED))
        elif (found := succeeded.get(identity, _UNNAMED)) is None:
            outcomes.append(Outcome(record, SUCCEEDED))
        elif found is not _UNNAMED:
            outcomes.append(_found(record, found, policy, service_now))
        else:
            result.left_out.append(record)
    return result


def _named(records: Sequence[Record], reply: Reply) -> list[Identity]:
    """Return the identity by which the reply would name each record."""
    identities = [record.identity for record in records]
    if [identity.entity for identity in identities].count(None) == len(identities):
        return identities
    counts = Counter(identity.key for identity in identities)
    for place, identity in enumerate(identities):
        bare = Identity(None, identity.key)
        is_named = identity in reply.succeeded or identity in reply.failed
        if (
            not is_named
            and counts[identity.key] == 1
            and (bare in reply.succeeded or bare in reply.failed)
        ):
            identities[place] = bare
    return identities


def failed(record: Record, failure: Failure, policy: ReadPolicy) -> Outcome:
    """Return the outcome of a record that failed: a missing key may count as skipped."""
    if policy.ignore_missing and failure.code == codes.KEY_NOT_FOUND:
        return Outcome(record, State.SKIPPED, skipped_by=MISSING)
    return Outcome(record, State.FAILED, failure)


def never_named(verb: Verb) -> Failure:
    """Return the failure of a record that no answer named, despite retries."""
    if verb is Verb.GET:
        return Failure(codes.KEY_NOT_FOUND, "the answers of the service did not name the key")
    return Failure(
        codes.NO_ANSWER,
        "the answers of the service did not name the key; the request may or may not be applied",
    )


def _found(record: Record, found: Found, policy: ReadPolicy, service_now: float) -> Outcome:
    if policy.skips is not None:
        name = policy.skips(record.identity, found, service_now)
        if name is not None:
            return Outcome(record, State.SKIPPED, skipped_by=name)
    if policy.skip_expired and is_past(found.expire_time, service_now):
        return Outcome(record, State.SKIPPED, skipped_by=EXPIRED)
    if policy.refuses_rounded:
        failure = rounded(found.value, may_lack_numbers=policy.refuses_nulls)
        if failure is not None:
            return Outcome(record, State.FAILED, failure)
    return Outcome(record, SUCCEEDED, found=found)
