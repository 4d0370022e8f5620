"""The client for callers with an event loop."""

import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar, Unpack

from msgspec.structs import replace

from kvsctl.bulk.events import Listener
from kvsctl.bulk.run import Run
from kvsctl.client.feeds import caller_feed
from kvsctl.client.items import Items, Key
from kvsctl.client.opening import Access, Opening, Settings
from kvsctl.client.options import (
    Covered,
    IfAbsent,
    Ttl,
    callable_listeners,
    compared_with_itself,
    other_file,
    other_not_open,
    rules_of,
    set_plan,
)
from kvsctl.client.results import Result
from kvsctl.client.session import Reading, Session
from kvsctl.client.stream import Arrivals, Arriving, ReadRecord, Stream
from kvsctl.client.wording import in_python
from kvsctl.errors import KvsctlError, UsageError
from kvsctl.model import Verb
from kvsctl.service.transport.carrier import Carrier

if TYPE_CHECKING:
    # Imported at run time by the calls that need them.
    from kvsctl.client.comparing import AsyncDifferences, Collected
    from kvsctl.client.exporting import Exported
    from kvsctl.jobs.compare.collecting import Collector

_T = TypeVar("_T")
Given: TypeAlias = Iterable[_T] | AsyncIterable[_T]
"""The input of a call: any iterable, also an async one."""
Place: TypeAlias = str | PathLike[str]
"""A file or a folder."""
PLAIN: Final[Sequence[str | None]] = (None,)
"""Records without an entity."""


