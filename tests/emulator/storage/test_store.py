"""The database file: private, versioned, shared by processes, one transaction per batch."""

import asyncio
import gc
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from kvsctl.emulator import EmulatorError, embedded
from kvsctl.emulator.refusals import ConnectionLost, DatabaseFailed
from kvsctl.emulator.storage.rows import Rows
from kvsctl.emulator.storage.store import Store
from tests.emulator.support import OpenClient, emulator_client
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import wait_until


def test_records_survive_closing(tmp_path: Path, open_client: OpenClient) -> None:
    path = tmp_path / "deep" / "kvs.db"
    first = open_client(path)
    first.ok("/v1/batch/set", [{"key": "a", "value": 1}])
    first.emulator.close()
    assert open_client(path).ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"]


def test_only_the_owner_may_read_the_files(tmp_path: Path, open_client: OpenClient) -> None:
    path = tmp_path / "kvs.db"
    open_client(path).ok("/v1/batch/set", [{"key": "a", "value": 1}])
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["kvs.db", "kvs.db-shm", "kvs.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kvs.db"
    embedded(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(EmulatorError, match="has format 99"):
        embedded(path)


@pytest.mark.parametrize(
    "before", ["SELECT application_id", "PRAGMA journal_mode", "BEGIN IMMEDIATE"]
)
def test_two_processes_may_create_the_file_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    path = tmp_path / "kvs.db"
    connect = sqlite3.connect
    began: list[str] = []
    created: list[str] = []

    def create_between(statement: str) -> None:
        # Between the statements of the first process, which locks the file within them.
        if statement.startswith(before) and not began:
            began.append(statement)
            embedded(path).close()
            created.append(statement)

    def connected(*args: Any, **options: Any) -> sqlite3.Connection:
        monkeypatch.setattr(sqlite3, "connect", connect)
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(create_between)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connected)
    embedded(path).close()
    assert len(created) == 1


def test_another_programs_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    with pytest.raises(EmulatorError, match="another program's"):
        embedded(path)
    text = tmp_path / "text"
    text.write_text("this is not a database, but long enough to be examined as one" * 20)
    with pytest.raises(EmulatorError, match=r"cannot use .* as a database"):
        embedded(text)
    with pytest.raises(EmulatorError, match=r"cannot open .*: is a directory"):
        embedded(tmp_path)


@only_on(IS_POSIX, "links of POSIX")
def test_a_link_beside_the_database_gives_no_other_file_a_mode(tmp_path: Path) -> None:
    path, foreign, link = tmp_path / "db", tmp_path / "foreign", tmp_path / "link"
    embedded(path).close()
    foreign.touch()
    foreign.chmod(0o644)
    (tmp_path / "db-wal").symlink_to(foreign)
    with suppress(EmulatorError, DatabaseFailed):
        embedded(path).close()
    assert foreign.stat().st_mode & 0o777 == 0o644
    (tmp_path / "db-wal").unlink()
    (tmp_path / "db-shm").touch(0o644)
    (tmp_path / "db-shm").chmod(0o644)
    link.symlink_to(path)
    opened = embedded(link)
    assert (tmp_path / "db-shm").stat().st_mode & 0o777 == 0o600
    opened.close()


@only_on(IS_POSIX, "pipes and devices of POSIX")
def test_a_pipe_or_device_is_refused_and_keeps_its_mode(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o644)
    link = tmp_path / "link"
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(EmulatorError, match=r"cannot open .*: not a regular file"):
            embedded(path)
    assert pipe.stat().st_mode & 0o777 == 0o644


def test_a_store_that_nobody_closes_is_closed_when_it_is_forgotten() -> None:
    """From Python 3.13 on, a connection that is left open is a warning."""
    emulator = embedded(":memory:")
    connection = emulator.store.connection
    del emulator
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_store_whose_thread_has_worked_is_closed_when_it_is_forgotten(tmp_path: Path) -> None:
    """Else each emulator of a test run would keep a thread and three open files."""
    before = {*threading.enumerate()}
    emulator = embedded(tmp_path / "db")
    connection = emulator.store.connection
    asyncio.run(emulator.store.run(lambda: connection.execute("SELECT 1"), writes=True))
    (thread,) = {*threading.enumerate()} - before
    del emulator
    wait_until(lambda: gc.collect() >= 0 and not thread.is_alive())
    # Not earlier: a connection that is used while another thread closes it ends the process.
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_failed_transaction_changes_nothing() -> None:
    store = Store(":memory:")

    def fails() -> None:
        bucket = store.rows.get_or_create_bucket("i", "")
        store.rows.write([(bucket, "a", b"1", 0, 0, None)], -1)
        raise KeyError("a")

    with pytest.raises(KeyError):
        store.writing(fails)
    assert store.rows.bucket("i", "") is None
    store.close()


def test_work_is_done_off_the_event_loop() -> None:
    store = Store(":memory:")

    async def names() -> tuple[str, str]:
        here = threading.current_thread().name
        return here, await store.run(lambda: threading.current_thread().name)

    here, there = asyncio.run(names())
    assert here != there == "emulator-store"
    store.close()
    store.close()
    with pytest.raises(ConnectionLost, match="closed"):
        asyncio.run(names())


def test_the_thread_survives_a_cancelled_caller() -> None:
    store = Store(":memory:")
    started, leave = threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        leave.wait(10)

    async def cancelled() -> None:
        task = asyncio.create_task(store.run(slow))
        await asyncio.to_thread(started.wait, 10)
        task.cancel()

    asyncio.run(cancelled())
    leave.set()
    assert asyncio.run(store.run(lambda: 1)) == 1
    store.close()


def test_keys_list_in_lexicographic_order() -> None:
    store = Store(":memory:")
    bucket = store.writing(lambda: store.rows.get_or_create_bucket("i", ""))
    keys = ["b", "a", "a b", "a\ufeff", "a-", "B", "a\u2028", "aa"]
    store.rows.write([(bucket, key, b"1", 0, 0, None) for key in keys], -1)
    assert [row.key for row in store.rows.page(bucket, "", None, 100, -1)] == sorted(keys)
    assert [row.key for row in store.rows.page(bucket, "a", "a", 3, -1)] == sorted(
        key for key in keys if key.startswith("a")
    )[1:4]
    store.close()


def test_the_json_of_keys_is_in_their_order_or_not_all_there() -> None:
    store = Store(":memory:")
    bucket = store.rows.get_or_create_bucket("i", "")
    ends = {"b": None, "a": 5, "c": 6}
    values = {"a": b"1.0", "b": '"\u00e9\U0001f600"'.encode(), "c": b'{"x" : "%s,\\n"}'}
    rows = [(bucket, key, values[key], 0, 0, at) for key, at in ends.items()]
    store.rows.write(rows, -1)
    shown = b",".join(b'{"key":"%b","value":%b}' % (key.encode(), values[key]) for key in "cab")
    assert store.rows.json_of(bucket, ["c", "a", "b"], 4) == shown
    assert store.rows.json_of(bucket, ["c", "a", "b"], 5) is None, "one has expired"
    assert store.rows.json_of(bucket, ["c", "x"], 4) is None
    assert store.rows.json_of(bucket, ["x"], 4) is None
    plan: list[str] = []
    store.connection.set_trace_callback(plan.append)
    store.rows.json_of(bucket, ["c", "a"], 4)
    store.connection.set_trace_callback(None)
    steps = store.connection.execute(f"EXPLAIN QUERY PLAN {plan[0]}").fetchall()
    assert any("SEARCH record USING PRIMARY KEY (bucket=? AND key=?)" in one[3] for one in steps)
    store.close()


def test_purging_deletes_expired_records() -> None:
    store = Store(":memory:")
    rows: Rows = store.rows
    bucket = rows.get_or_create_bucket("i", "")
    rows.write([(bucket, key, b"1", 0, 0, at) for key, at in (("a", 5), ("b", 6), ("c", None))], -1)
    assert rows.purge(5) == 1
    assert [row.key for row in rows.each(bucket, -1)] == ["b", "c"]
    store.close()


WRITER = """
import sys
from tests.emulator.support import emulator_client
client = emulator_client(sys.argv[1])
for n in range(40):
    batch = [{"key": f"{sys.argv[2]}-{n}-{i}", "value": n} for i in range(25)]
    assert len(client.ok("/v1/batch/set", batch)["successfulKeys"]) == 25
client.emulator.close()
"""


def test_two_processes_may_use_a_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "kvs.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    client = emulator_client(path)
    bucket = client.emulator.store.rows.bucket("default", "")
    assert bucket is not None
    assert len(list(client.emulator.store.rows.each(bucket, -1))) == 2000
    client.emulator.close()


def test_nothing_heavy_is_imported() -> None:
    script = (
        "import sys, kvsctl.emulator;"
        "print([m for m in ('uvicorn','starlette','pydantic','yaml','httpx','anyio','random',"
        "'kvsctl.emulator.switches.quota','kvsctl.emulator.switches.faults',"
        "'kvsctl.emulator.web.admin') "
        "if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert shown.stdout.strip() == b"[]"


class TestReadsOnLoop:
    """Reads that are done at once, without the store's thread."""

    @staticmethod
    async def _thread(store: Store, *, writes: bool) -> threading.Thread:
        return await store.run(threading.current_thread, writes=writes)

    def test_only_reads_run_on_the_loop_and_only_if_asked(self) -> None:
        async def threads(*, reads_on_loop: bool) -> list[bool]:
            with closing(Store(":memory:", reads_on_loop=reads_on_loop)) as store:
                found = [await self._thread(store, writes=writes) for writes in (False, True)]
            return [thread is threading.current_thread() for thread in found]

        assert asyncio.run(threads(reads_on_loop=True)) == [True, False]
        assert asyncio.run(threads(reads_on_loop=False)) == [False, False]

    def test_a_read_never_sees_a_write_that_has_not_ended(self) -> None:
        begun, may_end = threading.Event(), threading.Event()

        def write(store: Store) -> None:
            begun.set()
            assert may_end.wait(10)

        async def work() -> bool:
            with closing(Store(":memory:", reads_on_loop=True)) as store:
                writing = asyncio.create_task(store.run(lambda: write(store), writes=True))
                assert await asyncio.to_thread(begun.wait, 10)
                reading = asyncio.create_task(self._thread(store, writes=False))
                for _ in range(10):
                    await asyncio.sleep(0)
                was_waiting = not reading.done()
                may_end.set()
                await writing
                thread = await reading
                return was_waiting and thread is not threading.current_thread()

        assert asyncio.run(work())

    def test_other_work_gets_a_turn_between_reads(self) -> None:
        async def work() -> int:
            turns = 0

            async def other() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            with closing(Store(":memory:", reads_on_loop=True)) as store:
                task = asyncio.create_task(other())
                for _ in range(20):
                    await self._thread(store, writes=False)
                task.cancel()
            return turns

        assert asyncio.run(work()) >= 20

    def test_a_read_is_refused_if_the_store_closes_before_its_turn(self) -> None:
        async def work() -> None:
            store = Store(":memory:", reads_on_loop=True)
            read = store.run(lambda: store.connection.execute("SELECT 1").fetchall())
            reading = asyncio.create_task(read)
            await asyncio.sleep(0)
            store.close()
            await reading

        with pytest.raises(ConnectionLost, match="the store is closed"):
            asyncio.run(work())

    def test_a_failure_of_the_database_is_named_as_in_the_thread(self) -> None:
        async def work() -> None:
            with closing(Store(":memory:", reads_on_loop=True)) as store:
                await store.run(lambda: store.connection.execute("SELECT * FROM absent"))

        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            asyncio.run(work())
