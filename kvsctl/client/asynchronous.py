"""The client for callers with an event loop."""

import asyncio
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, TypeAlias, TypeVar, Unpack

from msgspec.structs import replace

from kvsctl.bulk.events import Listener
from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.run import Run
from kvsctl.bulk.stopping import retrieve_error
from kvsctl.client.feeds import CallerFeed, caller_feed
from kvsctl.client.items import Items, Key
from kvsctl.client.opening import Access, Opening, Settings
from kvsctl.client.results import Collector, Result
from kvsctl.client.stream import ReadRecord, Stream
from kvsctl.errors import KvsctlError, UsageError, WorkLeft
from kvsctl.model import Verb
from kvsctl.service.client import StoreClient
from kvsctl.service.transport.carrier import Carrier

_T = TypeVar("_T")
Given: TypeAlias = Iterable[_T] | AsyncIterable[_T]
"""What a call works on: any iterable, async ones too."""


class _Stoppable(Protocol):
    def abort(self) -> None: ...
    def wake(self) -> None: ...


class _Session(NamedTuple):
    """What a client has while it is open. All its calls share one quota."""

    service: StoreClient
    pacer: Pacer
    loop: asyncio.AbstractEventLoop


class _Reading(NamedTuple):
    """A run that reads, the work that carries it out, and the caller's feed, if it has one."""

    run: _Stoppable
    work: Callable[[], Coroutine[Any, Any, KvsctlError | None]]
    feed: CallerFeed | None = None


