"""The client for callers without an event loop."""

import asyncio
import os
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Coroutine,
    Generator,
    Mapping,
    Sequence,
)
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from kvsctl.bulk.events import Listener
from kvsctl.client.asynchronous import PLAIN, AsyncClient, Given, Place
from kvsctl.client.feeds import CallersThread, is_iterable
from kvsctl.client.items import Key
from kvsctl.client.loop_thread import LoopThread, Taking, captured, result_of
from kvsctl.client.opening import Settings
from kvsctl.client.options import (
    Covered,
    IfAbsent,
    Ttl,
    compared_with_itself,
    other_file,
    other_not_open,
)
from kvsctl.client.results import Result
from kvsctl.client.session import client_closed
from kvsctl.client.stream import ReadRecord
from kvsctl.errors import UsageError, WorkLeft
from kvsctl.service.transport.carrier import Carrier

if TYPE_CHECKING:
    # Imported at run time by the calls that need them.
    from kvsctl.client.comparing import Collected, Differences
    from kvsctl.client.exporting import Exported

_T = TypeVar("_T")


class Client:
    """A client of one store, for `with`. Any number of threads can use it at the same time.

    Its requests are made on an event loop in a thread of its own, so it can be used where another
    loop runs; each call blocks that loop. Everything else is as in `AsyncClient`.
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
        self._begin(
            AsyncClient(
                url,
                token,
                allow_http=allow_http,
                metadata=metadata,
                transport=transport,
                **settings,
            )
        )

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
        """Return a client of a target: see `AsyncClient.from_target`."""
        client = cls.__new__(cls)
        client._begin(
            AsyncClient.from_target(
                name,
                installation=installation,
                confirm=confirm,
                allow_http=allow_http,
                metadata=metadata,
                transport=transport,
                environ=environ,
                **settings,
            )
        )
        return client

    def _begin(self, client: AsyncClient) -> None:
        self._client = client
        self._thread: LoopThread | None = None
        self._guard = threading.Lock()
        """Held while a call is passed to the loop: none is passed to a loop that is ending."""
        self._closing = threading.RLock()
        """Held while the client is closed: a second thread that closes it waits for the first."""

    def __repr__(self) -> str:
        return repr(self._client).replace(type(self._client).__name__, type(self).__name__, 1)

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise UsageError("the client is open already", "Make another one.")
        self._thread = LoopThread()
        try:
            self._call(self._client.__aenter__)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Calls in progress in other threads are cut off."""
        opened = self._thread
        if opened is None:
            return
        if not opened.is_of_this_process:
            self._thread = None  # after a fork: thread and connections belong to the parent
            return
        if opened.is_current:
            raise _called_by_a_listener()
        with self._closing:
            if self._thread is not opened:
                return  # another thread has closed it meanwhile
            try:
                self._call(self._client.aclose)
            finally:
                with self._guard:
                    thread, self._thread = self._thread, None
                if thread is not None:  # a signal handler may have closed it meanwhile
                    thread.end()

    def set_many(
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
        """Write records: see `AsyncClient.set_many`. An iterator is read in this thread."""
        return self._work(
            lambda given: self._client.set_many(
                given,
                entity=entity,
                ttl=ttl,
                if_absent=if_absent,
                changed_only=changed_only,
                verify=verify,
                listeners=listeners,
            ),
            records,
        )

    def delete_many(
        self,
        keys: Given[Key],
        *,
        entity: str | None = None,
        verify: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> Result:
        """Delete keys: see `AsyncClient.delete_many`. An iterator is read in this thread."""
        return self._work(
            lambda given: self._client.delete_many(
                given, entity=entity, verify=verify, listeners=listeners
            ),
            keys,
        )

    def get_many(
        self,
        keys: Given[Key],
        *,
        entity: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> Generator[ReadRecord, None, None]:
        """Yield the stored record of each key: see `AsyncClient.get_many`.

        An iterator is read in this thread, as far ahead as the run needs.
        """
        handed = _handed(keys)
        given = keys if handed is None else handed
        return self._iterated(
            lambda: self._client._get_lists(given, entity=entity, listeners=listeners), handed
        )

    def scan(
        self,
        prefix: str = "",
        *,
        entity: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> Generator[ReadRecord, None, None]:
        """Yield the records whose keys begin with a prefix: see `AsyncClient.scan`."""
        return self._iterated(
            lambda: self._client._scan_lists(prefix, entity=entity, listeners=listeners)
        )

    def export(
        self,
        path: Place,
        prefix: str = "",
        *,
        entities: Sequence[str | None] = PLAIN,
        consistent: bool = False,
        skip_expired: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> "Exported":
        """Write records to a file with a manifest: see `AsyncClient.export`."""
        return self._call(
            lambda: self._client.export(
                path,
                prefix,
                entities=entities,
                consistent=consistent,
                skip_expired=skip_expired,
                listeners=listeners,
            )
        )

    def export_lines(
        self,
        prefix: str = "",
        *,
        entities: Sequence[str | None] = PLAIN,
        consistent: bool = False,
        skip_expired: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> Generator[bytes, None, None]:
        """Yield the lines of an export: see `AsyncClient.export_lines`."""
        covered = Covered(prefix, entities, consistent, skip_expired)
        return self._iterated(lambda: self._client._export_blocks(covered, listeners))

    def diff(
        self,
        other: "Client | Place",
        prefix: str | None = None,
        *,
        entities: Sequence[str | None] = PLAIN,
        compare_bytes: bool = False,
        ignore_manifest: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> "Differences":
        """Return the differences from another store or a file: see `AsyncClient.diff`."""
        from kvsctl.client.comparing import AsyncDifferences, Differences

        if other is self:
            raise compared_with_itself()
        if isinstance(other, Client) and other._thread is None:
            raise other_not_open()
        left: Path | Collected
        if isinstance(other, Client):
            left = other._collect(listeners)
        else:
            left = other_file(other, "a Client")

        async def begun() -> AsyncDifferences:
            return self._client._differences(
                left,
                prefix,
                entities,
                listeners,
                compares_text=compare_bytes,
                ignores_manifest=ignore_manifest,
            )

        differences = self._call(begun)
        return Differences(differences, self._iterated(lambda: differences.lists))

    def _collect(self, listeners: Sequence[Listener]) -> "Collected":
        """Return a function that lists this store for a comparison, from any event loop."""

        async def collect(covered: Covered, note: Listener) -> Any:
            listed = self._started(lambda: self._client._collect(covered, note, listeners))
            return (await asyncio.wrap_future(listed))()

        return collect

    def _work(
        self, work: Callable[[Given[_T]], Coroutine[Any, Any, Result]], given: Given[_T]
    ) -> Result:
        handed = _handed(given)
        if handed is None:
            return self._call(lambda: work(given))
        future = self._started(lambda: work(handed))
        future.add_done_callback(lambda _: handed.give_up())
        try:
            handed.read()
        except BaseException:
            future.cancel()
            raise
        return result_of(future)

    def _iterated(
        self,
        begin: Callable[[], AsyncGenerator[Sequence[_T], None]],
        handed: CallersThread | None = None,
    ) -> Generator[_T, None, None]:
        taking = self._call(lambda: Taking.of(begin))
        some: Sequence[_T] | None = ()
        try:
            while (some := self._next_of(taking, has_given=bool(some))) is not None:
                if handed is not None:
                    handed.read_ahead()
                yield from some
        finally:
            # Unless the end of its loop has closed it, or the loop belongs to another process.
            with suppress(UsageError, WorkLeft):
                self._call(taking.close)

    def _next_of(self, taking: Taking[_T], *, has_given: bool) -> Sequence[_T] | None:
        """Return the next list. `has_given`: the caller has taken all before it.

        If it has not, the call is in progress, and closing the client meanwhile cuts it off.
        """
        try:
            return self._call(taking.next)
        except UsageError:
            if has_given or self._thread is not None:
                raise
            raise client_closed() from None

    def _call(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Carry out a coroutine on the client's loop, and wait for it."""
        return result_of(self._started(work))

    def _started(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> "Future[Callable[[], _T]]":
        thread = self._thread
        if thread is None:
            raise UsageError("the client is not open", "Use it in a with block.")
        if not thread.is_of_this_process:
            raise UsageError(
                "the client was opened in another process", "Make a client in each process."
            )
        if thread.is_current:
            raise _called_by_a_listener()
        with self._guard:
            if self._thread is not thread:
                raise client_closed()
            return asyncio.run_coroutine_threadsafe(captured(work()), thread.loop)


def _called_by_a_listener() -> UsageError:
    return UsageError("a listener called the client that calls it", "Call it from another thread.")


def _handed(given: Given[Any]) -> CallersThread | None:
    """Return an iterable that the calling thread reads; None if any thread can read `given`.

    Single records and keys, and objects that are not iterable, are refused later.
    """
    if isinstance(given, Sequence | Mapping | AsyncIterable) or not is_iterable(given):
        return None
    return CallersThread(given)
