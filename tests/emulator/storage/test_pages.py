"""Pages of keys: what they hold, and that they read no other keys."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.emulator.storage.lagging import PastVersions
from kvsctl.emulator.storage.rows import PLAIN, Row
from kvsctl.emulator.storage.store import Store

_TEXTS = st.text(alphabet="ab:\ufeff", max_size=3)
_NOW = 1_000


def _store(keys: list[str]) -> tuple[Store, int]:
    store = Store(":memory:")
    bucket = store.rows.get_or_create_bucket("one", PLAIN)
    rows = [(bucket, key, b"1", _NOW, _NOW, None) for key in keys]
    if rows:
        store.writing(lambda: store.rows.write(rows, 0))
    return store, bucket


def _pages(store: Store) -> list[Callable[[int, str, str | None, int], list[Row]]]:
    past = PastVersions(store.connection)
    return [
        lambda bucket, prefix, after, limit: store.rows.page(bucket, prefix, after, limit, 0),
        lambda bucket, prefix, after, limit: past.page(bucket, prefix, after, limit, 0, _NOW),
    ]


@given(st.lists(_TEXTS.filter(bool), unique=True), _TEXTS, st.none() | _TEXTS, st.integers(1, 4))
def test_a_page_holds_the_next_keys_with_its_prefix(
    keys: list[str], prefix: str, after: str | None, limit: int
) -> None:
    store, bucket = _store(keys)
    with closing(store.connection):
        expected = sorted(
            key for key in keys if key.startswith(prefix) and (after is None or key > after)
        )[:limit]
        for page in _pages(store):
            assert [row.key for row in page(bucket, prefix, after, limit)] == expected


@pytest.mark.parametrize(("prefix", "after"), [("z", None), ("", None), ("k", "k8999"), ("z", "k")])
def test_a_page_does_not_read_the_keys_before_it(prefix: str, after: str | None) -> None:
    store, bucket = _store([f"k{number:04}" for number in range(9000)])
    with closing(store.connection):
        page = _pages(store)[0]
        assert _steps(store.connection, lambda: page(bucket, prefix, after, 10)) < 1000


def _steps(connection: sqlite3.Connection, work: Callable[[], object]) -> int:
    """Return about how many instructions of its virtual machine SQLite takes."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 10
        return 0

    connection.set_progress_handler(count, 10)
    work()
    connection.set_progress_handler(None, 0)
    return steps
