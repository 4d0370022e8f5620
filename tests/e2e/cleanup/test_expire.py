"""`expire` by the command against the emulator."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.clock import Clock
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.e2e.cleanup.stores import STORE_KINDS, filled
from tests.emulator.support import FakeTime
from tests.support.commands.command import Command, records_file
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.server import served

pytestmark = pytest.mark.slow

Words: TypeAlias = list[str | Path]
_EXACT = '{"n": 123456789012345678901.50, "b":1, "a":"\\u00e9"}'
_KEYS = [f"log:{number:03}" for number in range(60)]


@pytest.fixture(params=STORE_KINDS)
def store(request: pytest.FixtureRequest, kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a filled store: embedded, or behind a server."""
    records = [{"key": key, "value": number} for number, key in enumerate(_KEYS)]
    others = [{"key": "keep", "value": 1}, {"key": "log", "value": 2}]
    given = records_file(tmp_path / "in.jsonl", records + others)
    with filled(request.param, kvsctl, tmp_path, given, f"log:exact={_EXACT}") as command:
        yield command


def _expiries(command: Command) -> dict[str, str | None]:
    lines = command("export", "-q", status=0).lines
    return {one["key"]: one.get("expireTime") for one in lines}


def test_what_is_chosen_gets_a_ttl_and_keeps_its_value(store: Command) -> None:
    before = store("get", "-q", "--raw", "log:exact", status=0).out
    values = {one["key"]: one["value"] for one in store("export", "-q", status=0).lines}
    report = store("expire", "--prefix", "log:", "--ttl", "30d", "-y", "--json", status=0).report
    assert (report["command"], report["records"], report["succeeded"]) == ("expire", 61, 61)
    expiries = _expiries(store)
    assert {key for key, expiry in expiries.items() if expiry is None} == {"keep", "log"}
    left = datetime.fromisoformat(expiries["log:000"] or "").timestamp() - (
        datetime.fromisoformat(report["started_at"]).timestamp()
    )
    assert 29.9 * 86_400 < left < 30.1 * 86_400
    assert store("get", "-q", "--raw", "log:exact", status=0).out == before
    after = {one["key"]: one["value"] for one in store("export", "-q", status=0).lines}
    assert after == values


def test_the_only_rule_of_a_file_has_nothing_to_do_with_expired_records(
    kvsctl: Command, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rules]]\nname = "all"\nall = true\naction = "expire"\nttl = "2d"\n'
        'where = "value.n > `1`"\n'
    )
    time = FakeTime()
    with served(embedded(tmp_path / "db", clock=Clock(time))) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        there("set", "-q", 'a={"n":2}', 'undecided={"n":"?"}', "--ttl", "1m", status=0)
        there("set", "-q", 'b={"n":2}', status=0)
        time.forward(3600)
        for more in (["-y"], ["-n"]):
            report = there("clean", "-f", rules, *more, "--json", status=0).report
            assert report["skipped_by"] == {}
            assert report["records"] == 1


def test_records_that_have_a_ttl_are_left_alone_with_no_expiry(store: Command) -> None:
    store("expire", "log:00", "--ttl", "1h", "--yes", status=0)
    first = _expiries(store)
    words = ("expire", "log:", "--no-expiry", "--ttl", "2d", "-y", "--json")
    assert store(*words, status=0).report["succeeded"] == 51
    second = _expiries(store)
    assert all(second[key] == first[key] for key in _KEYS[:10])
    assert store(*words, status=0).report["records"] == 0


def test_an_expired_record_is_not_brought_back(kvsctl: Command, tmp_path: Path) -> None:
    time = FakeTime()
    with served(embedded(tmp_path / "db", clock=Clock(time))) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        there("set", "-q", "a=1", "--ttl", "1m", status=0)
        there("set", "-q", "b=1", "--ttl", "1d", status=0)
        time.forward(3600)
        before = _expiries(there)
        report = there("expire", "--all", "--ttl", "9d", "-y", "--json", status=0).report
        assert (report["succeeded"], report["records"]) == (1, 2)
        assert report["skipped_by"] == {"expired": 1}
        rehearsed = there("expire", "--all", "--ttl", "9d", "-n", "--json", status=0).report
        assert rehearsed["skipped_by"] == {"expired": 1}
        after = _expiries(there)
        assert (after["a"], after["b"]) != (before["a"], before["b"])
        assert after["a"] == before["a"]


def test_records_of_entities_get_a_ttl(store: Command) -> None:
    city = b'{"key":"log:city","value":{"n":1},"entityName":"city"}\n'
    store("set", "-q", "-f", "-", stdin=city, status=0)
    report = store("expire", "log:", "--entity", "city", "--ttl", "1d", "-y", "--json", status=0)
    assert report.report["succeeded"] == 1
    [exported] = store("export", "-q", "--entity", "city", status=0).lines
    assert exported["expireTime"]
    assert exported["value"] == {"n": 1}
    assert set(_expiries(store).values()) == {None}


