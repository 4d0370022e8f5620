"""Read a key that does not exist, several times, and draw one conclusion from the answers."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from kvsctl import codes
from kvsctl.bulk.retrying.give_up import refused_end, unreachable
from kvsctl.config.targets import Target
from kvsctl.errors import CredentialsError, KvsctlError, TargetError
from kvsctl.jobs.connect import connected, credentials_of
from kvsctl.model import GET, Identity, Record
from kvsctl.report.target.ping import Pinged, TokenShown
from kvsctl.service.auth.credentials import INSTALLATION_HEADER, Credentials
from kvsctl.service.bridges import UndescribedBridge
from kvsctl.service.client import StoreClient
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.wire import MetadataRequest, key_body

_KEY: Final = Identity(None, "kvsctl-ping")
"""A key that no app has, presumably. It does not matter whether it exists."""
_RECORD: Final = Record(0, "", 0, _KEY, key_body(_KEY), None)
_FINAL: Final = frozenset(
    {
        FaultKind.UNAUTHORISED,
        FaultKind.FORBIDDEN,
        FaultKind.UNTRUSTED,
        FaultKind.PROXY_REFUSED,
        FaultKind.MISDIRECTED,
    }
)
"""Faults that the next request would meet as well."""


class Ping(msgspec.Struct, frozen=True):
    """A target to ask, with `count` requests."""

    target: Target
    allow_http: bool
    timeout_seconds: float
    count: int


async def ping(job: Ping, epoch: Callable[[], float] = time.time) -> Pinged:
    """Ask the target. Return what was found out, with the error that it amounts to, if any.

    Raise UsageError, with nothing sent, for a target that cannot be used.
    """
    credentials = credentials_of(job.target, allow_http=job.allow_http)
    async with connected(
        job.target,
        credentials,
        timeout_seconds=job.timeout_seconds,
        asked=MetadataRequest(),
        wants_headers=job.target.is_bridge,
    ) as client:
        asking = _Asking(client)
        error = await asking.ask(job.count)
        return Pinged(
            job.target.display,
            job.target.installation,
            _token_shown(credentials, epoch()),
            tuple(asking.seconds),
            asking.failed,
            client.clock_offset_seconds,
            error,
            epoch(),
            asking.bridge_installation,
        )


def _token_shown(credentials: Credentials, now: float) -> TokenShown | None:
    if credentials.source_name is None:
        return None
    ends_at = credentials.ends_at
    if math.isinf(ends_at):
        return TokenShown(credentials.source_name)
    return TokenShown(credentials.source_name, ends_at, ends_at - now)


class _Asking:
    """Sends the requests of a ping."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client
        self.seconds: list[float] = []
        """The time of each request that the store answered."""
        self.failed = 0
        self.bridge_installation: str | None = None
        """The installation that a bridge is in, once it has answered to its token."""

    async def ask(self, count: int) -> KvsctlError | None:
        """Send `count` requests. Return the error that they amount to; None if one succeeded.

        Stop at the first fault that the next request would meet as well.
        """
        last: Fault | None = None
        for _ in range(count):
            try:
                fault = await self._ask_once()
            except (CredentialsError, UndescribedBridge) as error:
                return error
            if fault is None:
                continue
            self.failed += 1
            last = fault
            if fault.kind in _FINAL:
                return refused_end(fault)
            if fault.kind is FaultKind.UNREACHED and not self.seconds:
                break
        return None if last is None or self.seconds else _end_of(last)

    async def _ask_once(self) -> Fault | None:
        """Send one request, and once more with another token if the first is refused."""
        await self._client.prepare()
        answer = await self._client.call(GET, [_RECORD])
        self._note_installation(answer.headers)
        fault = answer.fault
        if fault is not None and fault.kind is FaultKind.UNAUTHORISED:
            if not await self._client.renew(answer.token):
                return fault
            answer = await self._client.call(GET, [_RECORD])
            fault = answer.fault
        if fault is not None and not fault.means_missing:
            return fault
        self.seconds.append(answer.elapsed_seconds)
        return None

    def _note_installation(self, headers: Sequence[str]) -> None:
        for line in headers:
            name, _, value = line.partition(": ")
            if name == f"< {INSTALLATION_HEADER}":
                self.bridge_installation = value


def _end_of(fault: Fault) -> KvsctlError:
    """Return the error of a target that did not answer any request as a store does."""
    said = f"{fault.code}: {fault.message}"
    if fault.is_throttled:
        return TargetError(
            f"the target answers every request with 429: {said}",
            "Its quota is used up, for now. Run the command again later.",
        )
    if fault.kind is FaultKind.REFUSED:
        return TargetError(f"the target refuses to read a key: {said}", "Check the URL.")
    if fault.code == codes.UNREADABLE_ANSWER:
        return TargetError(f"the target does not answer like the service: {said}", "Check the URL.")
    return unreachable(fault)