class AsyncClient:
    """A client of one store, for `async with`. Its calls may run at the same time, on one loop.

    A record that fails is data: see `Result` and `FailedRecord`. What ends a call early, such as
    refused credentials, is raised as a KvsctlError, with what was done until then in its `result`.

    `token` is that of `Authorization: Bearer`. `transport` carries the requests in place of
    connections of the client's own, and is closed with the client. `metadata`: reads ask for the
    times of records. Other keywords are `Settings`.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        allow_http: bool = False,
        metadata: bool = False,
        transport: Carrier | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        access = Access(allow_http, metadata, None, transport)
        self._begin(Opening.of_url(url, token, access, settings))

    @classmethod
    def from_target(
        cls,
        name: str,
        *,
        installation: str | None = None,
        confirm: str | None = None,
        allow_http: bool = False,
        metadata: bool = False,
        transport: Carrier | None = None,
        environ: Mapping[str, str] = os.environ,
        **settings: Unpack[Settings],
    ) -> Self:
        """Return a client of a target of the configuration file, or of a built-in one.

        `confirm`: the target's name, without which a protected target is not written to. Raise
        UsageError if there is no such target or a setting cannot be used.
        """
        access = Access(allow_http, metadata, confirm, transport)
        client = cls.__new__(cls)
        client._begin(Opening.of_target(name, installation, access, settings, environ))
        return client

    def _begin(self, opening: Opening) -> None:
        self._opening = opening
        self._stack = AsyncExitStack()
        self._session: _Session | None = None
        self._runs: set[_Stoppable] = set()
        self._cut_off: set[_Stoppable] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._opening.target.display!r})"

    async def __aenter__(self) -> Self:
        if self._session is not None:
            raise UsageError("the client is open already", "Make another one.")
        service = await self._stack.enter_async_context(self._opening.connected())
        pacer = pacer_of(self._opening.plan.pace)
        self._session = _Session(service, pacer, asyncio.get_running_loop())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Calls that are at work are cut off, and raise WorkLeft."""
        self._session = None
        self._cut_off |= self._runs
        for run in [*self._runs]:
            run.abort()
        await self._stack.aclose()

    async def set_many(
        self,
        records: Given[Mapping[str, Any]],
        *,
        entity: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> Result:
        """Write records: mappings with `key` and `value`, and what else a record may have.

        That is `entityName`, and `ttl` or `expireTime`: see docs/input.md. `entity`: that of
        records which name none. The last record of a key is the one that stays. If the iterable
        raises an exception, what it gave before is written, and then the exception is raised.
        """
        return await self._write(Verb.SET, records, entity, listeners)

    async def delete_many(
        self,
        keys: Given[Key],
        *,
        entity: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> Result:
        """Delete keys: strings, or mappings with `key` and `entityName`. The rest is as above.

        A key that does not exist succeeds.
        """
        return await self._write(Verb.DELETE, keys, entity, listeners)

    async def get_many(
        self,
        keys: Given[Key],
        *,
        entity: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> AsyncGenerator[ReadRecord, None]:
        """Yield what the store has of each key, in the order of the keys.

        A key that does not exist gives a FailedRecord with the code KEY_NOT_FOUND.
        """
        async with aclosing(self.get_lists(keys, entity=entity, listeners=listeners)) as lists:
            async for records in lists:
                for record in records:
                    yield record

    async def scan(
        self,
        prefix: str = "",
        *,
        entity: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> AsyncGenerator[ReadRecord, None]:
        """Yield the records whose keys begin with a prefix, in the order of the keys.

        Queries are eventually consistent. `entity`: its records; None: those without an entity.
        """
        async with aclosing(self.scan_lists(prefix, entity=entity, listeners=listeners)) as lists:
            async for records in lists:
                for record in records:
                    yield record

    def get_lists(
        self, keys: Given[Key], *, entity: str | None, listeners: Sequence[Listener]
    ) -> AsyncGenerator[Sequence[ReadRecord], None]:
        """Return what `get_many` yields, in lists as they arrive."""

        def reading(session: _Session, stream: Stream) -> _Reading:
            run = self._run(Verb.GET, session, [stream, *listeners], stream)
            feed = caller_feed(self._items(Verb.GET, entity), keys, stream.nudge)
            return _Reading(run, lambda: run.work(feed), feed)

        return self._read(reading)

    def scan_lists(
        self, prefix: str, *, entity: str | None, listeners: Sequence[Listener]
    ) -> AsyncGenerator[Sequence[ReadRecord], None]:
        """Return what `scan` yields, in lists as they arrive."""

        def reading(session: _Session, stream: Stream) -> _Reading:
            from kvsctl.listing.plan import ListingPlan  # not every client lists
            from kvsctl.listing.run import ListingRun
            from kvsctl.selection.selection import Selection
            from kvsctl.service.queries import EntityIndex

            space = None if entity is None else EntityIndex(entity)
            run = ListingRun(
                ListingPlan(selection=Selection(prefix=prefix), spaces=(space,)),
                self._opening.plan,
                session.service,
                [stream, *listeners],
                pacer=session.pacer,
                pressure=stream.pressure,
            )
            return _Reading(run, run.work)

        return self._read(reading)

    async def _write(
        self, verb: Verb, given: Given[Any], entity: str | None, listeners: Sequence[Listener]
    ) -> Result:
        session = self._opened()
        self._opening.require_writable()
        collector = Collector()
        run = self._run(verb, session, [collector.tally, collector, *listeners])
        feed = caller_feed(self._items(verb, entity), given)
        self._runs.add(run)
        try:
            error = await run.work(feed)
        finally:
            self._runs.discard(run)
            feed.close()
            await feed.wait_closed()
        result = collector.result()
        error = error or self._cut_off_error(run)
        if error is not None:
            error.result = result
            raise error
        if feed.error is not None:
            raise feed.error
        return result

    async def _read(
        self, begun: Callable[[_Session, Stream], _Reading]
    ) -> AsyncGenerator[Sequence[ReadRecord], None]:
        session = self._opened()
        stream = Stream()
        run, work, feed = begun(session, stream)
        self._runs.add(run)
        task = asyncio.create_task(work())
        task.add_done_callback(lambda _: stream.end())
        task.add_done_callback(lambda _: self._runs.discard(run))
        task.add_done_callback(retrieve_error)
        try:
            while (records := await stream.next()) is not None:
                run.wake()
                yield records
            if (error := task.result() or self._cut_off_error(run)) is not None:
                raise error
            if feed is not None and feed.error is not None:
                raise feed.error
        finally:
            run.abort()
            await asyncio.wait([task])
            if feed is not None:
                feed.close()
                await feed.wait_closed()

    def _run(
        self,
        verb: Verb,
        session: _Session,
        listeners: Sequence[Listener],
        stream: Stream | None = None,
    ) -> Run:
        plan = replace(self._opening.plan, verb=verb)
        if stream is None:
            return Run(plan, session.service, listeners, pacer=session.pacer)
        return Run(plan, session.service, listeners, pressure=stream.pressure, pacer=session.pacer)

    def _cut_off_error(self, run: _Stoppable) -> KvsctlError | None:
        """Return the error of a call that was at work when the client was closed."""
        if run not in self._cut_off:
            return None
        self._cut_off.discard(run)
        return WorkLeft("the client was closed while a call was at work", "Call it again.")

    def _items(self, verb: Verb, entity: str | None) -> Items:
        opening = self._opening
        return Items.of(verb, opening.limits, entity, keeps_numbers=opening.target.is_bridge)

    def _opened(self) -> _Session:
        session = self._session
        if session is None:
            raise UsageError("the client is not open", "Use it in an async with block.")
        if session.loop is not asyncio.get_running_loop():
            raise UsageError(
                "the client was opened on another event loop", "Make a client for each loop."
            )
        return session
