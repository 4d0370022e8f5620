"""Decide about a fault: wait, split, renew the token, give up, or end the run. Pure."""

from random import Random
from typing import Final, TypeAlias

import msgspec

from kvsctl.config.settings import DEFAULTS
from kvsctl.model import Record
from kvsctl.service.faults import Fault, FaultKind

RANDOM: Final = Random()  # noqa: S311 - no secret
"""Shared by all runs that are given no other: creating one takes as long as a short request."""
MOST_RENEWALS: Final = 3
"""A request whose token is refused more often ends the run: new tokens do not help."""
_LEFT_OUT_RETRIES: Final = 3
"""A fourth request for a key that three answers left out has never helped."""
_THROTTLED_RETRIES_FACTOR: Final = 10
_MIN_THROTTLED_RETRIES: Final = 20
"""A 429 means that nothing was applied, so waiting is safe, however few `retries` are left."""
_THROTTLED_CAP_SECONDS: Final = 2.0
"""The pacer decides when requests resume. This only keeps refused batches apart."""
_OUTAGE_CAP_SECONDS: Final = 2.0
"""A run resumes at most this long after an outage."""
_STRIKES: Final = frozenset(
    {FaultKind.UNREACHED, FaultKind.UNANSWERED, FaultKind.TROUBLED, FaultKind.THROTTLED}
)


class Wait(msgspec.Struct, frozen=True):
    """Send the same records again after `seconds`."""

    seconds: float


class Split(msgspec.Struct, frozen=True):
    """Send the records in two halves, to find the one that is refused."""


class Renew(msgspec.Struct, frozen=True):
    """Get another token, then send the same records again."""


class GiveUp(msgspec.Struct, frozen=True):
    """Fail these records."""


class EndRun(msgspec.Struct, frozen=True):
    """End the run: none of its requests can succeed."""


Decision: TypeAlias = Wait | Split | Renew | GiveUp | EndRun


class RetryPolicy(msgspec.Struct, frozen=True):
    """Exponential backoff with full jitter.

    The `n`-th wait is random, from 0 to `base_seconds` doubled `n - 1` times, at most
    `cap_seconds`. `retries` bounds how often a record is retried after a fault that counts: see
    `is_strike`.
    """

    retries: int = DEFAULTS.retries
    base_seconds: float = 0.25
    cap_seconds: float = 30.0

    def backoff_seconds(self, tries: int, random: Random) -> float:
        """Return a random wait after the `tries`-th failed attempt, from 0 to its bound."""
        bound = min(self.cap_seconds, self.base_seconds * 2.0 ** min(tries - 1, 30))
        return random.uniform(0.0, bound)

    def outage_seconds(self, rounds: int, random: Random) -> float:
        """Return how long to send nothing after `rounds` consecutive rounds have failed."""
        return min(self.backoff_seconds(rounds, random), _OUTAGE_CAP_SECONDS)

    def decide(self, fault: Fault, tries: int, records: int, random: Random) -> Decision:
        """Return what to do about a request that ended in `fault`.

        `tries`: the largest `tries_of` of its records, this attempt included.
        """
        match fault.kind:
            case FaultKind.UNAUTHORISED:
                return Renew()
            case (
                FaultKind.FORBIDDEN
                | FaultKind.UNTRUSTED
                | FaultKind.PROXY_REFUSED
                | FaultKind.MISDIRECTED
            ):
                return EndRun()
            case FaultKind.REFUSED:
                return Split() if records > 1 else GiveUp()
        if fault.is_rate_limited:
            allowed = max(_MIN_THROTTLED_RETRIES, self.retries * _THROTTLED_RETRIES_FACTOR)
            return GiveUp() if tries > allowed else self.wait_throttled(fault, tries, random)
        if tries > self.retries:
            return GiveUp()
        return Wait(self.backoff_seconds(tries, random) + self.asked_seconds(fault))

    def asked_seconds(self, fault: Fault) -> float:
        """Return the wait that the service asks for; 0 if none. `Patience` bounds it."""
        return fault.retry_after_seconds or 0.0

    def wait_throttled(self, fault: Fault, tries: int, random: Random) -> Wait:
        """Return how long a throttled batch waits, in addition to what the pacer requires."""
        backoff = min(self.backoff_seconds(tries, random), _THROTTLED_CAP_SECONDS)
        return Wait(self.asked_seconds(fault) + backoff)

    def decide_alone(self, tries: int, random: Random, *, times_left_out: int) -> Wait | GiveUp:
        """Return what to do about a record that a 200 answer left out or put off until later."""
        if tries > self.retries or times_left_out > _LEFT_OUT_RETRIES:
            return GiveUp()
        return Wait(self.backoff_seconds(tries, random))


def is_strike(fault: Fault) -> bool:
    """Return whether a fault uses up one of the `retries` of its records."""
    return fault.kind in _STRIKES and not fault.is_rate_limited


def tries_of(record: Record, fault: Fault) -> int:
    """Return how many attempts of a record count in deciding about `fault`."""
    return record.attempts if fault.is_rate_limited else record.strikes
