"""`kvsctl export` as a user runs it."""

import gzip
import json
import stat
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.clock import Clock
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.emulator.support import FakeTime
from tests.support.commands.command import KVSCTL, Command
from tests.support.commands.server import served
from tests.support.examples import examples
from tests.support.jsontexts import LEGAL_KEYS, VALUES

_CITIES = Path(__file__).parents[4] / "examples" / "cities.jsonl"


def _records(lines: bytes) -> dict[str, Any]:
    """Return the records of an export by key; no key may occur twice."""
    records = [json.loads(line) for line in lines.splitlines()]
    by_key = {record["key"]: record for record in records}
    assert len(by_key) == len(records)
    return by_key


def test_a_whole_store_goes_to_another_through_a_pipe(kvsctl: Command, tmp_path: Path) -> None:
    kvsctl("set", "-t", "local", "-f", _CITIES, status=0)
    other = kvsctl.having(KVSCTL_LOCAL_DB=str(tmp_path / "other.db"))
    piped = subprocess.run(
        f"{KVSCTL} export -t local | KVSCTL_LOCAL_DB={tmp_path}/other.db {KVSCTL} set -t local",
        shell=True,
        env=kvsctl.environ,
        capture_output=True,
        check=True,
    )
    assert b"3,043 records" in piped.stderr
    exported = other("export", "-t", "local", "-c", "1", status=0)
    assert sorted(exported.out.splitlines()) == sorted(_CITIES.read_bytes().splitlines())
    assert b"plain keys" in exported.err


