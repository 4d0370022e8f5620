"""What to do about a fault: wait, split, renew the token, give up, or end the run. Pure."""

from random import Random
from typing import Final, TypeAlias

import msgspec

from kvsctl.config.settings import DEFAULTS
from kvsctl.model import Record
from kvsctl.service.faults import Fault, FaultKind

_LEFT_OUT_RETRIES: Final = 3
"""Asking a fourth time for a key that three answers left out has never helped."""
_THROTTLED_RETRIES_FACTOR: Final = 10
_MIN_THROTTLED_RETRIES: Final = 20
"""A 429 says that nothing was applied: patience costs nothing, however few `retries` are left."""
_THROTTLED_CAP_SECONDS: Final = 2.0
"""The pacer knows better when to come again; this only keeps refused batches apart."""
_OUTAGE_CAP_SECONDS: Final = 2.0
"""How late at most a run sees that the service is there again."""
_STRIKES: Final = frozenset(
    {FaultKind.UNREACHED, FaultKind.UNANSWERED, FaultKind.TROUBLED, FaultKind.THROTTLED}
)


class Wait(msgspec.Struct, frozen=True):
    """Send the same records again after `seconds`."""

    seconds: float


class Split(msgspec.Struct, frozen=True):
    """Send the records in two halves, to find which of them is refused."""


class Renew(msgspec.Struct, frozen=True):
    """Read the token again, then send the same records."""


class GiveUp(msgspec.Struct, frozen=True):
    """These records have failed."""


class EndRun(msgspec.Struct, frozen=True):
    """No request of this run can succeed."""


Decision: TypeAlias = Wait | Split | Renew | GiveUp | EndRun


class RetryPolicy(msgspec.Struct, frozen=True):
    """Exponential backoff with full jitter: up to `base_seconds` doubled each time, capped.

    `retries` bounds how often a record is sent again after trouble.
    """

    retries: int = DEFAULTS.retries
    base_seconds: float = 0.25
    cap_seconds: float = 30.0
    asked_cap_seconds: float = 300.0
    """The longest that a `Retry-After` is obeyed."""

    def backoff_seconds(self, tries: int, random: Random) -> float:
        """A wait after the `tries`-th failed attempt, anywhere from nothing to the bound."""
        bound = min(self.cap_seconds, self.base_seconds * 2.0 ** min(tries - 1, 30))
        return random.uniform(0.0, bound)

    def outage_seconds(self, rounds: int, random: Random) -> float:
        """How long nothing is sent after all that was sent in `rounds` has failed."""
        return min(self.backoff_seconds(rounds, random), _OUTAGE_CAP_SECONDS)

    def decide(self, fault: Fault, tries: int, records: int, random: Random) -> Decision:
        """What becomes of a request that ended in `fault`.

        `tries` are those of its most-tried record by `tries_of`, this time included.
        """
        match fault.kind:
            case FaultKind.UNAUTHORISED:
                return Renew()
            case FaultKind.FORBIDDEN | FaultKind.MISDIRECTED:
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
        """The wait that the service asks for, as far as it is obeyed; 0 if it asks for none."""
        return min(fault.retry_after_seconds or 0.0, self.asked_cap_seconds)

    def wait_throttled(self, fault: Fault, tries: int, random: Random) -> Wait:
        """How long a refused batch keeps apart from others, beside what the pacer holds back."""
        backoff = min(self.backoff_seconds(tries, random), _THROTTLED_CAP_SECONDS)
        return Wait(self.asked_seconds(fault) + backoff)

    def decide_alone(self, tries: int, random: Random, *, times_left_out: int) -> Wait | GiveUp:
        """What becomes of one record that a good answer left out or put off until later."""
        if tries > self.retries or times_left_out > _LEFT_OUT_RETRIES:
            return GiveUp()
        return Wait(self.backoff_seconds(tries, random))


def is_strike(fault: Fault) -> bool:
    """Whether a fault uses up one of its records' retries."""
    return fault.kind in _STRIKES and not fault.is_rate_limited


def tries_of(record: Record, fault: Fault) -> int:
    """How often a record was tried, as far as it counts for what to do about `fault`."""
    return record.attempts if fault.is_rate_limited else record.strikes
