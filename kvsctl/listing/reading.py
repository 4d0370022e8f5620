"""Read one page, with every retry that it needs, at the pace of the installation."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, Protocol, TypeAlias

from msgspec.structs import replace

from kvsctl.bulk.events import Event, WaitReason, request_ended, waiting_after
from kvsctl.bulk.pacing.charges import charged_units, note_end
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.budget import RetryBudget
from kvsctl.bulk.retrying.give_up import Patience, refused_end, unreachable
from kvsctl.bulk.retrying.policy import MOST_RENEWALS, RANDOM, EndRun, Renew, Wait, is_strike
from kvsctl.errors import TargetError
from kvsctl.model import GET
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.client import QueryAnswer
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.queries import Page, Query

_SHORT_WAIT_SECONDS: Final = 0.5
"""Shorter waits are not reported to listeners."""
_SMALL_PAGE: Final = 20
"""The largest page according to a comment in the vendor's code (contract: section "Limits")."""
_PAGE_CODES: Final = frozenset(
    {"LIST_QUERY_LIMIT_EXCEEDED", "COMPLEX_QUERY_PAGE_LIMIT_NOT_IN_RANGE"}
)


class CursorRefused(Exception):
    """The service refused the cursor of a query: what follows must be reached in another way."""


class PrefixRefused(Exception):
    """The service refused to list an entity by a prefix, which its documents do not promise."""


ReadPage: TypeAlias = Callable[[Query], Awaitable[Page]]
"""Reads one page, with all retries.

Raises CursorRefused or PrefixRefused, or KvsctlError if the run must end.
"""


class QueryCaller(Protocol):
    """What a listing needs of the service: see `service.client.StoreClient`."""

    async def prepare(self) -> None:
        """Get the token that requests need. Send nothing. Raise CredentialsError."""
        ...

    async def query(self, query: Query) -> QueryAnswer:
        """Send one query. `prepare` was called before."""
        ...

    async def renew(self, refused: Secret | None) -> bool:
        """Replace the refused token. Return whether there is another one."""
        ...

    def now(self) -> float:
        """Return the time by the service's clock, in epoch seconds."""
        ...


