"""`delete` of what selectors choose, by the command against the emulator."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served
from tests.support.commands.serving import serving

pytestmark = pytest.mark.slow

Words: TypeAlias = list[str | Path]
_KEYS = [f"tmp:{number:03}" for number in range(120)]


def _filled(command: Command, tmp_path: Path) -> None:
    records = [{"key": key, "value": "x" * (int(key[4:]) % 50)} for key in _KEYS]
    others = [{"key": "keep:1", "value": 1}, {"key": "tmp", "value": 2}]
    command("set", "-q", "-f", records_file(tmp_path / "in.jsonl", records + others), status=0)


@pytest.fixture(params=["embedded", "server", "lagging"])
def store(request: pytest.FixtureRequest, kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a filled store: embedded, behind a server, or one whose queries lag."""
    if request.param == "embedded":
        command = kvsctl.having(KVSCTL_TARGET="local")
        _filled(command, tmp_path)
        yield command
        return
    path = tmp_path / "served.db"
    with served(embedded(path)) as url:
        _filled(kvsctl.having(KVSCTL_URL=url), tmp_path)
    options = EmulatorOptions(query_lag_seconds=0.5 if request.param == "lagging" else 0.0)
    with served(embedded(path, options)) as url:
        yield kvsctl.having(KVSCTL_URL=url)


def _left(command: Command) -> list[str]:
    """Return which of the keys are there, by batch/get, which does not lag."""
    got = command("get", "-q", "--ignore-missing", *_KEYS, "keep:1", "tmp", status=0)
    return [line["key"] for line in got.lines]


def test_what_a_prefix_chooses_is_deleted_and_nothing_else(store: Command) -> None:
    report = store("delete", "--prefix", "tmp:", "--yes", "--json", status=0).report
    assert (report["command"], report["records"], report["succeeded"]) == ("delete", 120, 120)
    assert _left(store) == ["keep:1", "tmp"]


def test_what_a_size_chose_is_read_again_first(store: Command) -> None:
    words: Words = ["--match", "tmp:*", "--larger-than", "40", "--exclude", "tmp:04*"]
    chosen = [key for key in _KEYS if int(key[4:]) % 50 + 2 > 40 and not key.startswith("tmp:04")]
    report = store("delete", *words, "-y", "--json", status=0).report
    assert (report["succeeded"], report["skipped"]) == (len(chosen), 0)
    assert report["units"]["read"] >= 1
    assert set(_KEYS) - set(_left(store)) == set(chosen)


def test_without_yes_and_terminal_nothing_is_touched(store: Command, tmp_path: Path) -> None:
    report, failures = tmp_path / "report.json", tmp_path / "failures.jsonl"
    words: Words = [
        "--report",
        report,
        "--failures",
        failures,
        "--journal",
        tmp_path / "j",
    ]
    ended = store("delete", "--prefix", "tmp:", *words, status=2)
    assert b"this is not a terminal: nothing was deleted" in ended.err
    assert b"--yes" in ended.err
    assert len(_left(store)) == 122
    assert not report.exists()
    assert not failures.exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--max-delete", "119"], "120 records would be deleted, and --max-delete is 119"),
        (["--max-delete", "50%"], "100% of the 120 that were listed, and --max-delete is 50%"),
        (["--max-delete-bytes", "100"], "bytes would be deleted, and --max-delete-bytes is 100"),
    ],
)
def test_a_guard_refuses_before_anything_is_deleted(
    store: Command, words: list[str], why: str
) -> None:
    ended = store("delete", "--prefix", "tmp:", "-y", *words, status=2)
    assert why in ended.err.decode()
    assert b": nothing was deleted" in ended.err
    of = b'\nThis is about plain keys that begin with "tmp:" in '
    assert of in ended.err, "the mails of two lines of a crontab differ"
    assert len(_left(store)) == 122
    rehearsed = store("delete", "--prefix", "tmp:", "-n", *words, status=2)
    assert why in rehearsed.err.decode()


def test_a_guard_that_is_kept_lets_everything_go(store: Command) -> None:
    words: Words = ["--max-delete", "120", "--max-delete-bytes", "10k"]
    store("delete", "--prefix", "tmp:", "-y", *words, status=0)
    assert _left(store) == ["keep:1", "tmp"]


@pytest.mark.parametrize(("most", "status"), [("5", 0), ("4", 2), ("100%", 0), ("99%", 2)])
def test_a_guard_counts_what_earlier_runs_of_a_journal_have_deleted(
    kvsctl: Command, tmp_path: Path, most: str, status: int
) -> None:
    emulator = embedded(tmp_path / "served.db")
    words: Words = ["delete", "--prefix", "tmp:", "-y", "--journal", tmp_path / "j"]
    with served(emulator) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        command("set", "-q", *(f"tmp:{n}={n}" for n in range(5)), status=0)
        emulator.arm(read_faults("refuse=tmp:1:MAX_SIZE,only=batch/delete"))
        command(*words, "--max-failures", "1", status=4)
        emulator.arm(None)
        ended = command(*words, "--max-delete", most, status=status)
        assert (b"5 records would be deleted" in ended.err) is (status == 2)
        assert command("list", "-q").out == (b"" if status == 0 else b"tmp:1\n")


