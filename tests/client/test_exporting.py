"""Exports through the library: to a file, to a folder and as lines."""

import asyncio
import errno
import gzip
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from kvsctl import AsyncClient, Client
from kvsctl.backups.checking import damage
from kvsctl.backups.manifest import Manifest, read_manifest
from kvsctl.bulk.events import RequestEnded
from kvsctl.emulator import Emulator, EmulatorOptions
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.errors import StreamError, TargetError, UsageError, WorkLeft
from kvsctl.service.transport.in_process import in_process
from tests.client.clients import (
    UNUSABLE_PATHS,
    URL,
    client_of,
    environ_of,
    in_memory,
    run,
    session_of,
)
from tests.support.commands.command import Command
from tests.support.needs import IS_POSIX, only_on

_RECORDS: list[dict[str, Any]] = [
    *({"key": f"user:{number:03}", "value": {"n": number}} for number in range(250)),
    {"key": "expiring", "value": 1, "ttl": "7d"},
    {"key": "of-entity", "value": {"n": 1}, "entityName": "order"},
]


async def _filled(options: EmulatorOptions | None = None) -> Emulator:
    emulator = in_memory(options)
    async with client_of(emulator) as client:
        assert (await client.set_many(_RECORDS)).succeeded == len(_RECORDS)
    return emulator


def _manifest(path: Path) -> Manifest:
    manifest = read_manifest(path)
    assert manifest is not None
    return manifest


def _keys(path: Path) -> list[str]:
    return sorted(json.loads(line)["key"] for line in path.read_bytes().splitlines())


