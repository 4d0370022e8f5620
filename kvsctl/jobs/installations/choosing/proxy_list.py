"""List an app's installations through the proxy of its container, at the pace that it allows."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random
from typing import Final, Protocol

from kvsctl.bulk.pacing.window import Gauge
from kvsctl.bulk.retrying.give_up import asked_end, refused_end, unreachable
from kvsctl.bulk.retrying.policy import RetryPolicy, Wait, is_strike
from kvsctl.errors import TargetError
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.installations import Installation, InstallationsPage

REQUESTS_PER_MINUTE: Final = 100
"""The quota of the list, for the whole app (contract: section "Where and who")."""
_MINUTE_SECONDS: Final = 60.0
_LONGEST_WAIT_SECONDS: Final = 300.0
_NOT_FOUND: Final = 404


class PageSource(Protocol):
    """What lists a page: see `service.installations.InstallationsClient`."""

    async def page(
        self, cursor: str | None, *, older: bool, now: float
    ) -> InstallationsPage | Fault:
        """Return the page at `cursor`, or the fault of the request."""
        ...


class ProxyList:
    """The pages of a list, each request retried and all of them kept to the quota.

    The older path is asked if the newer one does not exist. `retry` decides about failed requests.
    """

    def __init__(
        self,
        source: PageSource,
        retry: RetryPolicy,
        *,
        random: Random | None = None,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._retry = retry
        self._random = random or Random()  # noqa: S311 - no secret
        self._epoch = epoch
        self._gauge = Gauge(_MINUTE_SECONDS, REQUESTS_PER_MINUTE)
        self._is_older = False
        self._was_answered = False

    async def pages(self) -> AsyncIterator[Sequence[Installation]]:
        """Yield the installations, page by page; each installation once.

        Raise TargetError or CredentialsError if the list cannot be read to its end: a part of it
        must never pass for the whole.
        """
        cursor: str | None = None
        cursors: set[str] = set()
        seen: set[str] = set()
        while True:
            page = await self._page(cursor)
            new = {one.id: one for one in page.installations if one.id not in seen}
            seen.update(new)
            yield list(new.values())
            cursor = page.cursor
            if cursor is None:
                return
            if cursor in cursors:
                raise TargetError(
                    "the list of installations does not end: a cursor was returned twice",
                    "Check FORGE_EGRESS_PROXY_URL.",
                )
            cursors.add(cursor)

    async def _page(self, cursor: str | None) -> InstallationsPage:
        attempts, strikes = 0, 0
        while True:
            attempts += 1
            answer = await self._asked(cursor)
            if isinstance(answer, InstallationsPage):
                return answer
            if answer.status == _NOT_FOUND and cursor is None and not self._is_older:
                self._is_older = True
                continue
            strikes += is_strike(answer)
            await self._wait(answer, attempts if answer.is_rate_limited else strikes)

    async def _asked(self, cursor: str | None) -> InstallationsPage | Fault:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(self._gauge.wait_seconds(now(), 1))
        self._gauge.start(1)
        answer: InstallationsPage | Fault | None = None
        try:
            answer = await self._source.page(cursor, older=self._is_older, now=self._epoch())
        finally:
            self._gauge.end(now(), 1, 1)
        is_answered = not isinstance(answer, Fault) or answer.status is not None
        self._was_answered = self._was_answered or is_answered
        return answer

    async def _wait(self, fault: Fault, tries: int) -> None:
        """Wait until the page can be requested again. Otherwise raise the error that says why."""
        asked_seconds = self._retry.asked_seconds(fault)
        if asked_seconds > _LONGEST_WAIT_SECONDS:
            said = f"{fault.code}: {fault.message}"
            raise asked_end(asked_seconds, _LONGEST_WAIT_SECONDS, said)
        if fault.kind is FaultKind.REFUSED:
            raise TargetError(
                f"the proxy refused to list the installations: {fault.code}: {fault.message}",
                "Check FORGE_EGRESS_PROXY_URL.",
            )
        decision = self._retry.decide(fault, tries, 1, self._random)
        if isinstance(decision, Wait):
            await asyncio.sleep(decision.seconds)
            return
        if fault.kind in (FaultKind.UNREACHED, FaultKind.UNANSWERED) and not self._was_answered:
            raise unreachable(fault)
        if is_strike(fault) or fault.is_rate_limited:
            raise TargetError(
                f"gave up listing installations after {tries} attempts, the last: "
                f"{fault.code}: {fault.message}",
                "Run the command again when the proxy answers.",
            )
        raise refused_end(fault)
