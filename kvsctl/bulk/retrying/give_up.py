"""When a run in which nothing succeeds any more is given up, and what it then says.

Pure; the caller gives the time.
"""

from typing import Final

from kvsctl.errors import CredentialsError, KvsctlError, TargetError
from kvsctl.service.faults import Fault, FaultKind

_FRUITLESS_FACTOR: Final = 50
"""How many times `give_up_after` requests may do nothing for whatever reason, in a row.

Far more than failed ones, because the reason may lie in the input: a stretch of records that the
service refuses one by one has to end before the run does.
"""

_LONG_OUTAGE_SECONDS: Final = 20.0
"""One trouble fails all that is on its way: so many failures are no row until they go on."""


class Patience:
    """Counts what is in a row, and gives the error to end the run with once it is too much.

    Three rows are counted: failed requests, requests that did nothing, and the time in which
    the service only throttled. A refused token counts in none.

    Failed requests end the run once there were so many one after the other, or, of those that
    failed together, once they have gone on for 20 seconds.
    """

    def __init__(self, give_up_after: int, patience_seconds: float) -> None:
        self._give_up_after = give_up_after
        self._patience_seconds = patience_seconds
        self._failed = 0
        self._failing_since = 0.0
        self._fruitless = 0
        self._throttled = 0
        self._throttled_since: float | None = None

        self.rounds_begun = 0
        """Goes up with each failure after the last: what has begun before failed beside it."""
        self.rounds_failed = 0
        """How many failures in a row came one after the other."""

    @property
    def consecutive_throttled(self) -> int:
        """How many requests in a row were only throttled."""
        return self._throttled

    def note_answer(self, *, did_something: bool, last: str) -> TargetError | None:
        """A request was answered. `did_something`: a record of it succeeded, or was read.

        `last` says for people what the answer said.
        """
        self._failed = self._throttled = self.rounds_failed = 0
        self._throttled_since = None
        self._fruitless = 0 if did_something else self._fruitless + 1
        return self._fruitless_end(last)

    def note_fault(
        self, fault: Fault, now: float, *, counts: bool, begun_in: int
    ) -> TargetError | None:
        """A request failed. `counts`: towards failed requests in a row; 429 and 401 never do.

        `begun_in`: what `rounds_begun` was when it was sent.
        """
        if fault.kind is FaultKind.UNAUTHORISED:
            return None
        said = f"{fault.code}: {fault.message}"
        self._fruitless += 1
        if fault.is_throttled:
            return self._note_throttled(now, said) or self._fruitless_end(said)
        if counts:
            return self._note_failed(now, said, begun_in) or self._fruitless_end(said)
        return self._fruitless_end(said)

    def _note_failed(self, now: float, said: str, begun_in: int) -> TargetError | None:
        if not self._failed:
            self._failing_since = now
        self._failed += 1
        if begun_in == self.rounds_begun:
            self.rounds_begun += 1
            self.rounds_failed += 1
        is_consecutive = self.rounds_failed >= self._give_up_after
        is_long = now - self._failing_since >= _LONG_OUTAGE_SECONDS
        if is_consecutive or (is_long and self._failed >= self._give_up_after):
            return failing_end(self._failed, said)
        return None

    def _note_throttled(self, now: float, said: str) -> TargetError | None:
        self._throttled += 1
        if self._throttled_since is None:
            self._throttled_since = now
        seconds = now - self._throttled_since
        return throttled_end(seconds, said) if seconds >= self._patience_seconds else None

    def _fruitless_end(self, said: str) -> TargetError | None:
        if self._fruitless < self._give_up_after * _FRUITLESS_FACTOR:
            return None
        return fruitless_end(self._fruitless, said)


def refused_end(fault: Fault) -> KvsctlError:
    """What a run ends in whose credentials or URL the target refused."""
    said = f"{fault.code}: {fault.message}" + (
        f" (trace {fault.trace_id})" if fault.trace_id else ""
    )
    if fault.kind is FaultKind.MISDIRECTED:
        return TargetError(f"the target is not the service: {said}", "Check the URL.")
    hint = (
        "The token is missing, wrong or expired. Give a fresh one by KVSCTL_TOKEN, --token-file "
        "or --token-command."
        if fault.kind is FaultKind.UNAUTHORISED
        else "This token may not use the store, or the URL is not the service's."
    )
    return CredentialsError(f"the target refused the credentials: {said}", hint)


def too_many_failures(count: int) -> KvsctlError:
    """What a run ends in that reached its bound of failed records."""
    return TargetError(f"{count:,} records failed: --max-failures")


def unreachable(fault: Fault) -> KvsctlError:
    """What a run ends in that had no answer at all."""
    return TargetError(
        f"the target could not be reached: {fault.code}: {fault.message}",
        "Check the URL, the network and the proxy settings.",
    )


def throttled_end(seconds: float, said: str) -> TargetError:
    """What a run ends in that is only throttled."""
    return TargetError(
        f"given up: for {seconds:,.0f} s the service let no request through: {said}",
        "Run it again later, or raise --patience.",
    )


def failing_end(requests: int, said: str) -> TargetError:
    """What a run ends in of whose requests too many failed in a row."""
    return TargetError(
        f"given up after {requests} failed requests in a row, the last: {said}",
        "Run it again when the service answers, or raise --give-up-after.",
    )


def fruitless_end(requests: int, said: str) -> TargetError:
    """What a run ends in of whose requests too many did nothing."""
    return TargetError(
        f"given up: {requests:,} requests in a row did nothing, the last: {said}",
        "See what the failures have in common, or raise --give-up-after.",
    )
