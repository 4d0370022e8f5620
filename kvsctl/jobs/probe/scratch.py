"""Send requests about scratch records, note which may have been written, and remove them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from kvsctl.bulk.retrying.give_up import refused_end, throttled_end, unreachable
from kvsctl.codes import KEY_NOT_FOUND, NOT_FOUND, SCHEMA_NOT_FOUND
from kvsctl.errors import KvsctlError, TargetError
from kvsctl.jsontext import elements, json_line, members
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Identity
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.raw import RawAnswer, RawClient
from kvsctl.service.wire import key_body

_T = TypeVar("_T")

SET: Final = "/v1/batch/set"
GET: Final = "/v1/batch/get"
DELETE: Final = "/v1/batch/delete"
QUERY: Final = "/v1/query"
_READS: Final = frozenset({GET, QUERY})
LIFETIME: Final = {"ttl": {"value": 1, "unit": "DAYS"}}
"""The options of scratch records: the service removes them, if nothing else does."""
_METADATA: Final = ["CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"]
_ATTEMPTS: Final = 6
_PAUSE_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 300.0
_FINAL: Final = frozenset(
    {
        FaultKind.UNAUTHORISED,
        FaultKind.FORBIDDEN,
        FaultKind.UNTRUSTED,
        FaultKind.PROXY_REFUSED,
        FaultKind.MISDIRECTED,
    }
)
_GONE: Final = frozenset({KEY_NOT_FOUND, NOT_FOUND, SCHEMA_NOT_FOUND})
"""The codes of a read that say that a record does not exist."""
Sleep: TypeAlias = Callable[[float], Awaitable[None]]


class Stopped(Exception):
    """The probe was stopped before the question was answered."""


class Lists(msgspec.Struct, frozen=True):
    """The two lists of a batch's answer, by key: the members of records, the codes of failures."""

    succeeded: Mapping[str, Mapping[str, bytes]]
    failed: Mapping[str, str]


def lists_of(answer: RawAnswer) -> Lists:
    """Return the lists of an answer; of a refusal, empty ones. Raise TargetError."""
    if answer.fault is not None:
        return Lists({}, {})
    try:
        found = members(answer.body)
        succeeded = [members(one) for one in elements(found["successfulKeys"])]
        failed = msgspec.json.decode(found["failedKeys"], type=list[dict[str, Any]])
        codes = {str(one["key"]): str(one["error"]["code"]) for one in failed}
        return Lists({msgspec.json.decode(one["key"], type=str): one for one in succeeded}, codes)
    except (KeyError, TypeError, ValueError):
        raise unlike_the_service() from None


def unlike_the_service() -> TargetError:
    """Return the error for an answer that the service never gives."""
    return TargetError(
        "the target does not answer like the service: cannot read the answer", "Check the URL."
    )


def item(key: str, value: bytes, **others: Any) -> bytes:
    """Return a record of a batch/set; `others` are members besides key and value."""
    rest = b"".join(b",%b:%b" % (json_line(name), json_line(one)) for name, one in others.items())
    return b'{"key":%b,"value":%b%b}' % (json_line(key), value, rest)


def batch(items: Iterable[bytes]) -> bytes:
    """Return the body of a batch."""
    return b"[%b]" % b",".join(items)