class AsyncClient:
    """A client of one store, for `async with`. Its calls may run at the same time, on one loop.

    A record that fails is data: see `Result` and `FailedRecord`. What ends a call early, such as
    refused credentials, is raised as a KvsctlError, with what was done until then in its `result`.

    `token` is sent as `Authorization: Bearer`. `transport` sends the requests in place of the
    client's own connections, and is closed with the client. `metadata`: reads also ask for the
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

        `confirm`: the target's name, which is required to write to a protected target. Raise
        UsageError if there is no such target or a setting cannot be used.
        """
        access = Access(allow_http, metadata, confirm, transport)
        client = cls.__new__(cls)
        try:
            opening = Opening.of_target(name, installation, access, settings, environ)
        except KvsctlError as error:
            in_python(error)
            raise
        client._begin(opening)
        return client

    def _begin(self, opening: Opening) -> None:
        self._opening = opening
        self._stack = AsyncExitStack()
        self._session: Session | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._opening.target.display!r})"

    async def __aenter__(self) -> Self:
        if self._session is not None:
            raise UsageError("the client is open already", "Make another one.")
        try:
            service = await self._stack.enter_async_context(self._opening.connected())
        except KvsctlError as error:
            in_python(error)
            raise
        self._session = Session(self._opening, service)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Calls in progress are cut off, and raise WorkLeft."""
        session, self._session = self._session, None
        if session is not None:
            session.cut_off()
        await self._stack.aclose()

    async def set_many(
        self,
        records: Given[Mapping[str, Any]],
        *,
        entity: str | None = None,
        ttl: Ttl | None = None,
        if_absent: IfAbsent = False,
        changed_only: bool = False,
        verify: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> Result:
        """Write records: mappings with `key`, `value` and the optional members of a record.

        These are `entityName`, and `ttl` or `expireTime`: see docs/input.md. `entity` and `ttl` are
        defaults for records without their own. The last record of a key wins. If the iterable
        raises an exception, the records before it are written, and then the exception is raised.

        `changed_only`: read each record first, and write it only if its value differs. `if_absent`:
        write only records whose key does not exist; "exact": let the service decide that, with one
        request per record. `verify`: read back each record, and fail it if it is not there.
        """
        session, listeners = self._opened(), callable_listeners(listeners)
        plan = replace(self._opening.plan, verb=Verb.SET)
        target = self._opening.target
        plan = set_plan(plan, target, if_absent=if_absent, changed_only=changed_only, verify=verify)
        self._opening.require_writable()
        items = self._items(Verb.SET, entity, ttl)
        return await session.write(plan, caller_feed(items, records), listeners)

    async def delete_many(
        self,
        keys: Given[Key],
        *,
        entity: str | None = None,
        verify: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> Result:
        """Delete keys: strings, or mappings with `key` and `entityName`.

        A key that does not exist succeeds. The other arguments are those of `set_many`.
        """
        session, listeners = self._opened(), callable_listeners(listeners)
        self._opening.require_writable()
        plan = replace(self._opening.plan, verb=Verb.DELETE, verify=verify)
        items = self._items(Verb.DELETE, entity)
        return await session.write(plan, caller_feed(items, keys), listeners)

    def get_many(
        self,
        keys: Given[Key],
        *,
        entity: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> Arriving[ReadRecord]:
        """Return an iterator of the stored record of each key, in the order of the keys.

        A key that does not exist yields a FailedRecord with the code KEY_NOT_FOUND.
        """
        return Arriving(self._get_lists(keys, entity=entity, listeners=listeners))

    def scan(
        self,
        prefix: str = "",
        *,
        entity: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> Arriving[ReadRecord]:
        """Return an iterator of the records whose keys begin with a prefix, in their order.

        Queries are eventually consistent. `entity`: list its records; None: records without an
        entity.
        """
        return Arriving(self._scan_lists(prefix, entity=entity, listeners=listeners))

    async def export(
        self,
        path: Place,
        prefix: str = "",
        *,
        entities: Sequence[str | None] = PLAIN,
        consistent: bool = False,
        skip_expired: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> "Exported":
        """Write the records whose keys begin with a prefix to a file that `set` can load.

        It is JSON Lines, compressed if the name ends in .gz or .zst. It is FILE.part until it is
        complete; then its manifest is written beside it. In a folder, it gets a name with the
        target and the time. `entities`: whose records; None stands for records without an entity.
        `consistent`: read each record again by batch/get. `skip_expired`: leave out expired ones.
        """
        from kvsctl.client.exporting import export_to_file

        covered = Covered(prefix, entities, consistent, skip_expired)
        return await export_to_file(self._opened(), path, covered, callable_listeners(listeners))

    def export_lines(
        self,
        prefix: str = "",
        *,
        entities: Sequence[str | None] = PLAIN,
        consistent: bool = False,
        skip_expired: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> Arriving[bytes]:
        """Return an iterator of the lines that `export` writes. Raise if they are incomplete."""
        covered = Covered(prefix, entities, consistent, skip_expired)
        return Arriving(self._export_blocks(covered, listeners))

    def diff(
        self,
        other: "AsyncClient | Place",
        prefix: str | None = None,
        *,
        entities: Sequence[str | None] = PLAIN,
        compare_bytes: bool = False,
        ignore_manifest: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> "AsyncDifferences":
        """Return the differences between another store or a file and the store of this client.

        `other` is the left side, and this store the right: only this store has `added` records.
        Without a prefix, a file is compared only with the records of its own keys. Expiry is not
        compared, and expired records count as absent. `compare_bytes`: values are equal only if
        their bytes are. `ignore_manifest`: use a file that does not match its manifest.
        """
        if other is self:
            raise compared_with_itself()
        left: Path | Collected
        if isinstance(other, AsyncClient):
            if other._session is None:
                raise other_not_open()
            left = partial(other._collect, listeners=listeners)
        else:
            left = other_file(other, "an AsyncClient")
        return self._differences(
            left,
            prefix,
            entities,
            listeners,
            compares_text=compare_bytes,
            ignores_manifest=ignore_manifest,
        )

    def _get_lists(
        self, keys: Given[Key], *, entity: str | None, listeners: Sequence[Listener]
    ) -> AsyncGenerator[Sequence[ReadRecord], None]:
        """Return what `get_many` yields, in lists as they arrive."""
        listeners = callable_listeners(listeners)

        def reading(session: Session) -> tuple[Reading, Stream]:
            stream = Stream()
            run = Run(
                self._opening.plan,
                session.service,
                [stream, *listeners],
                pressure=stream.pressure,
                pacer=session.pacer,
            )
            feed = caller_feed(self._items(Verb.GET, entity), keys, stream.nudge)
            return Reading(run, lambda: run.work(feed), feed), stream

        return self._read(reading)

    def _scan_lists(
        self, prefix: str, *, entity: str | None, listeners: Sequence[Listener]
    ) -> AsyncGenerator[Sequence[ReadRecord], None]:
        """Return what `scan` yields, in lists as they arrive."""
        listeners = callable_listeners(listeners)

        def reading(session: Session) -> tuple[Reading, Stream]:
            from kvsctl.listing.run import ListingRun  # not every client lists

            stream, plan = Stream(), self._opening.plan
            run = ListingRun(
                Covered(prefix, (entity,)).plan(plan, in_order=True, needed=self._opening.asked),
                plan,
                session.service,
                [stream, *listeners],
                pacer=session.pacer,
                pressure=stream.pressure,
            )
            return Reading(run, run.work), stream

        return self._read(reading)

    def _export_blocks(
        self, covered: Covered, listeners: Sequence[Listener]
    ) -> AsyncGenerator[Sequence[bytes], None]:
        """Return what `export_lines` yields, in lists as they arrive."""
        from kvsctl.client.exporting import lines_reading

        listeners = callable_listeners(listeners)
        return self._read(lambda session: lines_reading(session, covered, listeners))

    def _differences(
        self,
        left: "Path | Collected",
        prefix: str | None,
        entities: Sequence[str | None],
        listeners: Sequence[Listener],
        *,
        compares_text: bool,
        ignores_manifest: bool,
    ) -> "AsyncDifferences":
        """Return what `diff` returns. `left` is a file, or lists the other store."""
        from kvsctl.client.comparing import AsyncDifferences, Comparing

        covered = Covered(prefix or "", entities)
        comparing = Comparing(
            session := self._opened(),
            left,
            None if prefix is None and isinstance(left, Path) else covered,
            entities[0] if len(entities) == 1 else None,
            callable_listeners(listeners),
            compares_text=compares_text,
            ignores_manifest=ignores_manifest,
        )
        reading = Reading(comparing, comparing.work), comparing.arrivals
        return AsyncDifferences(comparing, session.read(lambda: reading))

    async def _collect(
        self, covered: Covered, note: Listener, listeners: Sequence[Listener]
    ) -> "Collector":
        """Return what this store holds, for a comparison: see `comparing.Collected`."""
        from kvsctl.client.comparing import collected

        return await collected(self._opened(), covered, note, listeners)

    def _read(
        self, begun: Callable[[Session], tuple[Reading, Arrivals[_T]]]
    ) -> AsyncGenerator[Sequence[_T], None]:
        session = self._opened()
        return session.read(lambda: begun(session))

    def _items(self, verb: Verb, entity: str | None, ttl: Ttl | None = None) -> Items:
        opening = self._opening
        rules = rules_of(opening.limits, entity, ttl)
        return Items.of(verb, rules, keeps_numbers=opening.target.is_bridge)

    def _opened(self) -> Session:
        session = self._session
        if session is None:
            raise UsageError("the client is not open", "Use it in an async with block.")
        session.require_own_loop()
        return session