@given(st.dictionaries(LEGAL_KEYS, st.tuples(VALUES, st.sampled_from([None, "1h"])), max_size=30))
@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_restored_is_what_was_backed_up(
    kvsctl: Command, tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("stores")
    one = kvsctl.having(KVSCTL_LOCAL_DB=str(folder / "one.db"), KVSCTL_TARGET="local")
    other = kvsctl.having(KVSCTL_LOCAL_DB=str(folder / "other.db"), KVSCTL_TARGET="local")
    with_ttl = {None: "", "1h": ',"ttl":"1h"'}
    lines = [
        f'{{"key":{json.dumps(key)},"value":{value}{with_ttl[ttl]}}}'.replace("\n", " ")
        for key, (value, ttl) in drawn.items()
        if json.loads(value) is not None
    ]
    set_ = one("set", "--json", stdin="\n".join(lines).encode())
    backup = folder / "backup.jsonl.gz"
    exported = one("export", "-o", backup, "--json", status=0).report
    assert exported["succeeded"] == exported["records"] == set_.report["succeeded"]
    before = gzip.decompress(backup.read_bytes())
    other("set", "-f", backup, status=0)
    after = other("export", status=0).out
    assert _untimed(before) == _untimed(after)
    for key, record in _records(before).items():
        if (expires := record.get("expireTime")) is not None:
            shifted = _epoch(_records(after)[key]["expireTime"]) - _epoch(expires)
            assert -2 <= shifted <= 2
    keys = b"\n".join(json.dumps(key).encode() for key in _records(before))
    got = one("get", "--metadata", "expires", stdin=keys or b"\n", status=0).out
    assert sorted(got.splitlines()) == sorted(before.splitlines())


def _untimed(lines: bytes) -> list[bytes]:
    return sorted(line.partition(b',"expireTime":"20')[0] for line in lines.splitlines())


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_expired_records_are_kept_unless_skipped(kvsctl: Command, tmp_path: Path) -> None:
    clock = FakeTime(time.time_ns() // 1_000_000 - 3_600_000)
    with served(embedded(tmp_path / "db", clock=Clock(clock))) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        there("set", "a=1", "--ttl", "1m", status=0)
        there("set", "b=1", "c=1", "--ttl", "1d", status=0)
        there("set", "d=1", status=0)
        clock.forward(3600)
        assert set(_records(there("export", status=0).out)) == {"a", "b", "c", "d"}
        for words in ([], ["--consistent"]):
            skipped = there("export", "--skip-expired", "--json", *words, status=0)
            assert set(_records(skipped.out)) == {"b", "c", "d"}
            assert skipped.report["skipped_by"] == {"expired": 1}


def test_a_file_is_whole_or_has_another_name(kvsctl: Command, tmp_path: Path) -> None:
    path = tmp_path / "db"
    with served(embedded(path)) as url:
        kvsctl("set", "--url", url, "-f", _CITIES, status=0)
        output = tmp_path / "out.jsonl"
        kvsctl("export", "--url", url, "-o", output, status=0)
        assert stat.S_IMODE(output.stat().st_mode) == 0o600
        assert len(_records(output.read_bytes())) == 3043
    failing = EmulatorOptions(faults=read_faults("script=ok:ok:ok,503=1"))
    with served(embedded(path, failing)) as url:
        partly = tmp_path / "partly.jsonl"
        failed = kvsctl("export", "--url", url, "-o", partly, "--retries", "1", "--json", status=4)
        assert b"gave up listing keys" in failed.err
        assert failed.report["records"] == failed.report["succeeded"] > 0
        assert not partly.exists()
        part = partly.with_name("partly.jsonl.part")
        assert len(_records(part.read_bytes())) == failed.report["records"]


@pytest.mark.parametrize("words", [[], ["--consistent"]])
def test_a_service_that_lags_and_rounds_is_exported(
    kvsctl: Command, tmp_path: Path, words: list[str]
) -> None:
    clock = FakeTime()
    options = EmulatorOptions(query_lag_seconds=60, normalise=True, query_metadata="omitted")
    with served(embedded(tmp_path / "db", options, Clock(clock))) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        there("set", "old=1", "kept=1.0", status=0)
        clock.forward(100)
        there("set", "new=1", "kept=2", status=0)
        there("delete", "old", status=0)
        exported = _records(there("export", *words, status=0).out)
    if words:  # read again: what is gone is skipped, and what is shown is current
        assert exported == {"kept": {"key": "kept", "value": 2}}
    else:
        assert exported == {
            "kept": {"key": "kept", "value": 1},
            "old": {"key": "old", "value": 1},
        }


@pytest.mark.parametrize("words", [["-c", "6"], ["-c", "6", "--consistent"]])
def test_faults_lose_and_repeat_nothing(kvsctl: Command, tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "db"
    with served(embedded(path)) as url:
        kvsctl("set", "--url", url, "-f", _CITIES, status=0)
    faults = "seed=5,script=ok:429:503:cut:reset-after:429,503=0.1,cut=0.1,first=40"
    with served(embedded(path, EmulatorOptions(faults=read_faults(faults)))) as url:
        exported = kvsctl("export", "--url", url, "--json", *words, status=0)
        assert len(_records(exported.out)) == 3043
        assert exported.report["throttled"] > 0
        assert exported.report["retries"] > 2


@pytest.mark.parametrize(("rate", "count"), [("0.2", 3043), ("1", 250)])
@pytest.mark.parametrize("words", [["-c", "1"], ["-c", "4"]])
def test_refused_cursors_lose_and_repeat_nothing(
    kvsctl: Command, tmp_path: Path, rate: str, count: int, words: list[str]
) -> None:
    path = tmp_path / "db"
    lines = _CITIES.read_bytes().splitlines(keepends=True)[:count]
    with served(embedded(path)) as url:
        kvsctl("set", "--url", url, stdin=b"".join(lines), status=0)
    faults = read_faults(f"seed=3,refuse-cursor={rate}")
    with served(embedded(path, EmulatorOptions(faults=faults))) as url:
        exported = kvsctl("export", "--url", url, "--json", *words, status=0)
        keys = [json.loads(line)["key"] for line in exported.out.splitlines()]
        assert sorted(keys) == sorted(json.loads(line)["key"] for line in lines)
        if words == ["-c", "1"]:
            assert keys == sorted(keys)


def test_a_closed_pipe_ends_it_quietly(kvsctl: Command) -> None:
    kvsctl("set", "-t", "local", "-f", _CITIES, status=0)
    piped = subprocess.run(
        ["bash", "-c", f"{KVSCTL} export -t local | head -1; exit ${{PIPESTATUS[0]}}"],
        env=kvsctl.environ,
        capture_output=True,
        check=False,
    )
    assert piped.returncode in (0, 141)  # 0: all of it fitted into the pipe
    assert piped.stdout.count(b"\n") == 1
    assert b"Traceback" not in piped.stderr


def test_an_output_must_be_writable(kvsctl: Command, tmp_path: Path) -> None:
    refused = kvsctl("export", "-t", "local", "-o", tmp_path / "no" / "x.jsonl", status=2)
    assert b"No such file" in refused.err
    same = tmp_path / "x"
    refused = kvsctl("export", "-t", "local", "-o", same, "--report", same, status=2)
    assert b"is output and report at once" in refused.err
