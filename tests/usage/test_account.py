"""The sums of a store are right in any order, however little memory they may take."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import StreamError
from kvsctl.usage.account import Account, Division, Usage
from kvsctl.usage.groups import Groups
from kvsctl.usage.prefixes import SEPARATORS, prefix_of
from kvsctl.usage.sizes import BOUNDS
from kvsctl.usage.totals import Totals
from tests.support.jsontexts import LEGAL_KEYS
from tests.support.needs import IS_LINUX, only_on

_KEYS = st.one_of(LEGAL_KEYS, st.text("ab:.-", min_size=1, max_size=8))
_EXPIRIES = st.sampled_from([None, None, "2026-01-31T12:00:00.000Z"])
_SIZES = st.integers(1, 300_000)
_Record = tuple[str | None, str, int, str | None]
_RECORDS = st.lists(
    st.tuples(st.sampled_from([None, "pet", "toy"]), _KEYS, _SIZES, _EXPIRIES),
    unique_by=lambda one: one[:2],
    max_size=60,
)
_DIVISIONS = st.builds(Division, st.integers(0, 4), st.sampled_from([None, ":", ".", "ab"]))


def _usage(
    records: Sequence[_Record], division: Division, top: int, *, most_in_memory: int = 1000
) -> Usage:
    account = Account(division, Groups(most_in_memory))
    for entity, key, size, expires in records:
        account.note(entity, [key], [size], [expires])
    usage = account.usage(top)
    account.close()
    return usage


@given(_RECORDS, _DIVISIONS, st.integers(0, 10))
def test_the_parts_sum_up_to_the_whole(
    records: list[_Record], division: Division, top: int
) -> None:
    usage = _usage(records, division, top)
    parts = Totals()
    for row in usage.rows:
        assert row.totals.keys > 0
        parts.add(row.totals)
    if usage.others is not None:
        parts.add(usage.others.totals)
    assert parts == usage.total
    assert usage.total.keys == len(records) == sum(one.keys for one in usage.sizes)
    sizes = [size for _, _, size, _ in records]
    assert usage.total.value_bytes == sum(sizes) == sum(one.value_bytes for one in usage.sizes)
    assert usage.total.without_ttl == [expires for *_, expires in records].count(None)
    others = 0 if usage.others is None else usage.others.prefixes
    assert len(usage.rows) + others == usage.prefixes


@given(_RECORDS, _DIVISIONS, st.integers(0, 10), st.integers(1, 3), st.randoms())
def test_neither_order_nor_memory_changes_the_result(
    records: list[_Record], division: Division, top: int, most_in_memory: int, random: object
) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    expected = _usage(records, division, top)
    assert _usage(shuffled, division, top) == expected
    assert _usage(shuffled, division, top, most_in_memory=most_in_memory) == expected


@given(_RECORDS, _DIVISIONS)
def test_a_page_counts_as_its_records_do(records: list[_Record], division: Division) -> None:
    account = Account(division)
    for entity in (None, "pet", "toy"):
        page = [one for one in records if one[0] == entity]
        keys, sizes = [one[1] for one in page], [one[2] for one in page]
        account.note(entity, keys, sizes, [one[3] for one in page])
    assert account.usage(1000) == _usage(records, division, 1000)
    account.close()


@given(_RECORDS, _DIVISIONS)
def test_the_rows_are_the_largest_prefixes(records: list[_Record], division: Division) -> None:
    usage = _usage(records, division, 1000)
    assert usage.others is None
    by_name: dict[tuple[str | None, str], int] = {}
    for entity, key, size, _ in records:
        name = entity, prefix_of(key, division.depth, division.separator)
        by_name[name] = by_name.get(name, 0) + size
    assert {(row.entity, row.prefix): row.totals.value_bytes for row in usage.rows} == by_name
    sizes = [row.totals.value_bytes for row in usage.rows]
    assert sizes == sorted(sizes, reverse=True)
    assert _usage(records, division, 3).rows == usage.rows[:3]


@pytest.mark.parametrize(
    ("key", "depth", "separator", "prefix"),
    [
        ("user:1:name", 0, None, ""),
        ("user:1:name", 1, None, "user:"),
        ("user:1:name", 2, None, "user:1:"),
        ("user:1:name", 9, None, "user:1:"),
        ("user.x:1", 1, None, "user.x:"),
        ("user_x.1", 1, None, "user_x."),
        ("user-1", 1, None, "user-"),
        ("user", 1, None, ""),
        ("user:1", 1, "-", ""),
        ("a--b--c", 2, "--", "a--b--"),
        ("::a", 1, None, ":"),
    ],
)
def test_a_prefix_has_the_levels_that_are_asked_for(
    key: str, depth: int, separator: str | None, prefix: str
) -> None:
    assert prefix_of(key, depth, separator) == prefix


@given(_KEYS, st.integers(0, 5), st.sampled_from([None, *SEPARATORS, "ab"]), st.integers(0, 4))
def test_a_prefix_begins_its_key(key: str, depth: int, separator: str | None, begin: int) -> None:
    prefix = prefix_of(key, depth, separator, begin)
    assert key.startswith(prefix)
    assert len(prefix) >= min(begin, len(key))
    deeper = prefix_of(key, depth + 1, separator, begin)
    assert deeper.startswith(prefix)


def test_levels_count_from_the_prefix_of_the_selection() -> None:
    assert prefix_of("user:1:name", 1, None, len("user:")) == "user:1:"
    assert prefix_of("user:1:name", 1, None, len("us")) == "user:"
    assert prefix_of("a:b-c", 1, None, len("a:")) == "a:b-"


def test_sizes_are_classed_by_their_bounds() -> None:
    account = Account(Division())
    sizes = [0, 100, 101, *BOUNDS, BOUNDS[-1] + 1]
    account.note(None, [f"k{n}" for n in range(len(sizes))], sizes)
    classes = account.usage(1).sizes
    account.close()
    assert [one.keys for one in classes] == [3, 2, 1, 1, 1, 1, 1, 1, 1]
    assert classes[-1].at_most is None


@pytest.mark.parametrize(
    ("keys", "answer_bytes", "units"),
    [
        (0, 0, 1),
        (1, 20, 1),
        (100, 10_000, 1),
        (100, 10_001, 2),
        (200, 20_000, 2),
        (101, 10_100, 2),
        (150, 30_000, 3),
        (1, 245_760, 25),
    ],
)
def test_units_are_those_of_pages(keys: int, answer_bytes: int, units: int) -> None:
    assert Totals(keys, answer_bytes, answer_bytes).read_units == units


@given(st.integers(0, 10**6), st.integers(0, 10**9))
def test_there_are_as_many_units_as_pages_and_bytes_need(keys: int, extra_bytes: int) -> None:
    totals = Totals(keys, answer_bytes=keys * 20 + (extra_bytes if keys else 0))
    pages = -(-keys // 100)
    assert totals.read_units >= max(1, pages, totals.answer_bytes // 10_000)
    assert totals.read_units <= max(1, pages) + totals.answer_bytes // 10_000 + 1


def test_a_full_disk_is_an_error_of_output() -> None:
    groups = Groups(most_in_memory=1)
    groups.at(("", "a")).keys += 1
    groups.at(("", "b")).keys += 1
    assert groups._file is not None
    groups._file.execute("PRAGMA max_page_count = 3")
    with pytest.raises(StreamError, match=r"cannot keep prefixes in a temporary file: .* full"):
        _fill(groups)
    groups.close()


def _fill(groups: Groups) -> None:
    for n in range(10_000):
        groups.at(("", f"{n:0500}")).keys += 1


_OPEN = """
import os, stat
from kvsctl.usage.groups import Groups
os.umask(0)
groups = Groups(1000)
for n in range(200_000):
    groups.at(("", f"{n:0100}")).keys += 1