def test_a_service_that_fails_and_answers_late_gives_each_a_ttl_once(
    kvsctl: Command, tmp_path: Path
) -> None:
    path = tmp_path / "db"
    records = [{"key": key, "value": number} for number, key in enumerate(_KEYS)]
    with served(embedded(path)) as url:
        given = records_file(tmp_path / "in.jsonl", records)
        kvsctl("set", "-q", "--url", url, "-f", given, status=0)
    faults = read_faults("seed=5,cut=0.25,503=0.1,429=0.1,reset-after=0.1")
    with served(embedded(path, EmulatorOptions(faults=faults))) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        words = ("--all", "--no-expiry", "--ttl", "5d", "-y", "--batch-size", "5", "--json")
        report = there("expire", *words, "--retries", "50", status=0).report
        assert (report["records"], report["succeeded"], report["skipped"]) == (60, 60, 0)
        assert report["ambiguous"] > 0
    with served(embedded(path)) as url:
        assert None not in _expiries(kvsctl.having(KVSCTL_URL=url)).values()


def test_a_dry_run_prints_the_keys_and_writes_nothing(store: Command) -> None:
    tried = store("expire", "log:", "--ttl", "30d", "-n", status=0)
    assert sorted(tried.out.decode().splitlines()) == [*_KEYS, "log:exact"]
    assert b"DRY RUN, nothing was sent" in tried.err
    assert b"write units" in tried.err
    assert set(_expiries(store).values()) == {None}


def test_it_asks_first_and_says_what_may_be_lost(store: Command) -> None:
    words = ("expire", "log:", "--ttl", "30d")
    screen = in_terminal(store, *words, typed=b"n\n", columns=200)
    assert screen.status == 2
    assert "About to expire 61 records " in screen.text
    assert "Each record expires 30d after it is written. Its value is kept; " in screen.text
    assert "between the read and the write of a record is lost." in screen.text
    assert "not confirmed: nothing was changed" in screen.text
    assert set(_expiries(store).values()) == {None}
    assert in_terminal(store, *words, typed=b"y\n").status == 0
    assert list(_expiries(store).values()).count(None) == 2


def test_nobody_to_ask_is_refused_before_anything_is_read(kvsctl: Command) -> None:
    words = ("expire", "--all", "--ttl", "1d", "--url", "http://127.0.0.1:9")
    refused = kvsctl(*words, status=2)
    assert b"cannot ask, because this is not a terminal: nothing was changed" in refused.err
    refused = kvsctl.having(KVSCTL_READ_ONLY="1")(*words, "--yes", status=2)
    assert b"is read-only: nothing was sent" in refused.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ttl", "1d"], "expire needs a selection: PREFIX, --prefix, --match, --regex or --all"),
        (["--ttl", "1d", "--no-expiry"], "expire needs a selection"),
        (["--ttl", "1d", "--prefix", ""], "the prefix is empty"),
        (["a", "--prefix", "a", "--ttl", "1d"], "PREFIX and --prefix exclude each other"),
        (["a", "--all", "--ttl", "1d"], "--all and a prefix exclude each other"),
        (["--all"], "no ttl: give --ttl TTL"),
        (["--all", "--ttl", "soon"], '--ttl "soon": the ttl is not valid'),
        (["--all", "--ttl", "0s"], '--ttl "0s": '),
        (["--all", "--ttl", "9999d"], '--ttl "9999d": '),
        (["--all", "--ttl", "1d", "--expired"], "expired records are skipped"),
        (["--all", "--ttl", "1d", "--check-first"], "--check-first applies to records"),
    ],
)
def test_a_wrong_request_changes_nothing(kvsctl: Command, words: list[str], message: str) -> None:
    refused = kvsctl("expire", "-t", "local", *words, "--yes", status=2)
    assert message in refused.err.decode()


def test_records_that_cannot_be_written_fail_alone(kvsctl: Command, tmp_path: Path) -> None:
    path = tmp_path / "db"
    with served(embedded(path)) as url:
        kvsctl("set", "-q", "--url", url, *(f"{key}=1" for key in _KEYS), status=0)
    limits = tmp_path / "limits.json"
    limits.write_text(json.dumps({"ttl_seconds": 10**9}), "utf-8")
    with served(embedded(path)) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        words = ("expire", "--all", "--ttl", "9999d", "--limits", limits, "-y", "--json")
        report = there(*words, status=1).report
        assert (report["records"], report["failed"]) == (60, 60)
        assert set(_expiries(there).values()) == {None}
