"""A store that answers queries and batch/get, with faults and the freedoms that a service has."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kvsctl.model import Failure, Found, Record, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.auth.lifetime import TokenNeed
from kvsctl.service.client import Answer, QueryAnswer
from kvsctl.service.faults import Fault
from kvsctl.service.queries import Page, Query
from kvsctl.service.reply import Reply
from kvsctl.slabs import FoundSlab


@dataclass
class ListedStore:
    """Plain records, listed in key order by queries of `seconds` each.

    `lagging`: what queries see; None: `records`. `page`: the most records of a page.
    `has_times`: whether queries give created and updated. `fault` may return the fault of a query.
    """

    records: Mapping[str, Found]
    lagging: Mapping[str, Found] | None = None
    page: int = 100
    has_times: bool = True
    seconds: float = 0.1
    fault: Callable[[Query], Fault | None] = lambda _query: None
    queries: list[Query] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    most_in_flight: int = 0
    renewed: int = 0
    _in_flight: int = 0

    @property
    def token_need(self) -> TokenNeed:
        """No token is needed."""
        return TokenNeed.NONE

    @property
    def has_quick_token(self) -> bool:
        """Tokens need no command."""
        return True

    async def prepare(self) -> None:
        """There is no token to get."""

    async def renew(self, refused: Secret | None) -> bool:
        """Pretend to have another token, once."""
        del refused
        self.renewed += 1
        return self.renewed == 1

    def now(self) -> float:
        """The time of the loop, as epoch seconds."""
        return asyncio.get_running_loop().time()

    async def query(self, query: Query) -> QueryAnswer:
        """Answer a query."""
        self.queries.append(query)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self._in_flight -= 1
        fault = self.fault(query)
        if fault is not None:
            return QueryAnswer(None, fault, fault.status, self.seconds, 10, 10, None, None)
        page = self._page(query)
        return QueryAnswer(page, None, 200, self.seconds, 10, page.body_bytes, None, None)

    def _page(self, query: Query) -> Page:
        seen = self.records if self.lagging is None else self.lagging
        keys = sorted(key for key in seen if key.startswith(query.prefix))
        start = 0 if query.cursor is None else bisect_right(keys, query.cursor)
        stop = start + min(query.limit, self.page)
        part = keys[start:stop]
        found = [seen[key] for key in part]
        if not self.has_times:
            found = [Found(one.value, None, None, one.expire_time) for one in found]
        size = sum(len(one.value) for one in found)
        return Page(part, FoundSlab.of(found), part[-1] if stop < len(keys) else None, size)

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        """Answer a batch/get."""
        assert verb is Verb.GET
        await asyncio.sleep(self.seconds)
        self.read += [record.identity.key for record in records]
        found = {
            record.identity: self.records[record.identity.key]
            for record in records
            if record.identity.key in self.records
        }
        missing = {
            record.identity: Failure("KEY_NOT_FOUND", "Provided key does not exist")
            for record in records
            if record.identity not in found
        }
        return Answer(Reply(found, missing), None, 200, self.seconds, 10, 10, None, None)
