"""Listing several ranges at a time: each key once, whatever the service does to cursors."""

import asyncio
import gc
from bisect import bisect_right
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import KvsctlError, TargetError
from kvsctl.listing import lister as lister_module
from kvsctl.listing import ranges as ranges_module
from kvsctl.listing import repeats
from kvsctl.listing.lister import Lister
from kvsctl.listing.ranges import Range
from kvsctl.listing.reading import CursorRefused
from kvsctl.model import Found
from kvsctl.service.queries import EntityIndex, Page, Query
from kvsctl.slabs import FoundSlab

_KEYS = st.lists(st.text(alphabet="ab0:\t\ufeff", min_size=1, max_size=6), unique=True)


class _Store:
    """A store that lists its keys, and refuses some cursors."""

    def __init__(self, keys: Sequence[str], *, refuses: float = 0.0, seed: int = 0) -> None:
        self.keys = sorted(keys)
        self.refuses = refuses
        self.random = Random(seed)
        self.queries = 0
        self.together = 0
        self.most_together = 0
        self.page = 3
        self.value = b"1"

    async def read(self, query: Query) -> Page:
        self.queries += 1
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)
        self.together -= 1
        if query.cursor is not None and self.random.random() < self.refuses:
            raise CursorRefused
        keys = [key for key in self.keys if key.startswith(query.prefix)]
        start = 0 if query.cursor is None else bisect_right(keys, query.cursor)
        limit = min(self.page, query.limit)
        part = keys[start : start + limit]
        more = start + limit < len(keys)
        found = FoundSlab.of([Found(self.value)] * len(part))
        return Page(part, found, part[-1] if more else None, len(part) * len(self.value))


async def _taken(lister: Lister, most: int = 10**9) -> list[str]:
    keys: list[str] = []
    async for listed in lister.pages():
        assert len(listed.keys) == len(listed.found)
        keys += listed.keys
        if len(keys) >= most:
            break
    return keys