def test_a_file_has_its_manifest_and_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl"
    path.write_text("earlier\n")

    async def work() -> None:
        async with client_of(await _filled()) as client:
            exported = await client.export(path)
        assert (exported.records, exported.succeeded, exported.failed) == (251, 251, 0)
        assert (exported.path, exported.manifest_path) == (
            path,
            tmp_path / "backup.jsonl.manifest.json",
        )

    run(work())
    assert sorted(os.listdir(tmp_path)) == ["backup.jsonl", "backup.jsonl.manifest.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 or os.name == "nt"
    manifest = _manifest(path)
    assert damage(path, manifest.digest) is None
    assert (manifest.digest.records, manifest.facts.target) == (251, URL)
    assert (manifest.facts.selection, manifest.facts.has_plain_keys) == ({}, True)
    (expiring,) = [line for line in path.read_bytes().splitlines() if b"expiring" in line]
    assert json.loads(expiring)["expireTime"].endswith("Z")


def test_a_selection_is_in_the_manifest(tmp_path: Path) -> None:
    path = tmp_path / "part.jsonl.gz"

    async def work() -> None:
        async with client_of(await _filled()) as client:
            exported = await client.export(
                path, "user:00", entities=[None, "order"], consistent=True, skip_expired=True
            )
            assert exported.records == 10
            whole = await client.export(tmp_path / "order.jsonl", entities=["order"])
            assert whole.records == 1

    run(work())
    assert len(gzip.decompress(path.read_bytes()).splitlines()) == 10
    facts = _manifest(path).facts
    assert facts.selection == {"prefix": "user:00", "entity": ["order"], "plain": True}
    assert (facts.entities, facts.has_plain_keys) == (["order"], True)
    assert _manifest(tmp_path / "order.jsonl").facts.selection == {"entity": ["order"]}
    assert json.loads((tmp_path / "order.jsonl").read_bytes())["entityName"] == "order"


def test_in_a_folder_it_has_a_name_of_its_own(tmp_path: Path) -> None:
    async def work() -> None:
        environ = environ_of(tmp_path)
        async with AsyncClient.from_target("local", environ=environ) as client:
            await client.set_many([{"key": "k", "value": 1}])
            (tmp_path / "backups").mkdir()
            exported = await client.export(str(tmp_path / "backups"))
        assert exported.path.parent == tmp_path / "backups"
        assert exported.path.name.startswith("local-")
        assert exported.path.suffix == ".jsonl"
        assert _keys(exported.path) == ["k"]

    run(work())


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl"

    async def work() -> None:
        async with client_of(await _filled()) as client:
            await client.export(path, entities=[None, "order"])
            lines = [line async for line in client.export_lines(entities=[None, "order"])]
            assert sorted(lines) == sorted(path.read_bytes().splitlines(keepends=True))
            assert len([line async for line in client.export_lines("user:01")]) == 10

    run(work())


def test_a_command_reads_and_verifies_what_the_library_exports(
    kvsctl: Command, tmp_path: Path
) -> None:
    environ = environ_of(kvsctl.home / ".local/share/kvsctl")
    path = tmp_path / "backup.jsonl"
    kvsctl("set", "a=1", "b=2", "-t", "local", status=0)
    with Client.from_target("local", environ=environ) as client:
        assert client.export(path).succeeded == 2
        assert sorted(client.export_lines()) == sorted(path.read_bytes().splitlines(keepends=True))
    kvsctl("verify", path, "--against", "local", status=0)
    kvsctl("export", "-o", tmp_path / "other.jsonl", "-t", "local", status=0)
    assert _keys(path) == _keys(tmp_path / "other.jsonl")
    assert _manifest(path).digest == _manifest(tmp_path / "other.jsonl").digest


class _Failing:
    """A carrier that fails after some requests."""

    def __init__(self, emulator: Emulator, answers: int) -> None:
        self._carrier = in_process(URL, emulator, 30)
        self._left = answers
        self.host, self.proxy = self._carrier.host, self._carrier.proxy

    async def request(self, *request: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise StreamError("the database is gone")
        return await self._carrier.request(*request)

    async def aclose(self) -> None:
        await self._carrier.aclose()


def test_an_export_that_fails_midway_leaves_a_part_and_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl"
    path.write_text("earlier\n")

    async def work() -> None:
        carrier = _Failing(await _filled(), 2)
        async with AsyncClient(URL, transport=carrier, concurrency=1) as client:
            with pytest.raises(StreamError, match="the database is gone") as caught:
                await client.export(path)
            assert caught.value.result.succeeded == 200
            with pytest.raises(StreamError, match="the database is gone"):
                [line async for line in client.export_lines()]
            assert session_of(client).is_idle

    run(work())
    assert sorted(os.listdir(tmp_path)) == ["backup.jsonl", "backup.jsonl.part"]
    assert path.read_text() == "earlier\n"


def test_an_export_in_which_a_record_failed_leaves_the_earlier_one(tmp_path: Path) -> None:
    path, part = tmp_path / "backup.jsonl", tmp_path / "backup.jsonl.part"

    async def work() -> None:
        refusing = read_faults("only=batch/get,refuse=user:00:SOME_CODE")
        async with client_of(await _filled(EmulatorOptions(faults=refusing))) as client:
            await client.export(path)
            before = path.read_bytes()
            exported = await client.export(path, consistent=True)
            assert (exported.failed, exported.path) == (10, part)
            assert exported.manifest_path is None
        assert path.read_bytes() == before

    run(work())
    assert damage(path, _manifest(path).digest) is None
    assert len(_keys(part)) == 241


def test_a_manifest_replaces_no_file_of_another_kind(tmp_path: Path) -> None:
    other = tmp_path / "backup.jsonl.manifest.json"
    other.write_bytes(b"precious")

    async def work() -> None:
        async with client_of(await _filled()) as client:
            with pytest.raises(UsageError, match="not an earlier manifest") as caught:
                await client.export(tmp_path / "backup.jsonl")
        assert "--" not in str(caught.value) + (caught.value.hint or "")

    run(work())
    assert other.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == [other.name]


def test_a_cancelled_export_leaves_a_part_and_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "backup.jsonl"

    async def work() -> None:
        asked = asyncio.Event()

        def note(event: Any) -> None:
            if isinstance(event, RequestEnded):
                asked.set()

        async with client_of(await _filled(), rps=2) as client:
            call = asyncio.create_task(client.export(path, listeners=[note]))
            await asked.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert session_of(client).is_idle

    run(work())
    assert os.listdir(tmp_path) == ["backup.jsonl.part"]


def test_an_export_that_is_cut_off_says_so(tmp_path: Path) -> None:
    async def work() -> None:
        asked = asyncio.Event()

        def note(event: Any) -> None:
            if isinstance(event, RequestEnded):
                asked.set()

        async with client_of(await _filled(), rps=2) as client:
            call = asyncio.create_task(client.export(tmp_path / "b.jsonl", listeners=[note]))
            await asked.wait()
        with pytest.raises(WorkLeft, match="the client was closed while"):
            await call

    run(work())
    assert os.listdir(tmp_path) == ["b.jsonl.part"]


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    environ = environ_of(tmp_path)

    async def work() -> None:
        async with AsyncClient.from_target("local", environ=environ) as client:
            places: list[tuple[Path | str, str]] = [
                (tmp_path / "no" / "b.jsonl", "No such file"),
                (tmp_path / "b.xz", "gzip or zstd only"),
                (tmp_path / "local.db", "is output and database at once"),
                (Path(os.devnull), "not a regular file"),
                (f"{tmp_path}/b.folder/", "there is no such folder"),
            ]
            for path, why in places:
                with pytest.raises(UsageError, match=why):
                    await client.export(path)
            with pytest.raises(UsageError, match="the prefix"):
                await client.export(tmp_path / "b.jsonl", "a*")
            with pytest.raises(UsageError, match="entity"):
                await client.export(tmp_path / "b.jsonl", entities=["?"])
            with pytest.raises(UsageError, match="entities: expected a list"):
                await client.export(tmp_path / "b.jsonl", entities="order")
            assert session_of(client).is_idle

    run(work())
    assert [name for name in os.listdir(tmp_path) if name.startswith("b.")] == []


def test_a_store_that_cannot_be_reached_is_no_empty_export(tmp_path: Path) -> None:
    with Client(URL, retries=0) as client:
        with pytest.raises(TargetError):
            client.export(tmp_path / "b.jsonl")
        with pytest.raises(TargetError):
            next(client.export_lines())
    assert not (tmp_path / "b.jsonl").exists()


def test_a_copy_of_a_store_is_made_of_lines(tmp_path: Path) -> None:
    with Client(URL, transport=in_process(URL, in_memory(), 30)) as client:
        client.set_many(_RECORDS)
        lines = client.export_lines(entities=[None, "order"])
        with Client(URL, transport=in_process(URL, in_memory(), 30)) as copy:
            assert copy.set_many(map(json.loads, lines)).succeeded == len(_RECORDS)
            (expiring,) = copy.export_lines("expiring")
    assert b"expireTime" in expiring


@pytest.mark.parametrize("name", ["backup.jsonl", "backup.jsonl.gz"])
def test_a_full_disk_ends_an_export_and_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / name
    path.write_text("earlier")

    def full(fd: int, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def work() -> None:
        async with client_of(await _filled()) as client:
            monkeypatch.setattr("kvsctl.files.sinks.write_all", full)
            with pytest.raises(StreamError, match="No space left on device") as caught:
                async with asyncio.timeout(20):
                    await client.export(path)
            assert caught.value.result.succeeded == 0
            assert session_of(client).is_idle

    run(work())
    assert path.read_text() == "earlier"


@pytest.mark.parametrize(("given", "why"), UNUSABLE_PATHS)
def test_what_names_no_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Any, why: str
) -> None:
    monkeypatch.chdir(tmp_path)

    async def work() -> None:
        async with client_of(in_memory()) as client:
            with pytest.raises(UsageError) as caught:
                await client.export(given)
            assert caught.value.message == f"path: {why.format('a string or a Path')}"
            assert caught.value.hint == (
                "Give a file, or a folder such as '.', as a string or a Path."
            )
            assert session_of(client).is_idle

    run(work())
    with Client(URL) as client, pytest.raises(UsageError, match=r"^path: "):
        client.export(given)
    assert list(tmp_path.iterdir()) == []


@only_on(IS_POSIX, "Windows takes any UTF-16")
def test_a_file_name_that_cannot_be_encoded_is_refused() -> None:
    with Client(URL) as client, pytest.raises(UsageError) as caught:
        client.export("\ud800")
    assert caught.value.message == r'path: the name "\ud800" has an unpaired surrogate'


@only_on(IS_POSIX, "Windows has other limits and messages")
@pytest.mark.parametrize("name", ["x" * 300, "x" * 250])
def test_a_file_name_that_is_too_long_is_refused(tmp_path: Path, name: str) -> None:
    with Client(URL) as client, pytest.raises(UsageError, match=r"cannot export to .*x: .*long"):
        client.export(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
