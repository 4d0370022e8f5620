"""Where a run gets its records from: a reader, on the loop or in a thread, or an async iterator."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Final, Protocol, TypeAlias

from kvsctl.errors import Defect, KvsctlError, StreamError, UsageError
from kvsctl.model import PieceList, Problem
from kvsctl.slabs import Slab

_MAX_AHEAD: Final = 12
"""How many lists the thread may be ahead of the run: fewer save memory, more hide reading time."""
_MIN_AHEAD: Final = 3
"""The thread resumes when this few lists are left. Each switch between the threads takes time."""
_MAX_PAGES_AHEAD: Final = 4
"""How many lists an asynchronous iterator may be ahead of the run."""


NO_RECORDS: Final = "the input has no records"


def no_records() -> UsageError:
    """Return the error of a run that was given `--require-input` and no records."""
    return UsageError(NO_RECORDS, "--require-input needs at least one record.")


class Feed(Protocol):
    """Where a run gets its records from."""

    async def get(self) -> PieceList | None:
        """Return the next pieces; an empty list: no more for now; None: the end.

        Raise StreamError if reading failed.
        """
        ...

    def close(self) -> None:
        """Read no further."""
        ...


def feed_of(reader: Iterable[PieceList], *, may_wait: bool) -> Feed:
    """Return a feed of a reader's lists. `may_wait`: it may wait for input, such as from a pipe.

    Only a reader that may wait gets a thread. A needless thread makes a run a sixth slower, because
    both threads take turns with the interpreter.
    """
    return ThreadFeed(reader) if may_wait else ReadyFeed(reader)


class ReadyFeed:
    """A feed that iterates `reader` on the loop, a list at a time. An empty list is a pause.

    The whole run waits while a list is read, signals included. So lists should be short and quick
    to read.
    """

    def __init__(self, reader: Iterable[PieceList]) -> None:
        self._lists = iter(reader)
        self._error: KvsctlError | None = None

    async def get(self) -> PieceList | None:
        """See Feed."""
        if self._error is not None:
            raise self._error
        pieces: PieceList | None = ()
        while pieces is not None and not pieces:  # a pause only: this reader never waits for input
            # Signals, timers and answers get a turn between two lists.
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


class HandedFeed:
    """A feed that another thread fills by `read_all`, at most a few lists ahead of the run."""

    def __init__(self, reader: Iterable[PieceList]) -> None:
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._ready: deque[PieceList | BaseException | None] = deque()
        self._arrived = asyncio.Event()
        self._is_awaited = False
        self._room = threading.Event()
        self._is_closed = False

    async def get(self) -> PieceList | None:
        """See Feed."""
        if not self._ready:
            self.note_room()
        while not self._ready:
            self._arrived.clear()
            self._is_awaited = True
            if self._ready:  # the thread may have appended before it saw `_is_awaited`
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
            self.note_room()
        return arrived

    def close(self) -> None:
        """Let `read_all` end at its next list."""
        self._is_closed = True
        self._room.set()

    def note_room(self) -> None:
        """Let the other thread resume: few lists are left."""
        self._room.set()

    @property
    def has_room(self) -> bool:
        """Whether the other thread may hand over one more list."""
        return len(self._ready) < _MAX_AHEAD and not self._is_closed

    def read_all(self) -> None:
        """Iterate `reader` in this thread, until it ends or the feed is closed."""
        try:
            for pieces in self._reader:
                self._await_room()
                if self._is_closed:
                    return
                self.hand_over(pieces)
        except Exception as error:
            self.hand_over(error)
        else:
            self.hand_over(None)

    def _await_room(self) -> None:
        if len(self._ready) >= _MAX_AHEAD:
            self._room.clear()
            if len(self._ready) > _MIN_AHEAD and not self._is_closed:
                self._room.wait()

    def hand_over(self, arrived: PieceList | BaseException | None) -> None:
        """Take a list, the error that ended reading, or None at its end, from the other thread."""
        self._ready.append(arrived)
        if not self._is_awaited:
            return
        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:
            self._is_closed = True  # the loop is closed: the run has ended


class ThreadFeed(HandedFeed):
    """A feed that iterates `reader` in a daemon thread of its own."""

    def __init__(self, reader: Iterable[PieceList]) -> None:
        super().__init__(reader)
        # A daemon, because a read from a silent pipe cannot be interrupted.
        self._thread = threading.Thread(target=self.read_all, name="kvsctl-reader", daemon=True)
        self._thread.start()


class AsyncFeed:
    """A feed of lists that an asynchronous iterator yields, such as the pages of a listing.

    The iterator is at most `max_ahead` lists ahead of the run, so memory stays bounded if the run
    is slower than its input. An empty list means that there is nothing more for now. An error of
    the iterator reaches the run after everything before it.
    """

    def __init__(
        self,
        lists: AsyncIterator[PieceList],
        *,
        max_ahead: int = _MAX_PAGES_AHEAD,
    ) -> None:
        self._lists = lists
        self._room = asyncio.Semaphore(max_ahead)
        self._ready: asyncio.Queue[PieceList | Exception | None] = asyncio.Queue()
        self._is_closed = False
        self._task = asyncio.create_task(self._read_all())

    async def get(self) -> PieceList | None:
        """See Feed."""
        arrived = await self._ready.get()
        if arrived is None or isinstance(arrived, Exception):
            self._ready.put_nowait(arrived)  # for later calls
            if arrived is not None:
                raise arrived
            return None
        self._room.release()
        return arrived

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
                pieces = await anext(self._lists)
                self._ready.put_nowait(pieces if isinstance(pieces, Slab) else list(pieces))
        except StopAsyncIteration:
            pass
        except asyncio.CancelledError:
            if not self._is_closed:
                # Not a silent end: records that were not listed would count as done.
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
    """A feed that raises UsageError if it ends without a record or problem."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._has_pieces = False

    async def get(self) -> PieceList | None:
        """See Feed."""
        pieces = await self._feed.get()
        if pieces is None and not self._has_pieces:
            raise no_records()
        self._has_pieces = self._has_pieces or bool(pieces)
        return pieces

    def close(self) -> None:
        """See Feed."""
        self._feed.close()


Change: TypeAlias = Callable[[], str | None]
"""Returns how the input has changed since its check; None if it has not."""

_NOTHING_SENT: Final = "Nothing was sent. Run the command again when the input is complete."
_PART_SENT: Final = "What was read before was sent. Run the command again with stable input."


class CheckedFeed:
    """A feed that ends with an error if the input has changed since its check.

    `change` is called before the first piece, and at the end. A problem is a change too, because
    the check found none.
    """

    def __init__(self, feed: Feed, change: Change) -> None:
        self._feed = feed
        self._change = change
        self._has_begun = False

    async def get(self) -> PieceList | None:
        """See Feed. Raise UsageError if nothing was returned yet, StreamError otherwise."""
        if not self._has_begun:
            if (changed := self._change()) is not None:
                raise UsageError(f"the input changed after its check: {changed}", _NOTHING_SENT)
            self._has_begun = True
        pieces = await self._feed.get()
        bad = None
        if not isinstance(pieces, Slab):  # a slab has no problems
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
