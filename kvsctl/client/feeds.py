"""The iterables of a caller as the feed of a run."""

import asyncio
import threading
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from itertools import islice
from typing import Any, Final, Protocol

from kvsctl.bulk.feeds import Feed, HandedFeed, ReadyFeed
from kvsctl.bulk.stopping import retrieve_error
from kvsctl.client.items import Block, Items
from kvsctl.errors import UsageError
from kvsctl.model import PieceList

_MOST_RECORDS: Final = 1000
_MOST_BYTES: Final = 1_000_000
"""How much is taken from the caller before it is fed to the run. The last records may exceed it."""
_MOST_BURST: Final = 200
"""How many records are taken from the caller between two checks of their size and the clock."""
_SLOW_SECONDS: Final = 0.01
"""Records are fed at once if the last few of them took longer than this."""
_ERRORS: Final = (Exception, asyncio.CancelledError)
"""What a caller's iterable may raise: a task that it waits for may have been cancelled."""


class CallerFeed(Feed, Protocol):
    """A feed whose input may fail with an exception of the caller's own."""

    @property
    def error(self) -> BaseException | None:
        """What the caller's iterable raised. Everything before it was fed."""
        ...

    async def wait_closed(self) -> None:
        """Wait until none of the caller's code is running."""
        ...


def caller_feed(
    items: Items,
    given: Iterable[object] | AsyncIterable[object],
    nudge: Callable[[], None] = lambda: None,
) -> CallerFeed:
    """Return a feed of what a caller gives. An iterable that is not async is read on the loop.

    `nudge` is called when the caller's thread, if it reads the iterable, should read more. Raise
    UsageError for a single key or record, as each letter of a string would be a key, and for
    objects that are not iterable.
    """
    if isinstance(given, str | bytes | Mapping) or not is_iterable(given):
        kind = type(given).__name__
        raise UsageError(f"expected an iterable of records or keys, not a {kind}", "Give a list.")
    if isinstance(given, CallersThread):
        return given.feed(items, nudge)
    if isinstance(given, AsyncIterable):
        return ArrivingFeed(items, given)
    return IteratedFeed(items, given)


def is_iterable(given: object) -> bool:
    """Return whether `for` or `async for` accepts this."""
    return isinstance(given, Iterable | AsyncIterable) or hasattr(given, "__getitem__")