folder = os.environ["TMPDIR"]
links = [os.path.join("/proc/self/fd", fd) for fd in os.listdir("/proc/self/fd")]
modes = [
    stat.S_IMODE(os.stat(link).st_mode)
    for link in links
    if os.path.islink(link) and os.readlink(link).startswith(folder)
]
assert modes == [0o600], modes
assert os.listdir(folder) == []
"""


@pytest.mark.slow
@only_on(IS_LINUX, "open files are looked up in /proc")
def test_the_temporary_file_has_no_name_and_is_private(tmp_path: Path) -> None:
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    environ.pop("SQLITE_TMPDIR", None)
    subprocess.run([sys.executable, "-c", _OPEN], env=environ, check=True)


_MANY = """
import resource, sys
from kvsctl.usage.account import Account, Division
count = int(sys.argv[1])
account = Account(Division(2))
for first in range(0, count, 100):
    keys = [f"user:{(n * 7919) % count}:x" for n in range(first, first + 100)]
    account.note(None, keys, [100] * 100)
usage = account.usage(10)
assert usage.prefixes == count and len(usage.rows) == 10, usage
assert usage.others.prefixes == usage.others.totals.keys == count - 10
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@only_on(IS_LINUX, "memory is measured as Linux counts it")
def test_memory_does_not_grow_with_the_number_of_prefixes() -> None:
    few, many = (
        int(subprocess.run([sys.executable, "-c", _MANY, str(count)], check=True,
                           capture_output=True).stdout)
        for count in (20_000, 300_000)
    )  # fmt: skip
    assert many - few < 25_000, (few, many)