@pytest.fixture(autouse=True)
def _divides_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divide ranges of a few pages, however little that brings."""
    monkeypatch.setattr(ranges_module, "_REQUESTS_PER_PAGE", 100.0)
    monkeypatch.setattr(lister_module, "_PAGES_BEFORE_DIVISION", 1)


@given(_KEYS, st.integers(1, 5), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 1000))
def test_each_key_is_listed_once(keys: list[str], chains: int, refuses: float, seed: int) -> None:
    store = _Store(keys, refuses=refuses, seed=seed)
    lister = Lister(store.read, [Range.of_prefix("")], chains=chains)
    listed = asyncio.run(_taken(lister))
    assert sorted(listed) == store.keys
    assert store.most_together <= chains
    assert lister.left == []
    if chains == 1:
        assert listed == store.keys


@given(_KEYS, st.integers(1, 5), st.integers(0, 30), st.integers(0, 1000))
def test_what_is_left_is_the_rest(keys: list[str], chains: int, most: int, seed: int) -> None:
    store = _Store(keys, refuses=0.1, seed=seed)
    lister = Lister(store.read, [Range.of_prefix("")], chains=chains)
    listed = asyncio.run(_taken(lister, most))
    rest = Lister(store.read, lister.left, chains=chains)
    assert sorted(listed + asyncio.run(_taken(rest))) == store.keys


def test_a_hot_prefix_is_divided() -> None:
    store = _Store([f"user:{number:05}" for number in range(3000)] + ["a", "z"])
    store.page = 10
    lister = Lister(store.read, [Range.of_prefix("")], chains=4)
    assert sorted(asyncio.run(_taken(lister))) == store.keys
    assert store.most_together == 4
    # A page costs a query; the rest are those of divisions.
    assert store.queries < 3 * 300 + 1000


def test_a_small_store_takes_one_query() -> None:
    store = _Store(["a", "b"])
    asyncio.run(_taken(Lister(store.read, [Range.of_prefix("")], chains=8)))
    assert store.queries == 1


def test_a_page_of_large_values_has_fewer_records() -> None:
    store = _Store([f"k{number:03}" for number in range(100)])
    store.page, store.value = 100, b"1" * 100_000
    asked: list[int] = []

    async def read(query: Query) -> Page:
        asked.append(query.limit)
        return await store.read(query)

    store.page = 50
    listed = asyncio.run(_taken(Lister(read, [Range.of_prefix("")], chains=1)))
    assert listed == store.keys
    assert asked == [100] + [10] * 5


def test_after_large_records_pages_grow_slowly() -> None:
    asked: list[int] = []

    async def read(query: Query) -> Page:
        asked.append(query.limit)
        size = 200_000 if len(asked) == 3 else 100
        key = f"k{len(asked):03}"
        cursor = key if len(asked) < 100 else None
        return Page([key], FoundSlab.of([Found(b"1")]), cursor, size)

    asyncio.run(_taken(Lister(read, [Range.of_prefix("")], chains=1)))
    assert asked[:3] == [100] * 3
    assert asked[3:7] == [5, 5, 6, 6]
    assert asked[-1] == 100


def test_no_more_pages_are_read_than_there_is_room_for() -> None:
    store = _Store([f"k{number:03}" for number in range(100)])

    async def read_slowly() -> int:
        pages = Lister(store.read, [Range.of_prefix("")], chains=1).pages()
        await anext(pages)
        for _ in range(100):
            await asyncio.sleep(0)
        await pages.aclose()
        return store.queries

    assert asyncio.run(read_slowly()) < 10


def test_an_error_while_the_pages_are_closed_is_not_printed_by_asyncio() -> None:
    store = _Store(["a", "b", "c", "d"])
    reported: list[str] = []

    async def read(query: Query) -> Page:
        if query.cursor is None:
            return await store.read(query)
        try:
            await asyncio.Event().wait()
        finally:
            raise TargetError("gone")

    async def close_early() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: reported.append(context["message"]))
        pages = Lister(read, [Range.of_prefix("")], chains=1).pages()
        await anext(pages)
        for _ in range(100):
            await asyncio.sleep(0)
        await pages.aclose()
        del pages
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(close_early())
    assert reported == []


def test_an_error_ends_the_listing_after_what_was_listed() -> None:
    store = _Store([f"k{number:03}" for number in range(100)])

    async def read(query: Query) -> Page:
        if store.queries == 5:
            raise TargetError("gone")
        return await store.read(query)

    keys: list[str] = []
    lister = Lister(read, [Range.of_prefix("")], chains=2)

    async def take() -> None:
        async for listed in lister.pages():
            keys.extend(listed.keys)

    with pytest.raises(TargetError, match="gone"):
        asyncio.run(take())
    rest = asyncio.run(_taken(Lister(store.read, lister.left, chains=1)))
    assert sorted(keys + rest) == store.keys


class TestOutOfOrder:
    """A service that lists in another order: one chain of queries still lists everything."""

    @staticmethod
    async def _read(query: Query) -> Page:
        keys = ["b", "c", "a", "d"]
        start = int(query.cursor or 0)
        part = keys[start : start + 2]
        cursor = str(start + 2) if start + 2 < len(keys) else None
        return Page(part, FoundSlab.of([Found(b"1")] * len(part)), cursor)

    def test_one_chain_lists_it(self) -> None:
        lister = Lister(self._read, [Range.of_prefix("")], chains=1)
        assert asyncio.run(_taken(lister)) == ["b", "c", "a", "d"]

    def test_its_rest_is_all_of_it(self) -> None:
        lister = Lister(self._read, [Range.of_prefix("")], chains=1)
        asyncio.run(_taken(lister, 4))
        assert lister.left in ([], [Range.of_prefix("")])

    @pytest.mark.parametrize(("chains", "after"), [(2, None), (1, "a")])
    def test_nothing_else_is_possible(self, chains: int, after: str | None) -> None:
        lister = Lister(self._read, [Range("", "", after)], chains=chains)
        with pytest.raises(KvsctlError, match="does not list keys in order"):
            asyncio.run(_taken(lister))


@pytest.mark.parametrize("keys", [[], ["a"]])
@pytest.mark.parametrize("chains", [1, 3])
def test_a_service_that_repeats_its_cursor_ends_the_listing(keys: list[str], chains: int) -> None:
    async def read(query: Query) -> Page:
        del query
        return Page(keys, FoundSlab.of([Found(b"1")] * len(keys)), "same")

    lister = Lister(read, [Range.of_prefix("")], chains=chains)
    taken: list[str] = []

    async def take() -> None:
        async for listed in lister.pages():
            taken.extend(listed.keys)

    with pytest.raises(TargetError, match="returned a cursor again"):
        asyncio.run(take())
    assert taken == keys


@pytest.mark.parametrize("chains", [1, 3])
@pytest.mark.parametrize("by_index", [False, True])
@pytest.mark.parametrize("length", [2, 3, 7])
@pytest.mark.parametrize("has_keys", [False, True])
def test_cursors_that_alternate_end_the_listing_with_each_key_once(
    chains: int, by_index: bool, length: int, has_keys: bool
) -> None:
    """The service returns to an earlier page for ever, whether or not pages have records."""
    pages = [["b", "c"], ["a", "d"], *([str(number)] for number in range(length))]
    queries = 0

    async def read(query: Query) -> Page:
        nonlocal queries
        queries += 1
        assert queries < 50
        number = 0 if query.cursor is None else int(query.cursor)
        keys = pages[number] if has_keys else []
        follower = number + 1 if number + 1 < len(pages) else len(pages) - length
        return Page(keys, FoundSlab.of([Found(b"1")] * len(keys)), str(follower))

    entity = EntityIndex("pet", "by-age") if by_index else None
    lister = Lister(read, [Range.of_prefix("")], chains=1 if by_index else chains, entity=entity)
    taken: list[str] = []

    async def take() -> None:
        async for listed in lister.pages():
            taken.extend(listed.keys)

    is_one_by_one = by_index or chains == 1
    message = "never end" if is_one_by_one or not has_keys else "does not list keys in order"
    with pytest.raises(TargetError, match=message):
        asyncio.run(take())
    assert len(set(taken)) == len(taken)
    if is_one_by_one and has_keys:
        assert taken == [key for page in pages for key in page]


@pytest.mark.parametrize("by_index", [False, True])
@pytest.mark.parametrize("keys", [[], ["b", "a"]])
def test_pages_that_bring_nothing_new_end_the_listing(by_index: bool, keys: list[str]) -> None:
    """The service repeats its first page, each time with another cursor."""
    queries = 0

    async def read(query: Query) -> Page:
        nonlocal queries
        del query
        queries += 1
        return Page(keys, FoundSlab.of([Found(b"1")] * len(keys)), str(queries))

    entity = EntityIndex("pet", "by-age") if by_index else None
    lister = Lister(read, [Range.of_prefix("")], chains=1, entity=entity)
    taken: list[str] = []

    async def take() -> None:
        async for listed in lister.pages():
            taken.extend(listed.keys)

    with pytest.raises(TargetError, match="1,000 pages of the service brought nothing new"):
        asyncio.run(take())
    assert taken == keys
    assert queries == 1001 + bool(keys)


@given(st.lists(st.sampled_from("abcdefg"), max_size=30), st.booleans(), st.integers(1, 4))
def test_a_key_that_moves_while_it_is_listed_comes_once(
    keys: list[str], by_index: bool, page: int
) -> None:
    async def read(query: Query) -> Page:
        start = int(query.cursor or 0)
        part = keys[start : start + page]
        cursor = str(start + page) if start + page < len(keys) else None
        return Page(part, FoundSlab.of([Found(b"1")] * len(part)), cursor)

    entity = EntityIndex("pet", "by-age") if by_index else None
    lister = Lister(read, [Range.of_prefix("")], chains=1, entity=entity)
    assert asyncio.run(_taken(lister)) == list(dict.fromkeys(keys))


def test_an_order_that_ends_late_ends_the_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which keys came before the last one is not remembered for ever."""
    monkeypatch.setattr(repeats, "_MOST_EARLY", 10)
    store = _Store([f"k{number:03}" for number in range(30)])
    store.page = 30

    async def read(query: Query) -> Page:
        page = await store.read(query)
        return page if query.cursor is None else Page(["k005"], page.found[:1])

    keys = list(store.keys)
    store.keys = keys[:20]
    assert asyncio.run(_taken(Lister(store.read, [Range.of_prefix("")], chains=1))) == keys[:20]
    store.keys, store.page = keys, 20
    lister = Lister(read, [Range.of_prefix("")], chains=1)
    with pytest.raises(TargetError, match="stopped listing keys in order"):
        asyncio.run(_taken(lister))
