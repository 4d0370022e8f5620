"""Where a run gets its records from: a reader, on the loop or in a thread, or an async iterator."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from typing import Final, Protocol, TypeAlias

from kvsctl.errors import Defect, KvsctlError, StreamError, UsageError
from kvsctl.model import Problem, Record

_MAX_AHEAD: Final = 12
"""How many lists the thread may be ahead of the run: bounds memory, hides reading."""
_MIN_AHEAD: Final = 3
"""How few are left when it reads on. Both threads want the interpreter: each turn costs a wait."""
_MAX_PAGES_AHEAD: Final = 4
"""How many lists an asynchronous iterator may be ahead of the run."""


NO_RECORDS: Final = "the input has no records"


def no_records() -> UsageError:
    """Return the error of a run that was given `--require-input` and no records."""
    return UsageError(NO_RECORDS, "--require-input needs at least one record.")


class Feed(Protocol):
    """Where a run gets its records from."""

    async def get(self) -> list[Record | Problem] | None:
        """What arrived next; an empty list: nothing more right now; None: the end.

        Raises StreamError where reading failed.
        """
        ...

    def close(self) -> None:
        """Takes nothing more."""
        ...


def feed_of(reader: Iterable[list[Record | Problem]], *, may_wait: bool) -> Feed:
    """Gets the lists of a reader. `may_wait`: it may have to wait for more, as of a pipe.

    Both have the interpreter in turns, so a thread where none is needed costs a sixth of the time.
    """
    return ThreadFeed(reader) if may_wait else ReadyFeed(reader)


class ReadyFeed:
    """Iterates `reader` on the loop, a list at a time; an empty one is a pause.

    A disk that keeps it waiting keeps the run waiting, signals included, so that lists should be
    short, and none should be long in coming.
    """

    def __init__(self, reader: Iterable[list[Record | Problem]]) -> None:
        self._lists = iter(reader)
        self._error: KvsctlError | None = None

    async def get(self) -> list[Record | Problem] | None:
        """See Feed."""
        if self._error is not None:
            raise self._error
        pieces: list[Record | Problem] | None = []
        while pieces == []:  # only a pause, as what there is can be read at once
            # Whatever is read, signals, timers and answers have their turn between two lists.
            await asyncio.sleep(0)
            try:
                pieces = next(self._lists, None)
            except KvsctlError as error:
                self._error = error
                raise
        return pieces

    def close(self) -> None:
        """See Feed."""
        self._lists = iter(())


class ThreadFeed:
    """Iterates `reader` in a daemon thread, at most a few lists ahead of who gets them."""

    def __init__(self, reader: Iterable[list[Record | Problem]]) -> None:
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._ready: deque[list[Record | Problem] | BaseException | None] = deque()
        self._arrived = asyncio.Event()
        self._is_awaited = False
        self._room = threading.Event()
        self._closed = False
        # A daemon, because nothing ends a read of a pipe that stays silent.
        self._thread = threading.Thread(target=self._read_all, name="kvsctl-reader", daemon=True)
        self._thread.start()

    async def get(self) -> list[Record | Problem] | None:
        """See Feed."""
        while not self._ready:
            self._arrived.clear()
            self._is_awaited = True
            if self._ready:  # looked at again: the thread may not have seen that it is awaited
                break
            await self._arrived.wait()
        self._is_awaited = False
        arrived = self._ready[0]
        if arrived is None:
            return None
        if isinstance(arrived, BaseException):
            raise arrived
        self._ready.popleft()
        if len(self._ready) <= _MIN_AHEAD:
            self._room.set()
        return arrived

    def close(self) -> None:
        """Lets the thread end at its next list."""
        self._closed = True
        self._room.set()

    def _read_all(self) -> None:
        try:
            for pieces in self._reader:
                self._await_room()
                if self._closed:
                    return
                self._hand_over(pieces)
        except Exception as error:
            self._hand_over(error)
        else:
            self._hand_over(None)

    def _await_room(self) -> None:
        if len(self._ready) >= _MAX_AHEAD:
            self._room.clear()
            if len(self._ready) > _MIN_AHEAD and not self._closed:
                self._room.wait()

    def _hand_over(self, arrived: list[Record | Problem] | BaseException | None) -> None:
        self._ready.append(arrived)
        if not self._is_awaited:
            return
        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:
            self._closed = True  # the loop is gone: nobody waits any more


class AsyncFeed:
    """A feed of lists that an asynchronous iterator yields, such as the pages of a listing.

    The iterator is at most `max_ahead` lists ahead of the run, so a run that is slower than its
    input does not pile it up. An empty list means that there is nothing more for now. An error of
    the iterator reaches the run after everything before it.
    """

    def __init__(
        self,
        lists: AsyncIterator[Sequence[Record | Problem]],
        *,
        max_ahead: int = _MAX_PAGES_AHEAD,
    ) -> None:
        self._lists = lists
        self._room = asyncio.Semaphore(max_ahead)
        self._ready: asyncio.Queue[list[Record | Problem] | Exception | None] = asyncio.Queue()
        self._is_closed = False
        self._task = asyncio.create_task(self._read_all())

    async def get(self) -> list[Record | Problem] | None:
        """See Feed."""
        arrived = await self._ready.get()
        if isinstance(arrived, list):
            self._room.release()
            return arrived
        self._ready.put_nowait(arrived)  # the end stays the end
        if arrived is not None:
            raise arrived
        return None

    def close(self) -> None:
        """See Feed. The iterator is cancelled and closed: `wait_closed` waits for that."""
        self._is_closed = True
        self._task.cancel()

    async def wait_closed(self) -> None:
        """Wait until the iterator has ended or, after `close`, has cleaned up."""
        await asyncio.wait([self._task])

    async def _read_all(self) -> None:
        end: Exception | None = None
        try:
            while True:
                await self._room.acquire()
                self._ready.put_nowait(list(await anext(self._lists)))
        except StopAsyncIteration:
            pass
        except asyncio.CancelledError:
            if not self._is_closed:
                # Never a silent end: what is not listed would count as done.
                end = Defect("the source of the records was cancelled")
            raise
        except Exception as error:
            end = error
        finally:
            try:
                if isinstance(self._lists, AsyncGenerator):
                    await self._lists.aclose()
            except Exception as error:
                end = end or error
            self._ready.put_nowait(end)


class RequiredFeed:
    """The same feed; one that ends with nothing having come is a UsageError."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._has_come = False

    async def get(self) -> list[Record | Problem] | None:
        """See Feed."""
        pieces = await self._feed.get()
        if pieces is None and not self._has_come:
            raise no_records()
        self._has_come = self._has_come or bool(pieces)
        return pieces

    def close(self) -> None:
        """See Feed."""
        self._feed.close()


