"""Listing several ranges at a time: each key once, whatever the service does to cursors."""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import KvsctlError, TargetError
from kvsctl.listing import lister as lister_module
from kvsctl.listing.lister import Lister
from kvsctl.listing.ranges import Range
from kvsctl.listing.reading import CursorRefused
from kvsctl.model import Found
from kvsctl.service.queries import Page, Query
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
    monkeypatch.setattr(lister_module, "_REQUESTS_PER_PAGE", 100.0)
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

    with pytest.raises(TargetError, match="returned the cursor of the page before"):
        asyncio.run(take())
    assert taken == keys
