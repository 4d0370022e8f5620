"""How long a large listing takes where each query takes the same time, in virtual time."""

import asyncio
import string
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import pytest
from msgspec import Raw

from kvsctl.listing.lister import Lister
from kvsctl.listing.ranges import Range
from kvsctl.service.queries import Page, Query
from kvsctl.slabs import FoundSlab
from tests.support.simulated.virtual_time import run_virtual

_FIRST = string.ascii_lowercase + string.digits
_COUNT = 500_000
_CHAINS = 8
_QUERY_SECONDS = 0.05
_LEAST_SECONDS = _COUNT / 100 * _QUERY_SECONDS / _CHAINS


def _even() -> Iterable[str]:
    return (f"{_FIRST[number % 36]}{number:07}" for number in range(_COUNT))


def _hot() -> Iterable[str]:
    """Nine of ten keys begin with one prefix, and are spread evenly below it."""
    for number, key in enumerate(_even()):
        yield key if number % 10 == 0 else f"session:{number * 10**7 // _COUNT:07}"


def _listed(keys: list[str]) -> tuple[float, int]:
    """Return the seconds and the queries that listing the keys takes."""
    queries = 0

    async def read(query: Query) -> Page:
        nonlocal queries
        queries += 1
        await asyncio.sleep(_QUERY_SECONDS)
        start = bisect_left(keys, query.prefix)
        if query.cursor is not None:
            start = bisect_right(keys, query.cursor)
        end = bisect_left(keys, f"{query.prefix}\uffff") if query.prefix else len(keys)
        part = keys[start : min(end, start + query.limit)]
        cursor = part[-1] if start + query.limit < end else None
        return Page(part, FoundSlab([Raw(b"1")] * len(part)), cursor, 100 * len(part))

    async def work() -> float:
        lister = Lister(read, [Range.of_prefix("")], chains=_CHAINS)
        assert sum([len(listed.keys) async for listed in lister.pages()]) == len(keys)
        return asyncio.get_running_loop().time()

    return run_virtual(work()), queries


@pytest.mark.slow
def test_a_hot_prefix_does_not_keep_ranges_from_being_read_together() -> None:
    even_seconds, even_queries = _listed(sorted(_even()))
    hot_seconds, hot_queries = _listed(sorted(_hot()))
    assert even_seconds < 1.3 * _LEAST_SECONDS
    assert hot_seconds < 1.3 * even_seconds
    assert max(even_queries, hot_queries) < 1.25 * _COUNT / 100
