"""When to give up a run in which nothing succeeds any more, and the error that says why.

Pure; the caller gives the time.
"""

import math
from typing import Final

from kvsctl import codes
from kvsctl.errors import CredentialsError, KvsctlError, TargetError
from kvsctl.service.faults import Fault, FaultKind

_FRUITLESS_FACTOR: Final = 50
"""A run ends after this many times `give_up_after` consecutive requests that achieved nothing.

That is far more than for failed requests, because the reason may lie in the input: a run must
survive a series of records that the service refuses one by one.
"""

_LONG_OUTAGE_SECONDS: Final = 20.0
"""One outage fails every request in flight.

That burst counts as consecutive failures only if it lasts this long.
"""

_NO_PROGRESS_SECONDS: Final = 60.0
"""How long 200 answers may name none of the keys of their requests."""


class Patience:
    """Counts consecutive failures, and returns the error that ends the run when there are too many.

    Four things are counted: consecutive failed requests, consecutive requests that achieved
    nothing, consecutive 200 answers that named none of the keys asked for, and the time in which
    the service answered nothing but 429. A refused token counts for none of them.

    If the service asks for a wait that exceeds that time, the run ends at once.

    Failed requests end the run when `give_up_after` of them failed one after another. Requests that
    were in flight together and failed together end it only if that many failures last 20 seconds.
    """

    def __init__(self, give_up_after: int, patience_seconds: float) -> None:
        self._give_up_after = give_up_after
        self._patience_seconds = patience_seconds
        self._failed = 0
        self._failing_since = 0.0
        self._fruitless = 0
        self._lacking = 0
        self._lacking_since = 0.0
        self._throttled = 0
        self._throttled_since: float | None = None
        self._last_throttled = ""

        self.rounds_begun = 0
        """Grows with each failed round. Requests that began in the same round fail together."""
        self.rounds_failed = 0
        """How many consecutive rounds have failed."""

    @property
    def consecutive_throttled(self) -> int:
        """How many consecutive requests were throttled."""
        return self._throttled

    def note_answer(
        self, *, did_something: bool, last: str, is_lacking: bool = False
    ) -> TargetError | None:
        """Note a request that was answered. Return the error that ends the run, if it must end.

        `did_something`: at least one of its records succeeded, was read, or is known not to exist.
        `last` describes the answer for the error message. `is_lacking`: see `note_lacking`.
        """
        self._lacking = self._lacking if is_lacking else 0
        self._failed = self._throttled = self.rounds_failed = 0
        self._throttled_since = None
        self._fruitless = 0 if did_something else self._fruitless + 1
        return self._fruitless_end(last)

    def note_lacking(self, now: float, lacked: str, *, counts: bool) -> TargetError | None:
        """Note a 200 answer that named none of its keys. Return the error that ends the run.

        `lacked` describes the answer. `counts`: the number of such answers may end the run, not
        only the time without any other answer.
        """
        if not self._lacking:
            self._lacking_since = now
        self._lacking += 1
        are_many = counts and self._lacking >= self._give_up_after
        if are_many or now - self._lacking_since >= _NO_PROGRESS_SECONDS:
            return lacking_end(self._lacking, lacked)
        return None

    def note_fault(
        self, fault: Fault, now: float, *, counts: bool, begun_in: int
    ) -> TargetError | None:
        """Note a request that failed. Return the error that ends the run, if it must end.

        `counts`: whether it may count as a consecutive failure; a 429 and a 401 never do.
        `begun_in`: the value of `rounds_begun` when it was sent.
        """
        if fault.kind is FaultKind.UNAUTHORISED:
            return None
        said = f"{fault.code}: {fault.message}"
        self._fruitless += 1
        asked_seconds = fault.retry_after_seconds or 0.0
        if fault.is_throttled:
            return self._note_throttled(now, said, asked_seconds) or self._fruitless_end(said)
        if asked_seconds > self._patience_seconds:
            return asked_end(asked_seconds, self._patience_seconds, said)
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

    def _note_throttled(self, now: float, said: str, asked_seconds: float) -> TargetError | None:
        self._throttled += 1
        self._last_throttled = said
        if self._throttled_since is None:
            self._throttled_since = now
        if asked_seconds and now + asked_seconds > self.throttled_until > now:
            waited_seconds = now - self._throttled_since
            return asked_end(asked_seconds, self._patience_seconds, said, waited_seconds)
        return self.overdue(now)

    @property
    def throttled_until(self) -> float:
        """When the run ends if the service answers nothing but 429 until then; else infinite."""
        since = self._throttled_since
        return math.inf if since is None else since + self._patience_seconds

    def overdue(self, now: float) -> TargetError | None:
        """Return the error that ends the run if `throttled_until` is past."""
        if self._throttled_since is None or now < self.throttled_until:
            return None
        return throttled_end(now - self._throttled_since, self._last_throttled)

    def _fruitless_end(self, said: str) -> TargetError | None:
        if self._fruitless < self._give_up_after * _FRUITLESS_FACTOR:
            return None
        return fruitless_end(self._fruitless, said)