class Scratch:
    """The scratch records of one probe, below one prefix. All writes go through it.

    A key counts as written from before its request is sent until a read shows that it is gone, or
    until the target refuses all writes, if no earlier request may have written anything. After
    `stop` and until the clean-up, requests and pauses raise Stopped.
    """

    def __init__(
        self, client: RawClient, prefix: str, now: Callable[[], float], sleep: Sleep
    ) -> None:
        self.prefix = prefix
        self.now = now
        self.in_flight = 0
        self._sleep = sleep
        self._stopped = asyncio.Event()
        self._is_cleaning = False
        self._client = client
        self._written: dict[Identity, None] = {}
        self._may_hold_some = False
        """Whether a request that writes may have been carried out."""

    @property
    def written(self) -> Sequence[Identity]:
        """The records that may exist."""
        return list(self._written)

    def stop(self) -> None:
        """Begin only the clean-up from now on. Requests in flight are finished."""
        self._stopped.set()

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds`. Raise Stopped if that is cut short."""
        if self._is_cleaning:
            await self._sleep(seconds)
            return
        self._require_going()
        waiting = [
            asyncio.ensure_future(self._sleep(seconds)),
            asyncio.ensure_future(self._stopped.wait()),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
        self._require_going()

    def _require_going(self) -> None:
        if self._stopped.is_set() and not self._is_cleaning:
            raise Stopped

    def key(self, name: str) -> str:
        """Return the scratch key of this name."""
        return self.prefix + name

    def note(self, *keys: str, entity: str | None = None) -> None:
        """Note keys that are about to be written."""
        self._written.update(dict.fromkeys(Identity(entity, key) for key in keys))

    async def set(self, name: str, value: bytes, options: Any = LIFETIME) -> RawAnswer:
        """Write one record. `options` None: without ttl."""
        self.note(self.key(name))
        others = {} if options is None else {"options": options}
        return await self.request(SET, batch([item(self.key(name), value, **others)]))

    async def get(self, name: str) -> Mapping[str, bytes] | None:
        """Return the members of a record, metadata included; None if it does not exist."""
        key = self.key(name)
        body = json_line([{"key": key, "options": {"metadataFields": _METADATA}}])
        return lists_of(await self.request(GET, body)).succeeded.get(key)

    async def listed(self, name: str) -> Mapping[str, bytes] | None:
        """Return the members of a record as a query shows it; None if it does not."""
        key = self.key(name)
        where = [{"property": "key", "condition": "BEGINS_WITH", "values": [key]}]
        body = {"where": where, "limit": 10, "options": {"metadataFields": _METADATA}}
        answer = await self.request(QUERY, json_line(body))
        if answer.fault is not None:
            return None
        try:
            records = [members(text) for text in elements(members(answer.body)["data"])]
        except (KeyError, ValueError):
            raise unlike_the_service() from None
        return next((one for one in records if one.get("key") == json_line(key)), None)

    async def request(self, path: str, body: bytes, *, waits: bool = True) -> RawAnswer:
        """Send a request until it is answered or refused. With `waits`, also while throttled.

        Raise TargetError or CredentialsError if retries are exhausted.
        """
        attempts, waited = 0, 0.0
        while True:
            answer = await self._once(path, body)
            fault = answer.fault
            if fault is None or answer.is_refusal or (fault.is_throttled and not waits):
                return answer
            is_unauthorised = fault.kind is FaultKind.UNAUTHORISED
            if is_unauthorised and await self._awaited(self._client.renew(answer.token)):
                fault = None
            elif fault.kind in _FINAL:
                if not (self._may_hold_some or self.in_flight):
                    self._written.clear()
                raise refused_end(fault)
            attempts += 1
            pause = _pause_after(fault, attempts)
            if fault is not None and fault.is_throttled:
                waited += pause
                if waited > _PATIENCE_SECONDS:
                    raise throttled_end(waited, f"{fault.code}: {fault.message}")
            elif attempts >= _ATTEMPTS:
                raise _given_up(fault)
            await self.pause(pause)

    async def _once(self, path: str, body: bytes) -> RawAnswer:
        self._require_going()
        await self._awaited(self._client.prepare())
        self.in_flight += 1
        may_be_applied = True  # also if the request is cut off
        try:
            answer = await self._client.post(path, body)
            may_be_applied = answer.fault is None or answer.fault.may_be_applied
            return answer
        finally:
            self.in_flight -= 1
            self._may_hold_some = self._may_hold_some or (path not in _READS and may_be_applied)

    async def _awaited(self, token: Coroutine[Any, Any, _T]) -> _T:
        """Get a token. Raise Stopped if a stop makes it useless: there is nothing to remove."""
        getting = asyncio.ensure_future(token)
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait([getting, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not (getting.done() or self._is_cleaning or self._may_hold_some or self.in_flight):
                self._written.clear()
                raise Stopped
            return await getting
        finally:
            getting.cancel()
            stopped.cancel()

    async def remove_all(self) -> KvsctlError | None:
        """Delete what was written, and forget what is gone. Return why any may be left."""
        self._is_cleaning = True
        error: KvsctlError | None = None
        for entity in dict.fromkeys(one.entity for one in self._written):
            mine = [one for one in self._written if one.entity == entity]
            for start in range(0, len(mine), DEFAULT_LIMITS.batch_records):
                try:
                    await self._remove(mine[start : start + DEFAULT_LIMITS.batch_records])
                except KvsctlError as failed:
                    error = failed
        return error

    async def _remove(self, some: Sequence[Identity]) -> None:
        """Delete records, at most a batch, and forget keys that a read does not find."""
        body = batch(key_body(one) for one in some)
        await self.request(DELETE, body)
        answer = await self.request(GET, body)
        if answer.fault is not None:
            # The store has no such entity, so none of its records. Any other refusal says nothing.
            if some[0].entity is not None and answer.fault.code == SCHEMA_NOT_FOUND:
                self._forget(some)
            return
        found = lists_of(answer)
        self._forget(
            one
            for one in some
            if found.failed.get(one.key, KEY_NOT_FOUND) in _GONE and one.key not in found.succeeded
        )

    def _forget(self, some: Iterable[Identity]) -> None:
        for one in some:
            self._written.pop(one, None)


def _pause_after(fault: Fault | None, attempts: int) -> float:
    if fault is None:
        return 0.0
    pause: float = _PAUSE_SECONDS * 2 ** min(attempts - 1, 6)
    return max(pause, fault.retry_after_seconds or 0.0)


def _given_up(fault: Fault | None) -> KvsctlError:
    assert fault is not None  # noqa: S101 - a token that was renewed and refused is one
    return unreachable(fault)
