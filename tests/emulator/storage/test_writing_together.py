"""Writes that wait for each other share a commit, and each is still applied whole or not at all."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.emulator import DatabaseFailed
from kvsctl.emulator.storage import store as module
from kvsctl.emulator.storage.store import Store
from tests.support.examples import examples


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "kvs.db")
    yield opened
    opened.close()


def _put(store: Store, key: str, *, installation: str = "i") -> None:
    bucket = store.rows.get_or_create_bucket(installation, "")
    store.rows.write([(bucket, key, b"1", 0, 0, None)], -1)


def _keys(store: Store) -> list[str]:
    found = store.connection.execute("SELECT key FROM record ORDER BY key").fetchall()
    return [key for (key,) in found]


def _submitted(
    store: Store, works: list[tuple[Callable[[], Any], bool]]
) -> list[object | BaseException]:
    """Return how each work ended. All of them wait before the first begins."""
    gate = threading.Event()

    async def submit() -> list[object | BaseException]:
        first = asyncio.ensure_future(store.run(lambda: gate.wait(10)))
        rest = [asyncio.ensure_future(store.run(work, writes=writes)) for work, writes in works]
        await asyncio.sleep(0)
        gate.set()
        await first
        return list(await asyncio.gather(*rest, return_exceptions=True))

    return asyncio.run(submit())


def _statements(store: Store) -> list[str]:
    seen: list[str] = []
    store.connection.set_trace_callback(seen.append)
    return seen


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TOGETHER_SECONDS", 60.0)


@pytest.mark.usefixtures("unhurried")
def test_consecutive_writes_share_a_commit_that_reads_do_not_delay(store: Store) -> None:
    seen = _statements(store)
    write = (lambda: _put(store, "a"), True)
    read = (lambda: _keys(store), False)
    ends = _submitted(store, [write, write, read, write])
    assert ends == [None, None, ["a"], None]
    assert seen.count("BEGIN IMMEDIATE") == seen.count("COMMIT") == 2


def test_a_write_does_not_wait_for_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TOGETHER_SECONDS", 0.0)
    seen = _statements(store)
    _submitted(store, [(lambda: _put(store, "a"), True)] * 3)
    assert seen.count("COMMIT") == 3


def test_a_result_does_not_wait_for_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TOGETHER_SECONDS", 0.0)
    gate, is_back = threading.Event(), threading.Event()

    async def submit() -> bool:
        first = asyncio.ensure_future(store.run(lambda: gate.wait(10)))
        first.add_done_callback(lambda _: is_back.set())
        second = asyncio.ensure_future(store.run(lambda: is_back.wait(10)))
        await asyncio.sleep(0)
        gate.set()
        return await second

    assert asyncio.run(submit()) is True


class _Refused(Exception):
    pass


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=12))
@settings(max_examples=examples(40))
def test_a_write_that_raises_is_undone_alone(jobs: list[tuple[str, bool, bool]]) -> None:
    store = Store(":memory:")

    def work(key: str, *, fails: bool) -> str:
        _put(store, key, installation=key)
        if fails:
            raise _Refused
        return key

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TOGETHER_SECONDS", 60.0)
        works = [
            ((lambda: _keys(store)), False)
            if reads
            else ((lambda key=key, fails=fails: work(key, fails=fails)), True)
            for key, fails, reads in jobs
        ]
        ends = _submitted(store, works)
    there: set[str] = set()
    for (key, fails, reads), end in zip(jobs, ends, strict=True):
        if reads:
            assert end == sorted(there)
        elif fails:
            assert isinstance(end, _Refused)
        else:
            assert end == key
            there.add(key)
    assert _keys(store) == sorted(there)
    # A bucket of undone work is forgotten, so that nothing is written under its number.
    found = store.connection.execute("SELECT installation FROM bucket").fetchall()
    assert {name for (name,) in found} == there
    store.close()


def _full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


class _NoRoom:
    """A connection whose next commit finds no room."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.is_full = True

    def execute(self, sql: str, *parameters: Any) -> Any:
        if sql == "COMMIT" and self.is_full:
            self.is_full = False
            raise _full()
        return self._connection.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@pytest.mark.usefixtures("unhurried")
def test_a_commit_that_fails_applies_nothing_and_is_nobodys_success(store: Store) -> None:
    store.connection = _NoRoom(store.connection)  # type: ignore[assignment]
    ends = _submitted(store, [(lambda: _put(store, "a"), True), (lambda: _put(store, "b"), True)])
    assert [type(end) for end in ends] == [DatabaseFailed, DatabaseFailed]
    assert _keys(store) == []
    assert _submitted(store, [(lambda: _put(store, "c"), True)]) == [None]
    assert _keys(store) == ["c"]


@pytest.mark.usefixtures("unhurried")
def test_an_error_that_undoes_the_transaction_fails_all_that_was_done_in_it(store: Store) -> None:
    def runs_out_of_room() -> None:
        _put(store, "b")
        store.connection.execute("ROLLBACK")  # as SQLite does by itself
        raise _full()

    first, last = partial(_put, store, "a"), partial(_put, store, "c")
    ends = _submitted(store, [(first, True), (runs_out_of_room, True), (last, True)])
    assert [type(end) for end in ends] == [DatabaseFailed, DatabaseFailed, type(None)]
    assert _keys(store) == ["c"]


@pytest.mark.usefixtures("unhurried")
def test_an_error_of_one_write_leaves_the_others(store: Store) -> None:
    def fails() -> None:
        _put(store, "b")
        raise _full()

    ends = _submitted(store, [(fails, True), (lambda: _put(store, "c"), True)])
    assert [type(end) for end in ends] == [DatabaseFailed, type(None)]
    assert _keys(store) == ["c"]


def test_what_was_submitted_is_finished_on_closing(store: Store) -> None:
    async def closing() -> list[object]:
        works = [partial(_put, store, key) for key in "abc"]
        jobs = [asyncio.ensure_future(store.run(work, writes=True)) for work in works]
        await asyncio.sleep(0)
        store.close()
        return list(await asyncio.gather(*jobs))

    assert asyncio.run(closing()) == [None] * 3
    reopened = Store(store.path)
    assert _keys(reopened) == ["a", "b", "c"]
    reopened.close()