class PageReader:
    """Reads pages for several chains of queries. `read` may be called by all of them at once.

    `plan` says how it retries, and when it gives up. `emit` receives an event for each query that
    ended, and for waits. Close it at the end.
    """

    def __init__(
        self,
        service: QueryCaller,
        pacer: Pacer,
        plan: RunPlan,
        emit: Callable[[Event], None],
        *,
        random: Random | None = None,
    ) -> None:
        self._service = service
        self._pacer = pacer
        self._retry = plan.retry
        self._patience = Patience(plan.give_up_after, plan.patience_seconds)
        self._emit = emit
        self._budget = RetryBudget()
        self._random = random or RANDOM
        self._now = asyncio.get_running_loop().time
        self._request_ended = asyncio.Event()
        self._most_records = math.inf
        self._is_closed = False
        self._was_answered = False
        self._refusal: Fault | None = None
        """The last fault that the pacer holds requests back for."""
        self.in_flight = 0
        self._ended = self._request_ended.set
        pacer.subscribe(self._ended)

    def close(self) -> None:
        """Release the pacer. Calling it again does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._pacer.unsubscribe(self._ended)

    async def read(self, query: Query) -> Page:
        """Return the page that a query asks for.

        Raise CursorRefused if the service refuses a query with a cursor, and PrefixRefused if it
        refuses one of an entity with a prefix. Raise TargetError or CredentialsError if retries,
        patience or tokens are exhausted.
        """
        attempts, strikes, renewals = 0, 0, 0
        while True:
            if query.limit > self._most_records:
                query = replace(query, limit=int(self._most_records))
            attempts += 1
            round_ = self._patience.rounds_begun
            answer = await self._send(query, is_retry=attempts > 1)
            if answer.page is not None:
                self._budget.note_success()
                self._patience.note_answer(did_something=True, last="")
                return answer.page
            fault = answer.fault
            assert fault is not None  # noqa: S101
            if fault.kind is FaultKind.UNAUTHORISED:
                renewals += 1
                if renewals > MOST_RENEWALS or not await self._service.renew(answer.token):
                    raise refused_end(fault)
                continue
            if fault.code in _PAGE_CODES and query.limit > _SMALL_PAGE:
                self._most_records = _SMALL_PAGE
                continue
            strikes += is_strike(fault)
            await self._after_fault(query, fault, strikes, attempts, round_)

    async def _after_fault(
        self, query: Query, fault: Fault, strikes: int, attempts: int, round_: int
    ) -> None:
        """Wait until the query may be sent again. Otherwise raise the error that ends the run."""
        if fault.kind is FaultKind.REFUSED:
            if query.cursor is not None:
                raise CursorRefused
            if query.entity is not None and query.prefix:
                raise PrefixRefused
            raise TargetError(
                f"the target refused to list keys: {fault.code}: {fault.message}",
                "Check the URL and the selection.",
            )
        now = self._now()
        ending = self._patience.note_fault(fault, now, counts=True, begun_in=round_)
        tries = attempts if fault.is_rate_limited else strikes
        match self._retry.decide(fault, tries, 1, self._random):
            case EndRun() | Renew():
                raise refused_end(fault)
            case Wait(seconds) if ending is None:
                seconds = max(seconds, self._budget.take(now))
                self._note_wait(_reason(fault), seconds, fault)
                await asyncio.sleep(seconds)
            case _ if not self._was_answered:
                raise unreachable(fault)
            case _:
                raise ending or TargetError(
                    f"gave up listing keys after {tries} attempts, the last: "
                    f"{fault.code}: {fault.message}",
                    "Run the command again when the service answers, or raise --retries.",
                )

    async def _send(self, query: Query, *, is_retry: bool) -> QueryAnswer:
        await self._service.prepare()
        units = self._pacer.expected_units(query.limit)
        await self._await_turn(units)
        start = self._pacer.start(units, query.limit, reads=True)
        self.in_flight += 1
        try:
            answer = await self._service.query(query)
        except BaseException:  # the service may have charged for it
            self._pacer.end(start, requests=1, units=start.reserved)
            raise
        finally:
            self.in_flight -= 1
        page, fault = answer.page, answer.fault
        self._was_answered = self._was_answered or answer.status is not None
        charged, found = charged_units(answer, reads=True), 0 if page is None else len(page.keys)
        self._emit(request_ended(GET, answer, found, charged, is_retry=is_retry, is_query=True))
        if fault is not None and fault.is_rate_limited:
            self._refusal = fault
            self._pacer.refuse(start, self._retry.asked_seconds(fault))
        else:
            note_end(self._pacer, start, answer, charged, found)
        return answer

    async def _await_turn(self, units: int) -> None:
        """Wait until the pace allows a query. Raise TargetError if patience ends first."""
        while (wait_seconds := self._pacer.wait_seconds(units, reads=True)) > 0:
            now = self._now()
            if end := self._patience.overdue(now):
                raise end
            self._request_ended.clear()
            seconds = min(wait_seconds, self._patience.throttled_until - now)
            if self._pacer.refused_seconds(reads=True) > 0:
                self._note_wait(WaitReason.THROTTLED, seconds, self._refusal)
            else:
                self._note_wait(WaitReason.QUOTA, seconds)
            try:
                async with asyncio.timeout(seconds if seconds < math.inf else None):
                    await self._request_ended.wait()
            except TimeoutError:
                continue

    def _note_wait(self, reason: WaitReason, seconds: float, fault: Fault | None = None) -> None:
        if _SHORT_WAIT_SECONDS <= seconds < math.inf:
            self._emit(waiting_after(reason, seconds, fault))


def _reason(fault: Fault) -> WaitReason:
    if fault.is_throttled:
        return WaitReason.THROTTLED
    is_unreached = fault.kind is FaultKind.UNREACHED
    return WaitReason.UNREACHABLE if is_unreached else WaitReason.FAILING