def test_a_dry_run_leaves_the_failures_file_of_a_journal_alone(
    store: Command, tmp_path: Path
) -> None:
    failures, journal = tmp_path / "failed.jsonl", tmp_path / "j"
    words = ("delete", "--prefix", "session:", "-n", "--failures", failures)
    kept = b'{"key":"session:0","error":{"code":"E","message":"m"},"source":"listing:1"}\n'
    failures.write_bytes(kept)
    store(*words, "--journal", journal, status=0)
    assert failures.read_bytes() == kept
    store(*words, status=0)
    assert failures.read_bytes() == b""


def test_a_dry_run_prints_the_keys_and_what_deleting_them_needs(store: Command) -> None:
    ended = store("delete", "--prefix", "tmp:", "-n", status=0)
    assert sorted(ended.out.decode().splitlines()) == _KEYS
    assert b"DRY RUN, nothing was sent" in ended.err
    assert b"120 records" in ended.err
    assert b"would need 5 requests" in ended.err
    assert b"USD" in ended.err
    assert len(_left(store)) == 122
    as_json = store("delete", "--prefix", "tmp:", "-n", "--json", status=0)
    report = json.loads(as_json.err.splitlines()[-1])
    assert (report["dry_run"], report["unsent"], report["succeeded"]) == (True, 120, 0)


def test_shards_delete_each_key_once(store: Command) -> None:
    deleted = 0
    for number in (1, 2, 3):
        words: Words = ["--shard", f"{number}/3", "--prefix", "tmp:"]
        keys = store("delete", *words, "-n", status=0).out.decode().splitlines()
        report = store("delete", *words, "-y", "--json", status=0).report
        assert (report["succeeded"], report["shard"]) == (len(keys), f"{number}/3")
        deleted += len(keys)
    assert deleted == 120
    assert _left(store) == ["keep:1", "tmp"]


def test_verify_lock_metrics_and_failures_work_as_for_keys(store: Command, tmp_path: Path) -> None:
    metrics, failures = tmp_path / "m.prom", tmp_path / "failures.jsonl"
    words: Words = ["--verify", "--lock", tmp_path / "lock", "--metrics-file", metrics]
    words += ["--failures", failures, "--report", tmp_path / "r.json", "--max-duration", "5m"]
    store("delete", "--prefix", "tmp:", "-y", *words, status=0)
    assert _left(store) == ["keep:1", "tmp"]
    assert "kvsctl" in metrics.read_text()
    assert failures.read_bytes() == b""
    assert json.loads((tmp_path / "r.json").read_text())["succeeded"] == 120


def test_failures_name_what_was_not_deleted(kvsctl: Command, tmp_path: Path) -> None:
    path, failures = tmp_path / "served.db", tmp_path / "failures.jsonl"
    with served(embedded(path)) as url:
        _filled(kvsctl.having(KVSCTL_URL=url), tmp_path)
    faults = read_faults("refuse=tmp:00:MAX_SIZE,only=batch/delete")
    with served(embedded(path, EmulatorOptions(faults=faults))) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        words: Words = [
            "--prefix",
            "tmp:",
            "-y",
            "--retries",
            "0",
            "--failures",
            failures,
            "--json",
        ]
        report = command("delete", *words, status=1).report
    left = [json.loads(line)["key"] for line in failures.read_text().splitlines()]
    assert left == _KEYS[:10]
    assert (report["succeeded"], report["failed"]) == (110, 10)


def test_an_empty_selection_says_so(store: Command) -> None:
    ended = store("delete", "--prefix", "none:", "-y", status=0)
    assert b"no keys were found" in ended.err
    store("delete", "--prefix", "none:", "-y", "--require-input", status=2)


def test_entities_are_deleted_in_place_of_plain_keys(kvsctl: Command, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.yml"
    manifest.write_text(
        "app:\n  id: x\n  storage:\n    entities:\n      - name: log\n"
        "        attributes:\n          n: {type: integer}\n"
    )
    with serving(kvsctl, "--manifest", manifest) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        entities = [{"key": f"k{n}", "value": {"n": n}, "entityName": "log"} for n in range(9)]
        plain = [{"key": f"k{n}", "value": n} for n in range(3)]
        path = records_file(tmp_path / "in.jsonl", entities + plain)
        command("set", "-q", "-f", path, status=0)
        command("delete", "--prefix", "k1", "--entity", "log", "-y", status=0)
        assert len(command("list", "-q", "--entity", "log", "--plain").out.splitlines()) == 11
        command("delete", "--all", "--entity", "log", "--plain", "-y", status=0)
        assert command("list", "-q", "--entity", "log", "--plain").out == b""


def test_what_an_index_chooses_is_read_again_and_deleted(kvsctl: Command, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.yml"
    manifest.write_text(
        "app:\n  id: x\n  storage:\n    entities:\n      - name: log\n"
        "        attributes:\n          n: {type: integer}\n"
        "        indexes:\n          - name: by-n\n            range: [n]\n"
    )
    with serving(kvsctl, "--manifest", manifest) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        entities = [{"key": f"k{n}", "value": {"n": n}, "entityName": "log"} for n in range(9)]
        path = records_file(tmp_path / "in.jsonl", entities)
        command("set", "-q", "-f", path, status=0)
        words = ["--all", "--entity", "log", "--index", "by-n", "--range", ">=5"]
        report = command("delete", *words, "-y", "--json", status=0).report
        assert (report["succeeded"], report["units"]["read"] >= 1) == (4, True)
        left = command("list", "-q", "--entity", "log").out.decode().splitlines()
        assert left == ["k0", "k1", "k2", "k3", "k4"]
