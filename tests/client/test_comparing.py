"""Comparisons through the library: with another store and with a file."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from kvsctl import AsyncClient, Client
from kvsctl.client import stream
from kvsctl.client.comparing import AsyncDifferences, Differences, DifferentRecord
from kvsctl.emulator import Emulator
from kvsctl.errors import TargetError, UsageError, WorkLeft
from kvsctl.service.transport.in_process import in_process
from tests.client.clients import UNUSABLE_PATHS, URL, client_of, in_memory, run, session_of
from tests.support.needs import IS_POSIX, only_on

_LEFT: list[dict[str, Any]] = [
    {"key": "same", "value": {"a": 1, "b": 2}},
    {"key": "changed", "value": {"n": 1}},
    {"key": "missing", "value": "left"},
    {"key": "z:other", "value": 1},
]
_RIGHT: list[dict[str, Any]] = [
    {"key": "same", "value": {"b": 2.0, "a": 1}},
    {"key": "changed", "value": {"n": 2}},
    {"key": "added", "value": [123456789012345678901234567890]},
    {"key": "z:other", "value": 1},
]


async def _filled(records: Iterable[Mapping[str, Any]]) -> Emulator:
    emulator = in_memory()
    async with client_of(emulator) as client:
        texts = [{**one, "value": _fragment(one["value"])} for one in records]
        assert (await client.set_many(texts)).failed == 0
    return emulator


def _fragment(value: Any) -> Any:
    return orjson.Fragment(json.dumps(value).encode())


def _written(path: Path, records: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def _shown(one: DifferentRecord) -> tuple[str, str, Any, Any]:
    return one.change, one.key, one.left_value, one.right_value


async def _all(differences: AsyncDifferences) -> list[tuple[str, str, Any, Any]]:
    return [_shown(one) async for one in differences]


def _counts(differences: AsyncDifferences | Differences) -> tuple[int, int, int, int]:
    counts = differences.counts
    return counts.equal, counts.added, counts.changed, counts.missing


_ALL = [
    ("added", "added", None, [123456789012345678901234567890]),
    ("changed", "changed", {"n": 1}, {"n": 2}),
    ("missing", "missing", "left", None),
]


def test_differences_from_another_store_are_in_order_of_keys() -> None:
    async def work() -> None:
        left, right = await _filled(_LEFT), await _filled(_RIGHT)
        async with client_of(left) as one, client_of(right) as other:
            differences = other.diff(one)
            assert await _all(differences) == _ALL
            assert _counts(differences) == (2, 1, 1, 1)
            assert (differences.failures, differences.duplicates) == ([], 0)
            differences = other.diff(one, "z:")
            assert await _all(differences) == []
            assert _counts(differences) == (1, 0, 0, 0)
            differences = other.diff(one, "same", compare_bytes=True)
            assert [change for change, *_ in await _all(differences)] == ["changed"]

    run(work())


def test_a_file_is_compared_with_what_the_store_has_of_its_keys(tmp_path: Path) -> None:
    async def work() -> None:
        path = _written(tmp_path / "left.jsonl", [{"key": "changed", "value": 0}, *_LEFT])
        async with client_of(await _filled(_RIGHT)) as client:
            differences = client.diff(path)
            assert await _all(differences) == _ALL[1:]
            assert (_counts(differences), differences.duplicates) == ((2, 0, 1, 1), 1)
            differences = client.diff(str(path), "")
            assert await _all(differences) == _ALL
            assert _counts(differences) == (2, 1, 1, 1)
            assert session_of(client).is_idle

    run(work())


def test_what_an_export_wrote_is_equal(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        *({"key": f"k{number}", "value": number} for number in range(3000)),
        {"key": "e", "value": {"n": 1}, "entityName": "order"},
    ]

    async def work() -> None:
        async with client_of(await _filled(records)) as client:
            path = tmp_path / "whole.jsonl"
            await client.export(path, entities=[None, "order"])
            differences = client.diff(path)
            assert await _all(differences) == []
            assert _counts(differences) == (3001, 0, 0, 0)
            await client.delete_many([{"key": "e", "entityName": "order"}])
            (one,) = [one async for one in client.diff(path, "", entities=[None, "order"])]
            assert (one.change, one.key, one.entity) == ("missing", "e", "order")

    run(work())


def test_what_cannot_be_read_of_a_file_is_data(tmp_path: Path) -> None:
    path = _written(tmp_path / "left.jsonl", _LEFT)
    path.write_text(path.read_text() + "no record\n")

    async def work() -> None:
        async with client_of(await _filled(_RIGHT)) as client:
            for prefix in (None, ""):
                differences = client.diff(path, prefix)
                await _all(differences)
                assert [(one.position, one.code) for one in differences.failures] == [
                    (4, "INVALID_JSON")
                ]

    run(work())


def test_a_file_that_does_not_match_its_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "left.jsonl"

    async def work() -> None:
        async with client_of(await _filled(_LEFT)) as client:
            await client.export(path)
            path.write_bytes(path.read_bytes()[:-5])
            with pytest.raises(UsageError, match="does not match"):
                await _all(client.diff(path))
            differences = client.diff(path, ignore_manifest=True)
            await _all(differences)
            assert len(differences.failures) == 1

    run(work())


def test_what_cannot_be_compared_is_named(tmp_path: Path) -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            with pytest.raises(UsageError, match=r"none\.jsonl"):
                await _all(client.diff(tmp_path / "none.jsonl"))
            with pytest.raises(UsageError, match="the prefix"):
                client.diff(tmp_path / "none.jsonl", "a*")
            with pytest.raises(UsageError, match="not with itself"):
                client.diff(client)
            other = client_of(in_memory())
            with pytest.raises(UsageError, match="the other client is not open"):
                client.diff(other)
            async with AsyncClient(URL, retries=0) as unreached:
                with pytest.raises(TargetError):
                    await _all(client.diff(unreached))
                with pytest.raises(TargetError):
                    await _all(unreached.diff(client))
            assert session_of(client).is_idle

    run(work())


@pytest.mark.parametrize(("given", "why"), UNUSABLE_PATHS)
def test_what_is_neither_a_client_nor_a_file_is_refused(given: Any, why: str) -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            with pytest.raises(UsageError) as caught:
                client.diff(given)
            expected = "an AsyncClient, a string or a Path"
            assert caught.value.message == f"other: {why.format(expected)}"
            assert caught.value.hint == "Give another open client, or a file as a string or a Path."

    run(work())
    with Client(URL) as client, pytest.raises(UsageError) as caught:
        client.diff(given)
    assert caught.value.message == f"other: {why.format('a Client, a string or a Path')}"


def test_a_client_of_the_other_kind_is_refused() -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            with Client(URL) as other:
                with pytest.raises(UsageError, match=r"expected an AsyncClient, .*, not Client"):
                    client.diff(other)  # type: ignore[arg-type]
                with pytest.raises(UsageError, match=r"expected a Client, .*, not AsyncClient"):
                    other.diff(client)  # type: ignore[arg-type]

    run(work())


@only_on(IS_POSIX, "Windows has other limits and messages")
def test_a_file_to_compare_whose_name_is_too_long_is_refused(tmp_path: Path) -> None:
    with Client(URL) as client, pytest.raises(UsageError, match=r"cannot read .*x: .*too long"):
        list(client.diff(tmp_path / ("x" * 300)))


def test_a_comparison_waits_for_the_caller_and_may_be_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "_MOST_AHEAD_BYTES", 100_000)
    records = [{"key": f"k{number:04}", "value": number} for number in range(3000)]

    async def work() -> None:
        async with client_of(await _filled(records)) as left, client_of(in_memory()) as right:
            differences = right.diff(left)
            first = await anext(aiter(differences))
            assert (first.change, first.key) == ("missing", "k0000")
            assert differences.counts.compared < len(records)
            await differences.aclose()
            assert session_of(right).is_idle
            assert session_of(left).is_idle
            assert len(await _all(right.diff(left))) == len(records)

    run(work())


def test_a_comparison_that_is_cut_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_MOST_AHEAD_BYTES", 100_000)
    records = [{"key": f"k{number:04}", "value": number} for number in range(3000)]

    async def work() -> None:
        async with client_of(await _filled(records)) as left:
            async with client_of(in_memory()) as right:
                iterator = aiter(right.diff(left))
                await anext(iterator)
            with pytest.raises(WorkLeft, match="the client was closed while"):
                async for _ in iterator:
                    pass

    run(work())


def test_clients_with_threads_are_compared(tmp_path: Path) -> None:
    with (
        Client(URL, transport=in_process(URL, in_memory(), 30)) as left,
        Client(URL, transport=in_process(URL, in_memory(), 30)) as right,
    ):
        left.set_many([{"key": f"k{number:04}", "value": number} for number in range(2500)])
        right.set_many({"key": f"k{number:04}", "value": number} for number in range(1, 2501))
        differences = right.diff(left)
        assert [_shown(one) for one in differences] == [
            ("missing", "k0000", 0, None),
            ("added", "k2500", None, 2500),
        ]
        assert _counts(differences) == (2499, 1, 0, 1)
        assert (differences.failures, differences.duplicates) == ([], 0)
        path = left.export(tmp_path / "left.jsonl").path
        assert [one.key for one in right.diff(path, "k0")] == ["k0000"]
        for one in right.diff(left):
            assert one.key == "k0000"
            break
        with pytest.raises(UsageError, match="not with itself"):
            left.diff(left)
        with pytest.raises(UsageError, match="the other client is not open"):
            left.diff(Client(URL))
        assert left.set_many([{"key": "k", "value": 1}]).succeeded == 1


@pytest.mark.parametrize("prefix", [None, ""])
def test_what_has_expired_in_a_file_is_absent_from_it(tmp_path: Path, prefix: str | None) -> None:
    given = [
        {"key": "old", "value": 1, "expireTime": "2020-01-01T00:00:00Z"},
        {"key": "new", "value": 1, "expireTime": "2999-01-01T00:00:00Z"},
    ]
    file = _written(tmp_path / "given.jsonl", given)

    async def work() -> None:
        async with client_of(in_memory()) as client:
            result = await client.set_many([given[0], {"key": "new", "value": 1}])
            assert result.skipped_by == {"expired": 1}
            differences = client.diff(file, prefix)
            assert await _all(differences) == []
            assert _counts(differences) == (1, 0, 0, 0)

    run(work())


@pytest.mark.parametrize("prefix", [None, ""])
@pytest.mark.parametrize("ends", [("a", "b"), ("b", "a")])
def test_the_loop_gets_a_turn_between_bad_lines(
    tmp_path: Path, ends: tuple[str, str], prefix: str | None
) -> None:
    first, last = (json.dumps({"key": key, "value": 1}) + "\n" for key in ends)
    path = tmp_path / "left.jsonl"
    path.write_text(first + 20_000 * "no record\n" + last)

    async def work() -> None:
        async with client_of(in_memory()) as client:
            differences = client.diff(path, prefix)
            comparing = asyncio.create_task(_all(differences))
            counts = [0]
            while not comparing.done():
                await asyncio.sleep(0)
                counts.append(len(differences.failures))
            assert len(await comparing) == 2
        assert counts[-1] == 20_000
        assert max(now - then for then, now in pairwise(counts)) <= 4000

    run(work())


def test_the_loop_gets_a_turn_between_records_of_one_key(tmp_path: Path) -> None:
    records = [{"key": key, "value": 1} for key in ["a", *20_000 * ["b"], "c"]]
    path = _written(tmp_path / "left.jsonl", records)

    async def work() -> None:
        async with client_of(in_memory()) as client:
            differences = client.diff(path)
            comparing = asyncio.create_task(_all(differences))
            counts = [0]
            while not comparing.done():
                await asyncio.sleep(0)
                counts.append(differences.duplicates)
            assert len(await comparing) == 3
        assert counts[-1] == 20_000 - 1
        assert max(now - then for then, now in pairwise(counts)) <= 4000

    run(work())
