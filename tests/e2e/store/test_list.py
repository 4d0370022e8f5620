"""`kvsctl list` as a user runs it."""

import json
from pathlib import Path

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.clock import Clock
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.emulator.support import FakeTime
from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.server import served

_CITIES = Path(__file__).parents[3] / "examples" / "cities.jsonl"
_KEYS = sorted(json.loads(line)["key"] for line in _CITIES.read_text("utf-8").splitlines())


@pytest.fixture
def cities(kvsctl: Command) -> Command:
    """kvsctl with a local store that holds the cities."""
    kvsctl("set", "-t", "local", "-f", _CITIES, status=0)
    return kvsctl.having(KVSCTL_TARGET="local")


def test_all_keys_come_in_order(cities: Command) -> None:
    listed = cities("list", status=0)
    assert listed.out.decode().splitlines() == _KEYS
    assert b"3,043 records" in listed.err
    assert sorted(cities("list", "--unordered", status=0).out.decode().splitlines()) == _KEYS


def test_a_prefix_and_selectors_choose(cities: Command) -> None:
    some = [key for key in _KEYS if key.startswith("city:12")]
    assert cities("list", "city:12", status=0).out.decode().splitlines() == some
    assert cities("list", "--prefix", "city:12", status=0).out.decode().splitlines() == some
    assert cities("list", "--match", "city:12*", status=0).out.decode().splitlines() == some
    assert cities("list", "--regex", "^city:12", status=0).out.decode().splitlines() == some
    others = cities("list", "--exclude", "city:12*", "--count", status=0)
    assert int(others.out) == len(_KEYS) - len(some)
    assert cities("list", "--newer-than", "1h", "--count", status=0).out == b"3043\n"
    assert cities("list", "--older-than", "1h", "--count", status=0).out == b"0\n"
    assert cities("list", "--larger-than", "1k", "--count", status=0).out == b"0\n"
    assert cities("list", "--no-expiry", "--all", "--limit", "2", status=0).out.count(b"\n") == 2


def test_expired_records_are_listed_until_they_are_gone(kvsctl: Command, tmp_path: Path) -> None:
    time = FakeTime()
    with served(embedded(tmp_path / "db", clock=Clock(time))) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        there("set", "a=1", "--ttl", "1m", status=0)
        there("set", "b=1", status=0)
        time.forward(3600)
        assert there("list", "--expired", status=0).out == b"a\n"
        assert there("list", "--no-expiry", status=0).out == b"b\n"


def test_long_shows_size_times_and_expiry(kvsctl: Command) -> None:
    kvsctl("set", "-t", "local", "a=12345", "--ttl", "1h", status=0)
    listed = kvsctl("list", "-t", "local", "--long", "--as", "jsonl", status=0)
    (one,) = listed.lines
    assert one["key"] == "a"
    assert one["size"] == 5
    assert {"createdAt", "updatedAt", "expireTime"} <= one.keys()
    assert kvsctl("delete", "-t", "local", stdin=listed.out, status=0)
    table = kvsctl("list", "-t", "local", "--long", status=0).out
    assert table.split() == [b"SIZE", b"CREATED", b"UPDATED", b"EXPIRES", b"KEY"]


def test_a_long_table_fits_a_terminal(kvsctl: Command) -> None:
    key = "tenant:6d3c2b0a-1111-4222-8333-444455556666:settings"
    kvsctl("set", "-t", "local", f"{key}=1", status=0)
    words = ("list", "-t", "local", "--long", "-q")
    narrow = in_terminal(kvsctl.having(COLUMNS="80"), *words).text.replace("\r", "")
    assert f"\n         {key}\n" in narrow
    wide = in_terminal(kvsctl.having(COLUMNS="200"), *words).text
    assert len(wide.splitlines()) == 2


def test_an_empty_store_is_said(kvsctl: Command) -> None:
    listed = kvsctl("list", "-t", "local", status=0)
    assert listed.out == b""
    assert b"kvsctl: no keys were found" in listed.err


def test_the_output_can_be_fed_back(cities: Command) -> None:
    listed = cities("list", "city:12", status=0)
    got = cities("get", stdin=listed.out, status=0)
    assert [one["key"] for one in got.lines] == listed.out.decode().splitlines()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["user:*"], 'the prefix "user:*": no key has "*"'),
        (["a", "--all"], "--all and a prefix exclude each other"),
        (["a", "--prefix", "a"], "PREFIX and --prefix exclude each other"),
        (["--regex", "("], "--regex"),
        (["--older-than", "soon"], '--older-than "soon": neither an age nor a time'),
        (["--larger-than", "big"], '--larger-than "big": not a size'),
        (["--count", "--long"], "--count and --long exclude each other"),
        (["--as", "keys", "--long"], "--as keys and --long exclude each other"),
    ],
)
def test_what_cannot_be_listed_is_refused(kvsctl: Command, words: list[str], message: str) -> None:
    refused = kvsctl("list", "-t", "local", *words, status=2)
    assert message in refused.err.decode()
    assert refused.out == b""


def test_a_service_that_leaves_times_out_is_read_key_by_key(
    kvsctl: Command, tmp_path: Path
) -> None:
    options = EmulatorOptions(query_metadata="omitted")
    with served(embedded(tmp_path / "db", options)) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        there("set", *[f"k{n}={n}" for n in range(60)], status=0)
        listed = there("list", "--long", "--as", "jsonl", "--json", status=0)
        assert [one["key"] for one in listed.lines] == sorted(f"k{n}" for n in range(60))
        assert all("updatedAt" in one for one in listed.lines)
        assert b"at least 40 units per 1,000 keys" in listed.err
        assert there("list", "--older-than", "1h", "--json", status=0).report["skipped_by"] == {
            "unselected": 60
        }
        assert there("list", "--newer-than", "1h", "--limit", "3", status=0).out == b"k0\nk1\nk10\n"


def test_a_service_that_throttles_and_fails_is_listed_whole(
    kvsctl: Command, tmp_path: Path
) -> None:
    path = tmp_path / "db"
    with served(embedded(path)) as url:
        kvsctl("set", "--url", url, "-f", _CITIES, status=0)
    faults = "seed=3,429=0.1,503=0.1,reset-after=0.1,cut=0.1,502-html=0.05"
    with served(embedded(path, EmulatorOptions(faults=read_faults(faults)))) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        listed = there("list", "--json", status=0)
        assert listed.out.decode().splitlines() == _KEYS
        assert listed.report["retries"] > 0
        unordered = there("list", "--unordered", "-c", "4", status=0)
        assert sorted(unordered.out.decode().splitlines()) == _KEYS


def test_a_listing_that_fails_half_way_is_a_failure(kvsctl: Command, tmp_path: Path) -> None:
    path = tmp_path / "db"
    with served(embedded(path)) as url:
        kvsctl("set", "--url", url, "-f", _CITIES, status=0)
    faults = "script=ok:ok,503=1"
    with served(embedded(path, EmulatorOptions(faults=read_faults(faults)))) as url:
        failed = kvsctl("list", "--url", url, "--retries", "1", "--as", "json", status=4)
        assert failed.out.count(b'"key"') == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(failed.out)
