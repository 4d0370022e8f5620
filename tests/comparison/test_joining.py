"""Differences of two sides, compared with a plain model."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from itertools import chain
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.comparison import entries as entries_module
from kvsctl.comparison.entries import Block, Entry, FileSide
from kvsctl.comparison.joining import Change, Comparer, Difference, join, same_text, value_of
from kvsctl.errors import StreamError, UsageError
from kvsctl.model import Problem
from kvsctl.records.formats import Forms
from kvsctl.records.parser_choice import set_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.sources import File


def _entry(name: str, value: object) -> Entry:
    entity, slash, key = name.rpartition("/")
    body = {"key": key, "value": value} | ({"entityName": entity} if slash else {})
    return Entry(entity, key, json.dumps(body).encode())


async def _blocks(blocks: Sequence[Block]) -> AsyncIterator[Block]:
    for block in blocks:
        await asyncio.sleep(0)
        yield block


def _joined(left: Sequence[Block], right: Sequence[Block]) -> tuple[list[Difference], Comparer]:
    found: list[Difference] = []
    comparer = Comparer(found.append)
    asyncio.run(join(_blocks(left), _blocks(right), comparer.compare))
    return found, comparer


def _cut(random: Random, entries: list[Entry]) -> list[Block]:
    blocks: list[Block] = []
    while entries:
        size = random.randint(0, 4)
        blocks.append(entries[:size])
        entries = entries[size:]
    return blocks


_sides = st.dictionaries(
    st.sampled_from(["a", "b", "c", "aa", "e.1/a", "e.1/b", "city/a"]), st.integers(0, 2)
)


@given(_sides, _sides, st.integers(0, 2**32))
def test_every_difference_is_found_once_and_in_order(
    left: dict[str, int], right: dict[str, int], seed: int
) -> None:
    random = Random(seed)
    sides = [
        _cut(random, sorted(_entry(name, value) for name, value in side.items()))
        for side in (left, right)
    ]
    found, comparer = _joined(sides[0], sides[1])
    expected = {
        name: (
            Change.ADDED if name not in left
            else Change.MISSING if name not in right
            else Change.CHANGED
        )
        for name in left.keys() | right.keys()
        if left.get(name) != right.get(name)
    }  # fmt: skip
    named = {f"{one.entry.entity}/{one.entry.key}".removeprefix("/"): one.change for one in found}
    assert named == expected
    assert [one.entry[:2] for one in found] == sorted(one.entry[:2] for one in found)
    counts = comparer.counts
    assert counts.compared == len(left.keys() | right.keys())
    assert counts.differences == len(found)


def test_values_are_equal_as_json_or_as_text() -> None:
    one = Entry("", "k", b'{"key":"k","value":{"a":1,"b":2}}')
    other = Entry("", "k", b'{"value": {"b":2.0, "a":1},"key":"k"}')
    for equality, equal in ((None, 1), (same_text, 0)):
        comparer = Comparer(lambda _: None, *([equality] if equality else []))
        comparer.compare(one, other)
        assert comparer.counts.equal == equal


def test_expiry_is_not_compared() -> None:
    comparer = Comparer(lambda _: None)
    one = Entry("", "k", b'{"key":"k","value":1,"options":{"ttl":{"value":1,"unit":"DAYS"}}}')
    comparer.compare(one, Entry("", "k", b'{"key":"k","value":1}'))
    assert comparer.counts.equal == 1


# Files as sides


def _side(*paths: Path, problems: list[Problem] | None = None) -> FileSide:
    rules = Rules(None)
    reader = Reader([File(path, forms=Forms()) for path in paths], set_parsers(rules, string=False))
    return FileSide(reader, (problems if problems is not None else []).append)


def _write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def _all(side: FileSide) -> list[tuple[str, str, bytes]]:
    return [(entity, key, value_of(body)) for block in side.blocks() for entity, key, body in block]


@given(
    st.lists(st.tuples(st.sampled_from(["", "city"]), st.sampled_from("abcdef"))),
    st.booleans(),
    st.integers(1, 4),
)
def test_a_file_gives_the_last_record_of_each_identity_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    identities: list[tuple[str, str]],
    is_sorted: bool,
    block: int,
) -> None:
    if is_sorted:
        identities = sorted(identities)
    path = tmp_path_factory.mktemp("side") / "in.jsonl"
    records = [
        {"key": key, "value": {"n": n}} | ({"entityName": entity} if entity else {})
        for n, (entity, key) in enumerate(identities)
    ]
    _write(path, [json.dumps(record) for record in records])
    expected = {identity: n for n, identity in enumerate(identities)}
    side = _side(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kvsctl.records.reader.MOST_PIECES", block)
        patch.setattr(entries_module, "_BLOCK_ENTRIES", block)
        found = _all(side)
    assert [(entity, key) for entity, key, _ in found] == sorted(expected)
    assert {(one[0], one[1]): json.loads(one[2])["n"] for one in found} == expected
    assert side.duplicates == len(identities) - len(expected)


def test_several_files_are_one_side_and_a_later_one_wins(tmp_path: Path) -> None:
    one = _write(tmp_path / "a.jsonl", ['{"key":"b","value":1}', '{"key":"c","value":1}'])
    other = _write(tmp_path / "b.jsonl", ['{"key":"a","value":2}', '{"key":"b","value":2}'])
    side = _side(one, other)
    assert _all(side) == [("", "a", b"2"), ("", "b", b"2"), ("", "c", b"1")]
    assert side.duplicates == 1


@pytest.mark.parametrize("last", ['{"key":"z","value":3}', '{"key":"a","value":3}'])
def test_a_problem_is_reported_once(tmp_path: Path, last: str) -> None:
    path = _write(tmp_path / "a.jsonl", ['{"key":"k","value":1}', "{", last])
    problems: list[Problem] = []
    assert len(_all(_side(path, problems=problems))) == 2
    assert [str(problem.origin) for problem in problems] == [f"{path}:2"]


def test_an_expiry_is_kept_for_what_is_set_again(tmp_path: Path) -> None:
    line = '{"key":"k","value":1,"expireTime":"2027-01-01T00:00:00.5Z"}'
    (entry,) = chain.from_iterable(_side(_write(tmp_path / "a.jsonl", [line])).blocks())
    assert json.loads(entry.body) == {
        "key": "k", "value": 1, "expireTime": "2027-01-01T00:00:00.500Z",
    }  # fmt: skip


def test_sorted_files_are_not_sorted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(entries_module, "Sorter", refuse)
    path = _write(tmp_path / "a.jsonl", [f'{{"key":"k{n:04}","value":{n}}}' for n in range(3000)])
    assert len(_all(_side(path))) == 3000


def test_a_file_that_changes_after_its_check_ends_the_comparison(tmp_path: Path) -> None:
    lines = [f'{{"key":"k{n:06}","value":{n}}}' for n in range(5000)]
    path = _write(tmp_path / "a.jsonl", lines)
    blocks = _side(path).blocks()
    next(blocks)
    _write(path, [*lines[:4000], lines[0], *lines[4001:]])
    with pytest.raises(StreamError, match="was in order before"):
        list(blocks)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        list(_side(tmp_path / "none").blocks())