def refused_end(fault: Fault) -> KvsctlError:
    """Return the error of a run after a fault that no other request can avoid."""
    said = f"{fault.code}: {fault.message}" + (
        f" (trace {fault.trace_id})" if fault.trace_id else ""
    )
    if fault.kind is FaultKind.MISDIRECTED:
        return TargetError(f"the target does not answer like the service: {said}", "Check the URL.")
    if fault.kind is FaultKind.UNTRUSTED:
        return TargetError(
            f"cannot trust the target: {said}",
            "Set SSL_CERT_FILE to a PEM file with the certificates of the authorities to trust, "
            "or check the URL and the server's certificate.",
        )
    if fault.kind is FaultKind.PROXY_REFUSED:
        return TargetError(
            f"cannot reach the target through the proxy: {said}",
            "Set HTTPS_PROXY (HTTP_PROXY for http) to http://USER:PASSWORD@HOST:PORT if the proxy "
            "needs a password, or add the target's host to NO_PROXY.",
        )
    return CredentialsError(f"the target refused the credentials: {said}", _refused_hint(fault))


_BRIDGE_HINTS: Final = {
    codes.WRONG_INSTALLATION: "Give the id of the installation that the bridge is in, or the URL "
    "of the bridge in the installation that you mean.",
    codes.READ_ONLY_TOKEN: "Provide the token that may write, with --token-file or "
    "--token-command, or in the configuration of the target.",
}
"""What to do about requests that a bridge refuses, by its codes."""


def _refused_hint(fault: Fault) -> str:
    if fault.takes_no_token:
        return (
            "The proxy of a container takes no token. Check that FORGE_EGRESS_PROXY_URL is its "
            "URL, and that the app is installed where the command works."
        )
    if fault.code in _BRIDGE_HINTS:
        return _BRIDGE_HINTS[fault.code]
    if fault.kind is FaultKind.UNAUTHORISED:
        return (
            "The token is missing, wrong or expired. Provide a new one with KVSCTL_TOKEN, "
            "--token-file or --token-command."
        )
    return "The token has no permission to use the store, or the URL is wrong."


def too_many_failures(count: int) -> KvsctlError:
    """Return the error of a run with as many failed records as `--max-failures` allows."""
    return TargetError(
        f"gave up after {count:,} failed records: --max-failures was reached",
        "Correct the records that failed, or raise --max-failures.",
    )


def unreachable(fault: Fault) -> KvsctlError:
    """Return the error of a job that got no answer or, if the fault has a status, only failures."""
    if fault.status is not None:
        return TargetError(
            f"the target fails: {fault.code}: {fault.message}", "Run the command again later."
        )
    return TargetError(
        f"cannot reach the target: {fault.code}: {fault.message}",
        "Check the URL, the network and the proxy settings.",
    )


def throttled_end(seconds: float, said: str) -> TargetError:
    """Return the error of a run that got nothing but 429 responses."""
    return TargetError(
        f"gave up after {seconds:,.0f} s of nothing but 429 responses, the last: {said}",
        "Run the command again later, or raise --patience.",
    )


def asked_end(
    asked_seconds: float, patience_seconds: float, said: str, waited_seconds: float = 0.0
) -> TargetError:
    """Return the error of a run that the service asks to wait longer than its patience."""
    waited = f" after {waited_seconds:,.0f} s of nothing but 429 responses"
    return TargetError(
        f"gave up because the service asks to wait {asked_seconds:,.0f} s"
        f"{waited if waited_seconds >= 1 else ''}, longer than --patience "
        f"({patience_seconds:g} s) allows: {said}",
        "Run the command again after that time, or raise --patience.",
    )


def failing_end(requests: int, said: str) -> TargetError:
    """Return the error of a run with too many consecutive failed requests."""
    return TargetError(
        f"gave up after {requests} consecutive failed requests, the last: {said}",
        "Run the command again when the service answers, or raise --give-up-after.",
    )


def fruitless_end(requests: int, said: str) -> TargetError:
    """Return the error of a run with too many consecutive requests that achieved nothing."""
    return TargetError(
        f"gave up after {requests:,} consecutive requests without a success, the last: {said}",
        "Check what the failures have in common, or raise --give-up-after.",
    )


def lacking_end(answers: int, lacked: str) -> TargetError:
    """Return the error of a run whose answers named none of the keys that were sent."""
    return TargetError(
        f"gave up after {answers} consecutive answers with status 200 {lacked}",
        "Check that the URL is that of the service, and that nothing changes its answers.",
    )