Change: TypeAlias = Callable[[], str | None]
"""What is different about the input since its check; None if nothing is."""

_NOTHING_SENT: Final = "Nothing was sent. Run the command again when the input is complete."
_PART_SENT: Final = "What was read before was sent. Run the command again with stable input."


class CheckedFeed:
    """The same feed, ended as soon as the input is not what was checked.

    `change` is asked before anything is given, and at the end. A problem is a change too, as the
    check found none.
    """

    def __init__(self, feed: Feed, change: Change) -> None:
        self._feed = feed
        self._change = change
        self._has_begun = False

    async def get(self) -> list[Record | Problem] | None:
        """See Feed. Raises UsageError if nothing was given yet, StreamError otherwise."""
        if not self._has_begun:
            if (changed := self._change()) is not None:
                raise UsageError(f"the input changed after its check: {changed}", _NOTHING_SENT)
            self._has_begun = True
        pieces = await self._feed.get()
        bad = next((piece for piece in pieces or () if isinstance(piece, Problem)), None)
        if bad is not None:
            raise StreamError(
                f"the input changed after its check: {bad.origin} is different", _PART_SENT
            )
        if pieces is None and (changed := self._change()) is not None:
            raise StreamError(f"the input changed while it was being sent: {changed}", _PART_SENT)
        return pieces

    def close(self) -> None:
        """See Feed."""
        self._feed.close()
