"""The iterables of a caller as the feed of a run."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from kvsctl.bulk.feeds import Feed, HandedFeed, ReadyFeed
from kvsctl.client.items import Items, Unusable
from kvsctl.errors import UsageError
from kvsctl.model import PieceList

_MOST_RECORDS: Final = 500
_MOST_BYTES: Final = 1_000_000
"""How much is taken from the caller at a time. One record may be larger."""


class CallerFeed(Feed, Protocol):
    """A feed whose input may fail with an exception of the caller's own."""

    @property
    def error(self) -> Exception | None:
        """What the caller's iterable raised. Everything before it was fed."""
        ...

    async def wait_closed(self) -> None:
        """Wait until nothing of the caller's runs any more."""
        ...


def caller_feed(items: Items, given: Iterable[object] | AsyncIterable[object]) -> CallerFeed:
    """Return a feed of what a caller gives. An iterable that is not async is read on the loop.

    Raise UsageError for a single key or record: the letters of a key are keys too.
    """
    if isinstance(given, str | bytes | Mapping):
        kind = type(given).__name__
        raise UsageError(f"expected an iterable of records or keys, not a {kind}", "Give a list.")
    if isinstance(given, CallersThread):
        return given.feed(items)
    if isinstance(given, AsyncIterable):
        return ArrivingFeed(items, given)
    return IteratedFeed(items, given)


class _Taken:
    """What was taken from the caller and not fed yet."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._encoded = items.encoded
        self._texts: list[bytes | Unusable] = []
        self._room_bytes = _MOST_BYTES

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be added before it was fed."""
        return len(self._texts) >= _MOST_RECORDS or self._room_bytes <= 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to feed."""
        return not self._texts

    def add(self, item: object) -> bool:
        """Add what the caller gave. Return `is_full`."""
        text, texts = self._encoded(item), self._texts
        texts.append(text)
        if type(text) is bytes:
            self._room_bytes -= len(text)
        return self._room_bytes <= 0 or len(texts) >= _MOST_RECORDS

    def pieces(self) -> PieceList:
        """Return everything as records and problems, and keep none of it."""
        texts, self._texts, self._room_bytes = self._texts, [], _MOST_BYTES
        return self._items.taken(texts)


class _Lists:
    """An iterable of the caller, as lists of records and problems. Iterate it once."""

    def __init__(self, items: Items, given: Iterable[object]) -> None:
        self._taken = _Taken(items)
        self._given = given
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[PieceList]:
        taken = self._taken
        try:
            for item in self._given:
                if taken.add(item):
                    yield taken.pieces()
        except Exception as error:
            self.error = error
        if not taken.is_empty:
            yield taken.pieces()


class IteratedFeed(ReadyFeed):
    """A feed of an iterable, which is read on the loop, a few records at a time."""

    def __init__(self, items: Items, given: Iterable[object]) -> None:
        self._read = _Lists(items, given)
        super().__init__(self._read)

    @property
    def error(self) -> Exception | None:
        """See CallerFeed."""
        return self._read.error

    async def wait_closed(self) -> None:
        """See CallerFeed."""


class CallersThread(Iterable[object]):
    """An iterable that is read in the caller's thread, while the run has a thread of its own.

    A cursor of a database, for example, may be used only in the thread that made it.
    """

    def __init__(self, given: Iterable[object]) -> None:
        self._given = given
        self._feed: _CallersFeed | None = None
        self._begun = threading.Event()

    def __iter__(self) -> Iterator[object]:
        return iter(self._given)

    def feed(self, items: Items) -> CallerFeed:
        """Return the feed, and let `read` begin. Call this on the loop."""
        self._feed = _CallersFeed(items, self._given)
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


class _CallersFeed(HandedFeed):
    def __init__(self, items: Items, given: Iterable[object]) -> None:
        self._lists = _Lists(items, given)
        super().__init__(self._lists)

    @property
    def error(self) -> Exception | None:
        return self._lists.error

    async def wait_closed(self) -> None:
        """Do nothing: `read_all` ends at its next list."""


class ArrivingFeed:
    """A feed of an async iterable, which is read no further ahead than the run needs.

    What has arrived goes to the run at once, however little it is, so a slow source does not hold
    its own records back.
    """

    def __init__(self, items: Items, given: AsyncIterable[object]) -> None:
        self._taken = _Taken(items)
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._has_ended = False
        self._has_paused = False
        self.error: Exception | None = None
        self._task = asyncio.create_task(self._read(given))

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
        except Exception as error:
            self.error = error
        finally:
            self._has_ended = True
            self._changed.set()
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()
