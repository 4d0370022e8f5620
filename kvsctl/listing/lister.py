"""List several ranges at a time, and divide a range that keeps others waiting."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from kvsctl.bulk.stopping import retrieve_error
from kvsctl.errors import TargetError
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.listing.ranges import DivisionBudget, Range, divided, remaining
from kvsctl.listing.reading import CursorRefused, PrefixRefused, ReadPage
from kvsctl.listing.repeats import CursorCheck, ListedKeys
from kvsctl.service.queries import EntityIndex, Page, Query
from kvsctl.slabs import FoundSlab

_PAGES_BEFORE_DIVISION: Final = 3
"""A range with fewer pages is not worth the requests that dividing it costs."""
PAGES_AHEAD: Final = 4
"""How many pages may wait to be taken, in addition to one for each query in flight."""
_PAGE_BYTES: Final = 1_000_000
"""How large pages should be at most. Where values are large, fewer records are asked for."""
_MOST_VAIN_PAGES: Final = 1000
"""A chain with this many consecutive pages without anything new counts as endless."""
_LEARNING: Final = 0.1
"""The weight of the newest page in the average size of records, if they become smaller."""


class Listed(msgspec.Struct, frozen=True, gc=False):
    """Records of one page. `keys` and `found` have the same length, at least 1."""

    keys: Sequence[str]
    found: FoundSlab


class _Chain(msgspec.Struct, eq=False):
    """Queries that follow each other to list one range. `range` shrinks as it is listed."""

    range: Range
    began_after: str | None
    cursor: str | None = None
    """Where its next page begins; None: it has none yet."""
    last: str | None = None
    """The last key of its newest page, even if it is outside the range."""
    pages: int = 0
    pages_since_division: int = 0
    vain_pages: int = 0
    """How many consecutive pages brought nothing new."""
    cursors: CursorCheck = msgspec.field(default_factory=CursorCheck)


class _Step(msgspec.Struct, frozen=True, gc=False):
    """What one page or one division changed. `ended` ranges are replaced by `begun` ones."""

    ended: Range
    begun: Sequence[Range] = ()
    listed: Listed | None = None


class Lister:
    """Lists each key of some ranges once. Iterate `pages` once.

    At most `chains` queries are in flight. With one, keys come in key order, or in the order of the
    service if that is different. At most `pages_ahead` more pages wait to be taken.

    `entity` is the space that is listed. An index other than that of the keys has an order of its
    own, so it needs one chain, and one range that holds every key. `needs_order`: raise TargetError
    if plain keys do not come in key order, because the listing could not be resumed. `moved` is
    called whenever a range is replaced by others: with the range, and with the ranges that hold
    what is left of it. `prefix` is the longest common prefix of the keys of the newest page.
    """

    def __init__(
        self,
        read: ReadPage,
        ranges: Sequence[Range],
        *,
        chains: int,
        page_records: int = DEFAULT_LIMITS.query_page,
        pages_ahead: int = PAGES_AHEAD,
        entity: EntityIndex | None = None,
        needs_order: bool = False,
        moved: Callable[[Range, Sequence[Range]], None] = lambda _ended, _begun: None,
    ) -> None:
        self._read = read
        self._waiting = deque(ranges)
        self._active: list[_Chain] = []
        self._chains = chains
        self._begun_chains = 0
        self._tasks = asyncio.TaskGroup()
        self._division = DivisionBudget()
        self._changed = asyncio.Event()
        self._steps: asyncio.Queue[_Step | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(chains + pages_ahead)
        self._left = dict.fromkeys(ranges)
        self._most = self._limit = page_records
        self._record_bytes = 0.0
        self._entity = entity
        self._moved = moved
        self._is_ordered = entity is None or entity.is_by_key
        self._listed_keys = ListedKeys()
        if not self._is_ordered:
            self._listed_keys.end_order()
        self._may_end_order = chains == 1 and not needs_order
        self._takes_prefixes: bool | None = True if entity is None else None
        """Whether queries may have a prefix; None: not known yet."""
        self.prefix = ""

    @property
    def left(self) -> list[Range]:
        """The ranges that hold exactly the keys that `pages` has not yielded yet."""
        return list(self._left)

    async def pages(self) -> AsyncGenerator[Listed, None]:
        """Yield the records of each page that has any. Raise KvsctlError if the run must end.

        Records yielded before an error are valid, and `left` has the rest.
        """
        work: asyncio.Task[None] | None = None
        try:
            first = await self._begun_alone() if len(self._waiting) == 1 else None
            if first is not None or self._waiting:
                work = asyncio.create_task(self._list_all(first))
                # A query may fail while closing `pages` cancels it: asyncio must not print its
                # error.
                work.add_done_callback(retrieve_error)
            else:
                self._steps.put_nowait(None)
            while (step := await self._steps.get()) is not None:
                # Update it before yielding the page, because the consumer may read `left`.
                del self._left[step.ended]
                self._moved(step.ended, step.begun)
                self._left.update(dict.fromkeys(step.begun))
                if step.listed is not None:
                    yield step.listed
                    self._room.release()
        finally:
            if work is not None and not work.done():
                work.cancel()
                await asyncio.wait([work])
            self._listed_keys.close()
        if work is not None:
            work.result()

    async def _begun_alone(self) -> _Chain | None:
        """List the first page of the only range. Return the chain to continue; None: that was all.

        Most stores have one page, which is faster without tasks.
        """
        chain = self._begun(self._waiting.popleft())
        if not await self._list_page(chain):
            return chain
        self._active.remove(chain)
        return None

    async def _list_all(self, first: _Chain | None) -> None:
        """List everything. `first` is a chain to continue; None: none has begun."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                if first is not None:
                    self._begun_chains += 1
                    self._tasks.create_task(self._work(first))
                self._begin_chains(len(self._waiting) if first is None else self._chains)
        except* Exception as group:
            raise group.exceptions[0] from None
        finally:
            self._steps.put_nowait(None)

    def _begin_chains(self, wanted: int) -> None:
        """Begin chains until there are as many as are wanted and allowed.

        A store of one page needs no chain that waits for ranges to be divided.
        """
        while self._begun_chains < min(wanted, self._chains):
            self._begun_chains += 1
            self._tasks.create_task(self._work())

    async def _work(self, begun: _Chain | None = None) -> None:
        """List ranges until none is left. First, continue the chain that has `begun`."""
        while (chain := begun or await self._next()) is not None:
            begun = None
            while not await self._list_page(chain):
                self._begin_chains(self._chains)
            self._active.remove(chain)
            self._changed.set()

    def _begun(self, range_: Range) -> _Chain:
        chain = _Chain(range_, range_.after)
        self._active.append(chain)
        return chain

    async def _next(self) -> _Chain | None:
        """Return a chain for a waiting or newly divided range; None: nothing is left."""
        while not self._waiting:
            if not self._active:
                return None
            self._changed.clear()  # before asking the service, to notice what changes meanwhile
            if not (await self._may_divide() and self._divide()):
                await self._changed.wait()
        return self._begun(self._waiting.popleft())

    async def _may_divide(self) -> bool:
        """Return whether ranges can be divided. Before the first division, ask the service."""
        if self._takes_prefixes is None and (able := self._divisible()):
            after = able[0].range.after
            self._takes_prefixes = False  # so that no other chain asks before the answer
            with suppress(PrefixRefused):
                await self._read(Query(after or "", 1, None, self._entity))
                self._takes_prefixes = True
        return self._takes_prefixes is True

    async def _list_page(self, chain: _Chain) -> bool:
        """List the next page of a chain. Return whether it was the last."""
        await self._room.acquire()
        while True:
            try:
                page = await self._read(
                    Query(chain.range.prefix, self._limit, chain.cursor, self._entity)
                )
                break
            except CursorRefused:
                self._room.release()
                self._begin_again(chain)
                return True
            except PrefixRefused:
                self._takes_prefixes = False
                whole = chain.range._replace(prefix="")
                self._steps.put_nowait(_Step(chain.range, (whole,)))
                chain.range = whole
        if page.cursor is not None and chain.cursors.is_repeated(page.cursor):
            raise _endless("the service returned a cursor again")
        self._note_order(chain, page.keys)
        chain.cursor = page.cursor
        is_last = page.cursor is None or (self._is_ordered and _is_past(chain, page))
        self._take(chain, page, is_last=is_last)
        return is_last

    def _take(self, chain: _Chain, page: Page, *, is_last: bool) -> None:
        before, keys = chain.range, page.keys
        chain.pages += 1
        chain.pages_since_division += 1
        self._fit_limit(page)
        listed = self._listed(before, page)
        self.prefix = self._prefix(before, listed)
        is_new = listed is not None or (self._is_ordered and bool(keys))
        chain.vain_pages = 0 if is_new else chain.vain_pages + 1
        if chain.vain_pages > _MOST_VAIN_PAGES:
            raise _endless(f"{_MOST_VAIN_PAGES:,} pages of the service brought nothing new")
        if listed is not None:
            if self._is_ordered:
                chain.range = before._replace(after=listed.keys[-1])
            self._division.note_page()
        else:
            self._room.release()
        if is_last:
            self._steps.put_nowait(_Step(before, (), listed))
        elif listed is not None:
            self._steps.put_nowait(_Step(before, (chain.range,), listed))
        self._changed.set()

    def _prefix(self, range_: Range, listed: Listed | None) -> str:
        """Return the longest text with which all keys of a page begin."""
        if listed is None or not self._is_ordered:
            return range_.within
        first, last = listed.keys[0], listed.keys[-1]
        pairs = enumerate(zip(first, last, strict=False))
        return first[: next((at for at, (one, other) in pairs if one != other), len(first))]

    def _listed(self, range_: Range, page: Page) -> Listed | None:
        """Return the records of a page that are in its range and new; None if there are none."""
        keys = page.keys
        if not self._is_ordered:
            places = [place for place, key in enumerate(keys) if range_.holds(key)]
            new = self._listed_keys.new_places([keys[place] for place in places])
            places = [places[number] for number in new]
            if not places:
                return None
            return Listed([keys[place] for place in places], page.found.picked(places))
        part = _part(range_, keys)
        if part.start == part.stop:
            return None
        listed = Listed(keys[part], page.found[part])
        if self._may_end_order:
            self._listed_keys.note_in_order(listed.keys)
        return listed

    def _note_order(self, chain: _Chain, keys: Sequence[str]) -> None:
        """Note whether keys are in order: only then does the last one mark the rest of a range."""
        if not self._is_ordered:
            return
        follows = chain.last is None or not keys or chain.last < keys[0]
        if not follows or not all(map(str.__lt__, keys, keys[1:])):
            if not self._may_end_order or chain.began_after is not None:
                raise _out_of_order()
            if not self._listed_keys.end_order():
                raise _out_of_order_later()
            self._is_ordered = False
            whole = chain.range._replace(after=None)
            self._steps.put_nowait(_Step(chain.range, (whole,)))
            chain.range = whole
        if keys:
            chain.last = keys[-1]

    def _fit_limit(self, page: Page) -> None:
        """Ask for fewer records per page where they are large, and slowly for more again.

        Large records may be anywhere, and each chain may have a page of them in memory.
        """
        if page.keys:
            grown = page.body_bytes / len(page.keys) - self._record_bytes
            self._record_bytes += grown if grown > 0 else grown * _LEARNING
            fitting = int(_PAGE_BYTES / max(1.0, self._record_bytes))
            self._limit = max(1, min(self._most, fitting))

    def _begin_again(self, chain: _Chain) -> None:
        """List what remains of a range in another way: its cursor was refused."""
        if not self._is_ordered:
            raise TargetError(
                "the service refused the cursor of a listing that is not in key order",
                "What was listed before is printed. Run the command again.",
            )
        # Beginning again with the same queries helps only while they find new keys.
        is_stuck = chain.pages > 0 and chain.range.after == chain.began_after
        if is_stuck and self._takes_prefixes is False:
            raise TargetError(
                "the service refuses the cursors of an entity, and refuses to list it by prefixes",
                "What was listed before is printed. Run the command again later.",
            )
        pages = math.inf if is_stuck else chain.pages if self._takes_prefixes else 0
        again = remaining(chain.range, pages_listed=pages)
        self._steps.put_nowait(_Step(chain.range, again))
        self._waiting.extendleft(reversed(again))
        self._begin_chains(self._chains)

    def _divisible(self) -> list[_Chain]:
        """Return the chains whose ranges may be divided, the most promising first."""
        able = [one for one in self._active if one.pages_since_division >= _PAGES_BEFORE_DIVISION]
        # A short prefix probably has more keys below it than a long one.
        return sorted(able, key=lambda one: (len(one.range.within), -one.pages))

    def _divide(self) -> bool:
        """Divide the most promising range. Return whether there are new ranges."""
        for chain in self._divisible():
            division = divided(chain.range)
            if division is not None and self._division.allows(len(division.others)):
                self._steps.put_nowait(_Step(chain.range, (division.kept, *division.others)))
                chain.range = division.kept
                chain.pages_since_division = 0
                self._waiting.extend(division.others)
                self._division.note_ranges(len(division.others))
                return True
        return False


def _is_past(chain: _Chain, page: Page) -> bool:
    return bool(page.keys) and chain.range.is_past(page.keys[-1])


def _part(range_: Range, keys: Sequence[str]) -> slice:
    """Return which keys of a page belong to its range: in key order, they are adjacent."""
    if keys and range_.holds(keys[0]) and range_.holds(keys[-1]):
        return slice(0, len(keys))
    places = [place for place, key in enumerate(keys) if range_.holds(key)]
    return slice(places[0], places[-1] + 1) if places else slice(0, 0)


def _out_of_order() -> TargetError:
    return TargetError(
        "the service does not list keys in order",
        "Run the command again with --concurrency 1 and without --journal.",
    )


def _out_of_order_later() -> TargetError:
    return TargetError(
        "the service stopped listing keys in order, so some may be listed twice",
        "What was listed before is printed. Run the command again.",
    )


def _endless(why: str) -> TargetError:
    return TargetError(
        f"{why}, so the listing would never end",
        "Check the target's URL, and whether a proxy answers in its place.",
    )
