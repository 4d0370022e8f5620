"""The library for callers without an event loop, against the emulator."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kvsctl import Client
from kvsctl.bulk.events import Event, Settled
from kvsctl.client.results import FailedRecord, Result, StoredRecord
from kvsctl.emulator import embedded
from kvsctl.errors import TargetError, UsageError
from kvsctl.service.transport.in_process import in_process
from tests.client.clients import URL, arriving, environ_of, in_memory
from tests.support.commands.server import served


@pytest.fixture
def client() -> Iterator[Client]:
    """An open client of an empty store."""
    with Client(URL, transport=in_process(URL, in_memory(), 30)) as client:
        yield client


def _client_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "kvsctl-client"]


def _values(client: Client, *keys: str) -> list[Any]:
    return [
        record.value if isinstance(record, StoredRecord) else record.code
        for record in client.get_many(keys)
    ]


@pytest.mark.parametrize("kind", ["list", "iterator", "async"])
def test_what_is_written_is_read(client: Client, kind: str) -> None:
    records = [{"key": f"k{n:04}", "value": n} for n in range(1200)]
    given: Any = {"list": records, "iterator": iter(records), "async": arriving(records)}[kind]
    result = client.set_many(given)
    assert (result.succeeded, result.failed, [*result]) == (1200, 0, [])
    assert _values(client, "k0007", "gone") == [7, "KEY_NOT_FOUND"]
    assert [one.key for one in client.scan("k11")] == [f"k{n}" for n in range(1100, 1200)]
    assert client.delete_many(str(one.key) for one in client.scan()).succeeded == 1200
    assert [*client.scan()] == []


def test_a_cursor_is_read_in_the_thread_that_made_it(client: Client) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (n INTEGER)")
        database.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(5000)])
        rows = database.execute("SELECT n FROM t")
        result = client.set_many({"key": f"k{n}", "value": n} for (n,) in rows)
    database.close()
    assert result.succeeded == 5000


def test_keys_are_read_in_the_thread_that_asks_for_the_records(client: Client) -> None:
    client.set_many([{"key": f"k{number}", "value": number} for number in range(5000)])
    threads = set()

    def keys() -> Iterator[str]:
        for number in range(5000):
            threads.add(threading.current_thread())
            yield f"k{number}"

    values = [one.value for one in client.get_many(keys()) if isinstance(one, StoredRecord)]
    assert values == [*range(5000)]
    assert threads == {threading.current_thread()}


def test_an_exception_of_keys_is_raised_after_their_records(client: Client) -> None:
    def failing() -> Iterator[str]:
        yield "k"
        raise LookupError("the database is gone")

    reading = client.get_many(failing())
    assert next(reading).key == "k"
    with pytest.raises(LookupError, match="the database is gone"):
        next(reading)


def test_keys_without_end_are_read_as_they_are_needed(client: Client) -> None:
    given = 0

    def endless() -> Iterator[str]:
        nonlocal given
        while True:
            given += 1
            yield f"k{given}"

    reading = client.get_many(endless())
    assert [next(reading).key for _ in range(3)] == ["k1", "k2", "k3"]
    reading.close()
    assert given < 50_000


def test_an_exception_of_the_iterator_is_raised_after_what_it_gave(client: Client) -> None:
    def failing() -> Iterator[dict[str, Any]]:
        yield {"key": "k", "value": 1}
        raise LookupError("the database is gone")

    with pytest.raises(LookupError, match="the database is gone"):
        client.set_many(failing())
    assert _values(client, "k") == [1]


def test_an_interrupt_of_the_iterator_is_raised_at_once(client: Client) -> None:
    def interrupted() -> Iterator[dict[str, Any]]:
        yield {"key": "k", "value": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.set_many(interrupted())
    assert client.set_many([{"key": "l", "value": 1}]).succeeded == 1


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_whatever_an_async_iterable_raises_is_raised_in_the_thread_that_called(
    client: Client, kind: type[BaseException]
) -> None:
    def failing() -> Iterator[Any]:
        yield {"key": "k", "value": 1}
        raise kind

    with pytest.raises(kind):
        client.set_many(arriving(failing()))
    assert _values(client, "k") == [1]
    with pytest.raises(kind):
        [*client.get_many(arriving(failing()))]
    assert _values(client, "k") == [1]


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
@pytest.mark.parametrize("name", ["set_many", "get_many", "scan", "export_lines"])
def test_whatever_a_listener_raises_ends_its_call_alone(
    client: Client, name: str, raised: type[BaseException]
) -> None:
    def failing(event: Event) -> None:
        raise raised

    calls: dict[str, Callable[..., Any]] = {
        "set_many": lambda: client.set_many([{"key": "k", "value": 1}], listeners=[failing]),
        "get_many": lambda: [*client.get_many(["k"], listeners=[failing])],
        "scan": lambda: [*client.scan(listeners=[failing])],
        "export_lines": lambda: [*client.export_lines(listeners=[failing])],
    }
    client.set_many([{"key": "k", "value": 1}])
    # A listener is not a task that could be cancelled.
    expected = RuntimeError if raised is asyncio.CancelledError else raised
    with pytest.raises(expected):
        calls[name]()
    assert _values(client, "k") == [1]


def test_an_endless_iterator_is_left_when_the_call_ends() -> None:
    def endless() -> Iterator[dict[str, Any]]:
        while True:
            yield {"key": "?", "value": 1}

    carrier = in_process(URL, in_memory(), 30)
    with Client(URL, transport=carrier, max_failures=3) as client:
        with pytest.raises(Exception, match="failed") as caught:
            client.set_many(endless())
        result = caught.value.result  # type: ignore[attr-defined]
    assert isinstance(result, Result)
    assert all(isinstance(one, FailedRecord) for one in result)


def test_it_works_where_a_loop_runs(client: Client) -> None:
    async def work() -> None:
        assert client.set_many([{"key": "k", "value": 1}]).succeeded == 1
        assert _values(client, "k") == [1]

    asyncio.run(work())


def test_threads_share_a_client(client: Client) -> None:
    def work(name: int) -> int:
        client.set_many({"key": f"{name}:{n:03}", "value": n} for n in range(200))
        return len([*client.scan(f"{name}:")])

    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(work, range(8))] == [200] * 8


def test_a_caller_may_stop_at_any_record(client: Client) -> None:
    client.set_many({"key": f"k{n:03}", "value": n} for n in range(300))
    for record in client.scan():
        if record.key == "k003":
            break
    reading = client.get_many(f"k{n:03}" for n in range(300))
    assert next(reading).key == "k000"
    client.close()
    with pytest.raises(UsageError, match="the client is not open"):
        list(reading)


def test_it_ends_with_its_thread(tmp_path: Path) -> None:
    for _ in range(3):
        with Client.from_target("local", environ=environ_of(tmp_path)) as client:
            assert client.set_many([{"key": "k", "value": 1}]).succeeded == 1
            assert _client_threads() == ["kvsctl-client"]
    assert _client_threads() == []
    with pytest.raises(UsageError, match="the client is not open"):
        client.set_many([])
    client.close()


def test_it_reaches_a_server(tmp_path: Path) -> None:
    with served(embedded(tmp_path / "served.db")) as url, Client(url) as client:
        assert client.set_many({"key": f"k{n}", "value": n} for n in range(100)).succeeded == 100
    with Client(URL, retries=0) as client, pytest.raises(TargetError):
        client.delete_many(iter(["k"]))


def test_a_listener_cannot_call_the_client_that_calls_it(client: Client) -> None:
    refused: list[str] = []

    def listener(event: Event) -> None:
        if isinstance(event, Settled):
            with pytest.raises(UsageError) as caught:
                client.set_many([])
            refused.append(caught.value.message)

    client.set_many([{"key": "k", "value": 1}], listeners=[listener])
    assert refused == ["a listener called the client that calls it"]


def test_a_client_is_opened_once_at_a_time_and_shows_its_target(client: Client) -> None:
    assert repr(client) == f"Client('{URL}')"
    with pytest.raises(UsageError, match="the client is open already"):
        client.__enter__()


@pytest.mark.parametrize("given", ["key", {"key": "k", "value": 1}, 5, None], ids=str)
def test_a_single_key_or_record_is_refused(client: Client, given: Any) -> None:
    with pytest.raises(UsageError, match="expected an iterable of records or keys"):
        client.set_many(given)
    with pytest.raises(UsageError, match="expected an iterable of records or keys"):
        next(client.get_many(given))


def test_a_client_that_cannot_be_opened_leaves_no_thread() -> None:
    with pytest.raises(UsageError), Client("http://example.com"):
        pass
    assert _client_threads() == []