class _Taken:
    """What was taken from the caller and not fed yet, with its size and the caller's pace."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._block = Block()
        self._room_bytes = _MOST_BYTES
        self._burst = 1

    @property
    def is_full(self) -> bool:
        """Whether it must be fed before more is added."""
        return len(self._block.texts) >= _MOST_RECORDS or self._room_bytes <= 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to feed."""
        return not self._block.texts

    def add(self, item: object) -> None:
        """Add what the caller gave."""
        self._items.encode((item,), self._block)
        self._room_bytes -= len(self._block.texts[-1])

    def take(self, iterator: Iterator[object], *, is_list: bool) -> bool:
        """Add items of an iterator until there are enough, or it is slow. Return False at its end.

        While the iterator is fast, more items are taken at a time. `is_list`: it iterates a list,
        so all its items exist already.
        """
        texts = self._block.texts
        while not self.is_full:
            began, before, burst = time.monotonic(), len(texts), self._burst
            some = islice(iterator, burst)
            try:
                if is_list:
                    self._items.encode_at_once([*some], self._block)
                else:
                    self._items.encode(some, self._block)
            finally:  # what was given before an exception counts
                size = len(b"".join(texts[before:]))  # faster than a sum of their sizes
                self._room_bytes -= size
            if len(texts) - before < burst:
                return False
            if time.monotonic() - began > _SLOW_SECONDS and not is_list:
                self._burst = 1
                break
            most = _MOST_RECORDS if is_list else _MOST_BURST
            self._burst = min(2 * burst, most, 1 + _MOST_BYTES * burst // (size + 1))
        return True

    def pieces(self) -> PieceList:
        """Remove and return everything, as records and problems."""
        block, self._block, self._room_bytes = self._block, Block(), _MOST_BYTES
        return self._items.pieces_of(block)


class _Lists:
    """An iterable of the caller, as lists of records and problems. Iterate it once."""

    def __init__(self, items: Items, given: Iterable[object]) -> None:
        self._taken = _Taken(items)
        self._given = given
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[PieceList]:
        taken = self._taken
        try:
            iterator, is_list = iter(self._given), type(self._given) in (list, tuple)
            while taken.take(iterator, is_list=is_list):
                yield taken.pieces()
        except _ERRORS as error:
            self.error = error
        if not taken.is_empty:
            yield taken.pieces()


class IteratedFeed(ReadyFeed):
    """A feed of an iterable, which is read on the loop, a few records at a time."""

    def __init__(self, items: Items, given: Iterable[object]) -> None:
        self._read = _Lists(items, given)
        super().__init__(self._read)

    @property
    def error(self) -> BaseException | None:
        """See CallerFeed."""
        return self._read.error

    async def wait_closed(self) -> None:
        """See CallerFeed."""


class CallersThread(Iterable[Any]):
    """An iterable that is read in the caller's thread, while the run has a thread of its own.

    A cursor of a database, for example, may be used only in the thread that made it.
    """

    def __init__(self, given: Iterable[object]) -> None:
        self._given = given
        self._feed: _CallersFeed | None = None
        self._begun = threading.Event()
        self._may_have_more = True

    def __iter__(self) -> Iterator[Any]:
        return iter(self._given)

    def feed(self, items: Items, nudge: Callable[[], None]) -> CallerFeed:
        """Return the feed, and let `read` begin. Call this on the loop. See `caller_feed`."""
        self._feed = _CallersFeed(items, self._given, nudge)
        self._begun.set()
        return self._feed

    def give_up(self) -> None:
        """Let `read` return: the call has ended, perhaps before there was a feed."""
        self._begun.set()

    def read(self) -> None:
        """Read the iterable in this thread, until it ends or the run does."""
        self._begun.wait()
        if self._feed is not None:
            self._feed.read_all()

    def read_ahead(self) -> None:
        """Read the iterable in this thread, as far ahead of the run as there is room."""
        if self._feed is not None and self._may_have_more:
            self._may_have_more = self._feed.read_ahead()


class _CallersFeed(HandedFeed):
    def __init__(self, items: Items, given: Iterable[object], nudge: Callable[[], None]) -> None:
        self._given = _Lists(items, given)
        self._ahead: Iterator[PieceList] | None = None
        self._nudge = nudge
        super().__init__(self._given)

    @property
    def error(self) -> BaseException | None:
        return self._given.error

    def note_room(self) -> None:
        super().note_room()
        self._nudge()

    def read_ahead(self) -> bool:
        """Read until there is no more room. Return whether there may be more to read."""
        ahead = self._ahead = self._ahead or iter(self._given)
        while self.has_room:
            pieces = next(ahead, None)
            self.hand_over(pieces)
            if pieces is None:
                return False
        return True

    async def wait_closed(self) -> None:
        """Do nothing: `read_all` ends at its next list."""


class ArrivingFeed:
    """A feed of an async iterable, which is read no further ahead than the run needs.

    Records go to the run as soon as they arrive, so those of a slow source do not wait for more.
    """

    def __init__(self, items: Items, given: AsyncIterable[object]) -> None:
        self._taken = _Taken(items)
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._has_ended = False
        self._has_paused = False
        self.error: BaseException | None = None
        self._task = asyncio.create_task(self._read(given))
        self._task.add_done_callback(retrieve_error)

    async def get(self) -> PieceList | None:
        """See Feed."""
        while self._taken.is_empty:
            if self._has_ended:
                return None
            self._changed.clear()
            if not self._has_paused:
                self._has_paused = True
                return ()
            await self._changed.wait()
        self._has_paused = False
        pieces = self._taken.pieces()
        self._room.set()
        return pieces

    def close(self) -> None:
        """See Feed. The iterator is cancelled and closed: `wait_closed` waits for that."""
        self._task.cancel()

    async def wait_closed(self) -> None:
        """See CallerFeed."""
        await asyncio.wait([self._task])

    async def _read(self, given: AsyncIterable[object]) -> None:
        iterator = aiter(given)
        try:
            async for item in iterator:
                self._taken.add(item)
                self._changed.set()
                while self._taken.is_full:
                    self._room.clear()
                    await self._room.wait()
        except BaseException as error:
            if self._task.cancelling():
                raise  # by `close`, or because the loop ends
            self.error = error
            if not isinstance(error, _ERRORS):
                raise
        finally:
            self._has_ended = True
            self._changed.set()
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()
