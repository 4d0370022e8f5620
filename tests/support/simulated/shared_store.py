"""A store that lags in its queries, and to which someone else writes: for clean-ups."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from kvsctl.bulk.packing.rule import body_bytes
from kvsctl.jsontext import members
from kvsctl.model import Failure, Found, Identity, Record, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.auth.lifetime import TokenNeed
from kvsctl.service.client import Answer, QueryAnswer
from kvsctl.service.queries import Page, Query
from kvsctl.service.reply import Reply
from kvsctl.slabs import FoundSlab

Write: TypeAlias = tuple[float, str, Found | None]
"""When someone writes which key: a record, or None to delete it."""
_SECONDS = 0.1


@dataclass
class SharedStore:
    """Plain records. Queries see them as they were `lag_seconds` before; batches as they are.

    `others`: what someone else writes, in the order of time. `deleted`: what this run has deleted,
    each with the time of the newest read of its key by this run, and what was read and deleted.
    `written`: what it has written, with what was read and replaced.
    """

    records: dict[str, Found]
    lag_seconds: float = 0.0
    others: Sequence[Write] = ()
    page: int = 3
    deleted: list[tuple[str, Found | None, Found | None]] = field(default_factory=list)
    written: list[tuple[str, Found | None, Found | None]] = field(default_factory=list)
    queried: int = 0
    _read: dict[str, Found | None] = field(default_factory=dict)
    _past: list[tuple[float, dict[str, Found]]] = field(default_factory=list)

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
        """There is no other token."""
        del refused
        return False

    def now(self) -> float:
        """The time of the loop, as epoch seconds."""
        return asyncio.get_running_loop().time()

    def apply_others(self) -> None:
        """Apply what others have written up to now."""
        if not self._past:
            self._past.append((float("-inf"), dict(self.records)))
        left = list(self.others)
        while left and left[0][0] <= self.now():
            moment, key, found = left.pop(0)
            if found is None:
                self.records.pop(key, None)
            else:
                self.records[key] = found
            self._past.append((moment, dict(self.records)))
        self.others = left

    async def query(self, query: Query) -> QueryAnswer:
        """Answer a query from the past."""
        self.queried += 1
        await asyncio.sleep(_SECONDS)
        self.apply_others()
        seen = self._seen()
        keys = sorted(key for key in seen if key.startswith(query.prefix))
        after = [key for key in keys if query.cursor is None or key > query.cursor]
        part = after[: min(query.limit, self.page)]
        cursor = part[-1] if len(part) < len(after) else None
        found = FoundSlab.of([seen[key] for key in part])
        size = sum(len(one) for one in found.values)
        return QueryAnswer(Page(part, found, cursor, size), None, 200, _SECONDS, 10, size, "", None)

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        """Answer a batch/get, batch/set or batch/delete from the present."""
        await asyncio.sleep(_SECONDS / 2)
        self.apply_others()
        succeeded: dict[Identity, Found | None] = {}
        failed: dict[Identity, Failure] = {}
        for record in records:
            key = record.identity.key
            held = self.records.get(key)
            if verb is Verb.DELETE:
                self.deleted.append((key, self._read.pop(key, None), held))
                self.records.pop(key, None)
                self._past.append((self.now(), dict(self.records)))
                succeeded[record.identity] = None
                continue
            if verb is Verb.SET:
                self.written.append((key, self._read.pop(key, None), held))
                self.records[key] = self._found(record)
                self._past.append((self.now(), dict(self.records)))
                succeeded[record.identity] = None
                continue
            self._read[key] = held
            if held is None:
                failed[record.identity] = Failure("KEY_NOT_FOUND", "said the service", "trace")
            else:
                succeeded[record.identity] = held
        reply = Reply(succeeded, failed)
        await asyncio.sleep(_SECONDS / 2)
        return Answer(reply, None, 200, _SECONDS, body_bytes(records), 100, "trace", None)

    def _found(self, record: Record) -> Found:
        """Return what a set writes. Its ttl is in seconds."""
        given = members(record.body)
        ttl = json.loads(given["options"])["ttl"]
        assert ttl["unit"] == "SECONDS"
        expires_at = datetime.fromtimestamp(self.now() + ttl["value"], UTC)
        now_ms = round(self.now() * 1000)
        return Found(given["value"], now_ms, now_ms, expires_at.isoformat())

    def _seen(self) -> dict[str, Found]:
        until = self.now() - self.lag_seconds
        return next(state for moment, state in reversed(self._past) if moment <= until)
