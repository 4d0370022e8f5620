"""/_emulator/export and /_emulator/import: whole stores, in parts."""

import asyncio
import contextlib
import gzip
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.emulator import ConnectionLost, DatabaseFailed, EmulatorError, EmulatorOptions
from kvsctl.emulator.operations import exports, seed
from kvsctl.emulator.operations.exports import Export, write_export
from kvsctl.emulator.operations.service import Write
from kvsctl.emulator.web import transfers
from kvsctl.emulator.web.connection import guarded
from kvsctl.emulator.web.serve import ServeOptions, running
from tests.emulator.support import START_MS, EmulatorClient, OpenClient, emulator_client
from tests.support.jsontexts import ODD_LEGAL_KEYS, VALUES

FIELDS = ["CREATED_AT", "EXPIRE_TIME", "UPDATED_AT"]
TTL = {"ttl": {"value": 7, "unit": "DAYS"}}


@contextlib.contextmanager
def closing_client() -> Iterator[EmulatorClient]:
    client = emulator_client()
    with contextlib.closing(client.emulator):
        yield client


def proxied(installation: str) -> dict[str, str]:
    return {"forge-proxy-authorization": f"Forge as=app,installationId={installation}"}


def lines_of(client: EmulatorClient, query: str = "") -> list[Any]:
    response = client.request("GET", f"/_emulator/export{query}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.content.splitlines()]


def imported(client: EmulatorClient, content: bytes) -> httpx.Response:
    return client.request("POST", "/_emulator/import", content=content)


def rows_of(client: EmulatorClient) -> list[Any]:
    return client.emulator.store.connection.execute(
        "SELECT installation, space, key, value, created, updated, expires"
        " FROM record JOIN bucket ON bucket = id WHERE space <> '!secret' ORDER BY 1, 2, 3"
    ).fetchall()


def filled(client: EmulatorClient) -> None:
    """Write plain records, an entity and a secret of two installations."""
    for name in ("one", "two"):
        client.ok("/v1/set", {"key": "b", "value": 1, "options": TTL}, headers=proxied(name))
        client.time.forward(0.001)
        client.ok("/v1/set", {"key": "a", "value": [1.0]}, headers=proxied(name))
        item = {"key": "e", "value": {"n": 1}, "entityName": "abc"}
        client.ok("/v1/entity/set", item, headers=proxied(name))
        client.ok("/v1/secret/set", {"key": "s", "value": "hidden"}, headers=proxied(name))


def test_an_export_has_all_installations_and_entities_and_keeps_expiry(
    client: EmulatorClient,
) -> None:
    filled(client)
    lines = lines_of(client)
    assert [(one["installation"], one.get("entityName"), one["key"]) for one in lines] == [
        ("one", None, "a"), ("one", None, "b"), ("one", "abc", "e"),
        ("two", None, "a"), ("two", None, "b"), ("two", "abc", "e"),
    ]  # fmt: skip
    assert lines[1] == {
        "key": "b", "value": 1, "createdAt": START_MS, "updatedAt": START_MS,
        "expireTime": "2026-01-08T00:00:00.000Z", "installation": "one",
    }  # fmt: skip
    assert list(lines[2]) == [
        "key", "entityName", "value", "createdAt", "updatedAt", "installation",
    ]  # fmt: skip
    assert lines_of(client, "?installation=two") == lines[3:]
    assert lines_of(client, "?installation=none") == []


def test_what_is_imported_is_what_was_exported(open_client: OpenClient) -> None:
    client, other = open_client(), open_client()
    filled(client)
    exported = client.request("GET", "/_emulator/export").content
    other.time.forward(5)
    assert imported(other, exported).json() == {"records": 6}
    assert rows_of(other) == rows_of(client)
    assert imported(other, exported).json() == {"records": 6}
    assert rows_of(other) == rows_of(client)


@given(
    st.dictionaries(
        st.tuples(
            st.text(min_size=1, max_size=5, alphabet="ab:-\u00e4"),
            st.sampled_from(["", "abc"]),
            ODD_LEGAL_KEYS,
        ),
        st.tuples(VALUES, st.none() | st.integers(START_MS, seed.MOMENT_MAX_MS)),
        max_size=6,
    ),
    st.integers(1, 200),
)
def test_any_store_survives_a_round_trip_in_parts_of_any_size(
    records: Any, part_bytes: int
) -> None:
    with (
        closing_client() as client,
        closing_client() as other,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(exports, "PART_BYTES", part_bytes)
        service = client.emulator.service
        for (installation, space, key), (text, expires) in records.items():
            value = b'{"v":%b}' % text.encode("utf-8")
            write = Write(key, value, expires)
            service.put(installation, space, [write], START_MS - 1)
        export = Export(service)
        parts = []
        while part := export.part():
            parts.append(part)
        assert all(part.endswith(b"\n") for part in parts)
        lines = b"".join(parts)
        assert export.records == lines.count(b"\n") == len(records)
        assert imported(other, lines).json() == {"records": len(records)}
        expected = [
            (*row[:3], row[3].replace(b"\n", b" ").replace(b"\r", b" "), *row[4:])
            for row in rows_of(client)
        ]
        assert rows_of(other) == expected


def test_gone_records_and_secrets_are_left_out(open_client: OpenClient, tmp_path: Path) -> None:
    client = open_client(export_file=tmp_path / "kvs.jsonl")
    filled(client)
    client.time.forward(8 * 86_400)
    assert len(lines_of(client)) == 6, "expired, but still served"
    client.time.forward(2 * 86_400)
    assert len(lines_of(client)) == 4
    saved = client.ok("/_emulator/export", {})
    assert saved == {"records": 4, "secrets": 2}
    assert b"hidden" not in (tmp_path / "kvs.jsonl").read_bytes()


def test_records_that_are_written_meanwhile_are_in_an_export_once(
    client: EmulatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PART_RECORDS", 1)
    service = client.emulator.service
    service.put("i", "", [Write(key, b"1") for key in "bdf"], START_MS)
    export = Export(service)
    first = export.part()
    service.put("i", "", [Write(key, b"2") for key in "abcdefg"], START_MS)
    rest = []
    while part := export.part():
        rest.append(json.loads(part))
    assert json.loads(first)["key"] == "b"
    assert [(one["key"], one["value"]) for one in rest] == [(key, 2) for key in "cdefg"]


@pytest.mark.parametrize(
    "query",
    ["?instalation=x", "?installation=", "?installation=a&x=1", "?installation=a&installation=b"],
)
def test_a_mistyped_export_is_refused(client: EmulatorClient, query: str) -> None:
    response = client.request("GET", f"/_emulator/export{query}")
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")


def test_without_a_file_nothing_can_be_saved(client: EmulatorClient) -> None:
    assert client.refused("/_emulator/export", {}) == (409, "NO_EXPORT_FILE")


def test_a_file_that_cannot_be_written_is_left_as_it_was(
    open_client: OpenClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "gone"
    client = open_client(export_file=folder / "kvs.jsonl")
    assert client.refused("/_emulator/export", {}) == (500, "INTERNAL_SERVER_ERROR")
    assert "cannot write" in caplog.text
    assert client.refused("/_emulator/export", {"file": "/x"}) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("lines", "number", "why"),
    [
        (b"{", 1, "INVALID_REQUEST"),
        (b'{"key":"a","value":1}\n\n{"key":"/","value":1}\n', 3, "INVALID_KEY"),
        (b'{"key":"a","value":1}\n{"key":"a","value":1}x', 2, "INVALID_REQUEST"),
        (b'{"key":"a","value":"' + b"x" * 4_000_000, 1, "longer than 4,000,000 bytes"),
    ],
)
def test_a_bad_line_is_named_and_its_block_not_loaded(
    client: EmulatorClient, lines: bytes, number: int, why: str
) -> None:
    response = imported(client, lines)
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")
    message = response.json()["message"]
    assert message.startswith(f"line {number}: {why}")
    assert message.endswith("; 0 records of earlier lines are loaded")
    assert rows_of(client) == []


def test_what_came_before_a_bad_block_stays(client: EmulatorClient) -> None:
    good = b"".join(b'{"key":"k%d","value":1}\n' % n for n in range(seed.CHUNK))
    message = imported(client, good + b"[]").json()["message"]
    assert message.startswith(f"line {seed.CHUNK + 1}: ")
    assert message.endswith(f"; {seed.CHUNK} records of earlier lines are loaded")
    assert len(rows_of(client)) == seed.CHUNK


@given(st.lists(st.binary(max_size=30).filter(lambda part: b"\r" not in part), max_size=8))
def test_blocks_are_the_lines_of_the_body_however_it_arrives(parts: list[bytes]) -> None:
    async def cut() -> list[bytes]:
        async def arriving() -> Any:
            for part in parts:
                yield part

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(transfers, "CHUNK", 2)
            found = [block async for block in transfers._blocks(arriving())]
        assert all(len(block) <= 3 for block in found)
        return [line for block in found for line in block]

    lines = asyncio.run(cut())
    assert [line for line in lines if line] == [
        line for line in b"".join(parts).split(b"\n") if line
    ]


def test_a_whole_store_is_exported_and_imported_over_http(tmp_path: Path) -> None:
    file = tmp_path / "kvs.jsonl.gz"
    options = EmulatorOptions(export_file=file)
    count = 6_000
    lines = b"".join(
        b'{"key":"k%05d","value":"%b","installation":"i%d"}\n' % (n, b"x" * 2_000, n % 3)
        for n in range(count)
    )
    with running(ServeOptions(port=0, emulator=options)) as server:
        loaded = httpx.post(f"{server.url}/_emulator/import", content=lines, timeout=60)
        assert loaded.json() == {"records": count}
        with httpx.stream("GET", f"{server.url}/_emulator/export", timeout=60) as response:
            assert "content-length" not in response.headers
            exported = b"".join(response.iter_bytes())
        assert exported.count(b"\n") == count
    assert gzip.decompress(file.read_bytes()) == exported


def test_a_server_in_a_thread_replaces_its_earlier_export_and_no_other_file(tmp_path: Path) -> None:
    file = tmp_path / "kvs.jsonl"
    options = ServeOptions(port=0, emulator=EmulatorOptions(export_file=file))
    for key in ("a", "b"):
        with running(options) as server:
            httpx.post(f"{server.url}/v1/set", json={"key": key, "value": 1}).raise_for_status()
        assert [json.loads(line)["key"] for line in file.read_text().splitlines()] == [key]
    file.write_text("mine\n")
    said = "the export would replace another file"
    with pytest.raises(EmulatorError, match=said), running(options):
        pass
    assert file.read_text() == "mine\n"


class _Timer:
    is_running = True

    def cancel(self) -> None:
        self.is_running = False


class _Loop:
    """An event loop that notes its timers."""

    def __init__(self) -> None:
        self.timers: list[_Timer] = []

    def call_later(self, *_: Any) -> _Timer:
        self.timers.append(_Timer())
        return self.timers[-1]


class _Protocol(asyncio.Protocol):
    """What uvicorn's protocols do with a request whose body is under way."""

    cycle_of_test: Any

    def data_received(self, data: bytes) -> None:
        cast(Any, self).cycle = self.cycle_of_test


@pytest.mark.parametrize(
    ("path", "running_timers"),
    [("/_emulator/import", [False, False, True]), ("/v1/batch/set", [True])],
)
def test_an_import_may_take_as_long_as_it_keeps_coming(
    path: str, running_timers: list[bool]
) -> None:
    loop = _Loop()
    with closing_client() as client:
        connection: Any = guarded(_Protocol, client.emulator, 60)()
    cycle = SimpleNamespace(response_complete=False, more_body=True, scope={"path": path})
    connection.loop, connection.cycle, connection.cycle_of_test = loop, None, cycle
    connection.transport = SimpleNamespace(is_closing=lambda: False)
    connection.connection_made(connection.transport)
    for _ in range(2):
        connection.data_received(b"x")
    assert [timer.is_running for timer in loop.timers] == running_timers


def test_a_database_that_fails_in_the_middle_ends_an_export_as_incomplete(
    client: EmulatorClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    filled(client)
    monkeypatch.setattr(exports, "PART_RECORDS", 2)
    real = Export.part

    def failing(export: Export) -> bytes:
        if export.records:
            raise DatabaseFailed("the database kvs.db cannot be used: disk I/O error")
        return real(export)

    monkeypatch.setattr(Export, "part", failing)
    with pytest.raises(ConnectionLost):
        client.request("GET", "/_emulator/export")
    assert "disk I/O error" in caplog.text


def test_a_caller_that_leaves_ends_the_export(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    real = transfers._parts

    async def noted(*arguments: Any) -> AsyncIterator[bytes]:
        try:
            async with contextlib.aclosing(real(*arguments)) as parts:
                async for part in parts:
                    yield part
        finally:
            ended.set()

    monkeypatch.setattr(transfers, "_parts", noted)
    monkeypatch.setattr(Export, "part", lambda _: b"x" * 100_000)
    with running(ServeOptions(port=0)) as server:
        with httpx.stream("GET", f"{server.url}/_emulator/export") as response:
            chunks = response.iter_raw()  # kept: at its end the connection is closed
            next(chunks)
            assert not ended.is_set()
        assert ended.wait(60)


def test_write_export_replaces_a_file_only_once_it_is_whole(
    client: EmulatorClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kvs.jsonl"
    filled(client)
    write_export(client.emulator.service, file)
    before = file.read_bytes()
    monkeypatch.setattr(exports, "PART_RECORDS", 2)
    real = Export.part

    def failing(export: Export) -> bytes:
        assert file.read_bytes() == before
        if export.records:
            raise DatabaseFailed("the database kvs.db cannot be used: disk I/O error")
        return real(export)

    monkeypatch.setattr(Export, "part", failing)
    with pytest.raises(DatabaseFailed):
        write_export(client.emulator.service, file)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["kvs.jsonl"]
