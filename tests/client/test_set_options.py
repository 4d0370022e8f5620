"""When records are written: the options of set_many and delete_many."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kvsctl import AsyncClient, Client
from kvsctl.client.results import FailedRecord, StoredRecord
from kvsctl.emulator import Emulator
from kvsctl.errors import UsageError
from kvsctl.service.transport.in_process import in_process
from tests.client.clients import URL, client_of, environ_of, in_memory, run

_RECORDS = [{"key": f"k{number}", "value": {"n": number}} for number in range(60)]


async def _stored(client: AsyncClient, *keys: str) -> list[StoredRecord]:
    read = [one async for one in client.get_many(keys)]
    assert all(isinstance(one, StoredRecord) for one in read)
    return [one for one in read if isinstance(one, StoredRecord)]


def test_only_what_differs_is_written() -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            assert (await client.set_many(_RECORDS, changed_only=True)).succeeded == 60
            changed = [*_RECORDS[:-1], {"key": "k59", "value": {"n": -1}}]
            result = await client.set_many(changed, changed_only=True)
            assert (result.succeeded, result.skipped) == (1, 59)
            assert result.skipped_by == {"unchanged": 59}
            (one,) = await _stored(client, "k59")
            assert one.value == {"n": -1}

    run(work())


@pytest.mark.parametrize("if_absent", [True, "exact"])
def test_only_what_is_absent_is_written(if_absent: Any) -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            await client.set_many([{"key": "k0", "value": "before"}])
            result = await client.set_many(_RECORDS[:5], if_absent=if_absent)
            assert (result.succeeded, result.skipped_by) == (4, {"exists": 1})
            assert result.requests >= (5 if if_absent == "exact" else 2)
            one, other = await _stored(client, "k0", "k1")
            assert (one.value, other.value) == ("before", {"n": 1})

    run(work())


@pytest.mark.parametrize("ttl", ["7d", {"value": 7, "unit": "DAYS"}], ids=str)
def test_a_ttl_is_that_of_records_which_have_none(ttl: Any) -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            records = [{"key": "a", "value": 1}, {"key": "b", "value": 1, "ttl": "1h"}]
            assert (await client.set_many(records, ttl=ttl)).succeeded == 2
            one, other = await _stored(client, "a", "b")
            assert one.expire_time is not None
            assert other.expire_time is not None
            assert one.expire_time > other.expire_time

    run(work())


def test_what_was_written_is_read_back() -> None:
    class Losing:
        """A carrier that says yes to what it does not write."""

        def __init__(self, emulator: Emulator) -> None:
            self._carrier = in_process(URL, emulator, 30)
            self.host, self.proxy = self._carrier.host, self._carrier.proxy

        async def request(
            self, method: Any, path: str, headers: Mapping[str, str], body: bytes | None = None
        ) -> Any:
            if path.endswith("/set"):
                body = (body or b"").replace(b'"value":1', b'"value":2')
            return await self._carrier.request(method, path, headers, body)

        async def aclose(self) -> None:
            await self._carrier.aclose()

    async def work() -> None:
        async with AsyncClient(URL, transport=Losing(in_memory())) as client:
            records = [{"key": "a", "value": 1}, {"key": "b", "value": 5}]
            assert (await client.set_many(records)).succeeded == 2
            result = await client.set_many(records, verify=True)
            assert (result.succeeded, [one.key for one in result]) == (1, ["a"])
            assert (await client.delete_many(["a", "b"], verify=True)).succeeded == 2

    run(work())


def test_options_that_cannot_be_used_are_named() -> None:
    with Client(URL, transport=in_process(URL, in_memory(), 30)) as client:
        options: list[tuple[dict[str, Any], str]] = [
            ({"changed_only": True, "if_absent": True}, "exclude each other"),
            ({"if_absent": "maybe"}, "if_absent='maybe': expected True, False or \"exact\""),
            ({"ttl": 60}, "ttl=60: the ttl is not valid"),
            ({"entity": 5}, "entity: expected a string, not 5"),
            ({"ttl": "soon"}, "ttl='soon': the ttl is not valid"),
            ({"ttl": "900000d"}, "ttl='900000d'"),
            ({"entity": "?"}, 'entity "\\?"'),
        ]
        for given, why in options:
            with pytest.raises(UsageError, match=why):
                client.set_many([], **given)
        with pytest.raises(UsageError, match="entity"):
            client.delete_many([], entity="?")
        with pytest.raises(UsageError, match="prefix: expected a string, not 5"):
            next(client.scan(5))  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="entity: expected a string, not 5"):
            next(client.export_lines(entities=[5]))  # type: ignore[list-item]


def test_records_of_entities_are_written_read_and_listed() -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            result = await client.set_many(_RECORDS, entity="order")
            assert result.succeeded == 60
            await client.set_many([{"key": "k0", "value": "plain"}])
            scanned = [one async for one in client.scan(entity="order")]
            assert [one.key for one in scanned] == sorted(one["key"] for one in _RECORDS)  # type: ignore[type-var]
            assert {one.entity for one in scanned} == {"order"}
            assert [one.key async for one in client.scan()] == ["k0"]
            assert [one.key async for one in client.scan("k5", entity="order")] == sorted(
                ["k5", *(f"k5{n}" for n in range(10))]
            )
            (one,) = [one async for one in client.get_many(["k1"], entity="order")]
            assert isinstance(one, StoredRecord)
            assert (one.entity, one.value) == ("order", {"n": 1})
            assert (await client.delete_many(["k1"], entity="order", verify=True)).succeeded == 1
            (gone,) = [one async for one in client.get_many(["k1"], entity="order")]
            assert isinstance(gone, FailedRecord)

    run(work())


def test_numbers_that_a_bridge_would_change_fail(tmp_path: Path) -> None:
    (tmp_path / "kvsctl").mkdir()
    (tmp_path / "kvsctl/config.toml").write_text(
        f'[targets.b]\nkind = "bridge"\nurl = "{URL}"\n', "utf-8"
    )

    async def work() -> None:
        client = AsyncClient.from_target(
            "b", environ=environ_of(tmp_path), transport=in_process(URL, in_memory(), 30)
        )
        async with client:
            records = [{"key": "a", "value": 2**53 + 1}, {"key": "b", "value": 2**53}]
            result = await client.set_many(records)
            assert [(one.key, one.code) for one in result] == [("a", "NUMBER_NOT_EXACT")]
            assert [one.key async for one in client.scan()] == ["b"]
            exported = await client.export(tmp_path / "b.jsonl")
            assert exported.succeeded == 1
            result = await client.set_many([{"key": "b", "value": 1}], changed_only=True)
            assert (result.succeeded, result.failed) == (0, 1)

    run(work())
    assert b'"bridge":true' in (tmp_path / "b.jsonl.manifest.json").read_bytes()
