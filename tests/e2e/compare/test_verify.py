"""`kvsctl verify`, and commands that refuse a file which does not match its manifest."""

import json
from pathlib import Path

import pytest

from kvsctl.backups.manifest import manifest_path
from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.backups.exports import write_export
from tests.support.commands.command import Command
from tests.support.commands.server import served

pytestmark = pytest.mark.slow

_LINES = [b'{"key":"k%d","value":%d}\n' % (n, n) for n in range(30)]


@pytest.fixture(params=["all.jsonl", "all.jsonl.gz"])
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An export with its manifest beside it."""
    return write_export(tmp_path / request.param, _LINES)


def test_an_export_that_matches_is_described(kvsctl: Command, export: Path) -> None:
    shown = kvsctl("verify", export, status=0)
    assert shown.err == b""
    size = sum(map(len, _LINES))
    assert shown.out.decode().splitlines() == [
        f"file      {export} matches its manifest",
        f"records   30 records, {size} bytes uncompressed",
        "target    prod",
        "covers    plain keys, entity city, selected by PREFIX user:",
        "read      2026-01-02T03:04:05Z to 2026-01-02T03:05:00Z",
    ]
    document = json.loads(kvsctl("verify", "--json", export, status=0).out)
    assert (document["matches"], document["damage"], document["records"]) == (True, None, 30)
    assert document["read_from"] == "2026-01-02T03:04:05.000Z"
    assert document["exit_code"] == 0


@pytest.mark.parametrize("kept_bytes", [0, 1, -1, -20])
def test_a_truncated_export_is_found(kvsctl: Command, export: Path, kept_bytes: int) -> None:
    export.write_bytes(export.read_bytes()[:kept_bytes])
    shown = kvsctl("verify", export, status=1)
    assert shown.out == b""
    assert f"{export} does not match: " in shown.err.decode()
    document = json.loads(kvsctl("verify", "--json", export, status=1).out)
    assert (document["matches"], document["exit_code"]) == (False, 1)
    assert document["damage"]


def test_set_refuses_a_file_that_does_not_match_before_it_sends_anything(
    kvsctl: Command, tmp_path: Path
) -> None:
    good = write_export(tmp_path / "good.jsonl", _LINES)
    kvsctl("set", "-t", "local", "-f", good, status=0)
    bad = write_export(tmp_path / "bad.jsonl", [b'{"key":"x","value":1}\n', *_LINES])
    bad.write_bytes(bad.read_bytes().replace(b'"value":7', b'"value":8'))
    for words in ((), ("-n",)):
        refused = kvsctl("set", "-t", "local", *words, "-f", good, "-f", bad, status=2)
        assert "does not match bad.jsonl.manifest.json: its records have changed" in (
            refused.err.decode()
        )
    kvsctl("get", "-t", "local", "x", status=1)
    kvsctl("set", "-t", "local", "-f", bad, "--ignore-manifest", status=0)
    kvsctl("get", "-t", "local", "x", status=0)
    kvsctl("get", "-t", "local", "-f", bad, status=0)


@pytest.mark.parametrize("command", ["set", "verify"])
def test_a_manifest_of_a_newer_version_is_refused(
    kvsctl: Command, tmp_path: Path, command: str
) -> None:
    path = write_export(tmp_path / "all.jsonl", _LINES)
    beside = manifest_path(path)
    newer = json.loads(beside.read_bytes()) | {"kvsctl_manifest": 2}
    beside.write_text(json.dumps(newer))
    words = ("set", "-t", "local", "-f", path) if command == "set" else ("verify", path)
    refused = kvsctl(*words, status=2)
    assert b"has format 2, but this kvsctl knows formats up to 1" in refused.err


def test_verify_needs_a_file_and_its_manifest(kvsctl: Command, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    assert b"not a file" in kvsctl("verify", path, status=2).err
    path.write_bytes(b"".join(_LINES))
    refused = kvsctl("verify", path, status=2)
    assert b"has no manifest: all.jsonl.manifest.json is missing" in refused.err


# Against a store


def _restored(kvsctl: Command, path: Path) -> Command:
    local = kvsctl.having(KVSCTL_TARGET="local")
    local("set", "-f", path, status=0)
    return local


def test_a_restored_export_equals_the_store(kvsctl: Command, export: Path) -> None:
    _restored(kvsctl, export)
    shown = kvsctl("verify", export, "--against", "local", status=0).out.decode().splitlines()
    assert shown[5:] == [
        f"against   LOCAL EMULATOR {kvsctl.database}",
        "found     30 records compared, 30 equal, 2 read units",
    ]


def test_what_differs_from_the_store_is_named(kvsctl: Command, export: Path) -> None:
    local = _restored(kvsctl, export)
    local("set", "k7=0", "more=1", status=0)
    local("delete", "k8", status=0)
    shown = kvsctl("verify", export, "--against", "local", status=1).out.decode()
    assert "28 equal, 1 changed, 1 missing" in shown
    assert shown.splitlines()[-2:] == ["changed   k7", "missing   k8"]
    ended = kvsctl("verify", export, "--against", "local", "--json", status=1)
    against = json.loads(ended.out)["against"]
    assert against["different"] == [
        {"change": "changed", "key": "k7"}, {"change": "missing", "key": "k8"},
    ]  # fmt: skip
    assert (against["compared"], against["sample"]) == (30, "all")


def test_many_differences_are_counted(kvsctl: Command, export: Path) -> None:
    shown = kvsctl("verify", export, "--against", "local", status=1).out.decode().splitlines()
    assert len([line for line in shown if line.startswith("missing")]) == 10
    assert shown[-1].strip() == "and 20 more: kvsctl diff shows them"


def test_a_sample_is_a_part_and_the_same_each_time(kvsctl: Command, export: Path) -> None:
    _restored(kvsctl, export)
    words = ("verify", export, "--against", "local", "--sample", "1/3", "--json")
    first = json.loads(kvsctl(*words, status=0).out)["against"]
    assert 3 < first["compared"] < 20
    assert first == json.loads(kvsctl(*words, status=0).out)["against"]
    assert first["sample"] == "1/3"


def test_records_that_have_expired_are_left_out(kvsctl: Command, tmp_path: Path) -> None:
    lines = [
        b'{"key":"a","value":1,"expireTime":"2020-01-01T00:00:00Z"}\n',
        b'{"key":"b","value":{"expireTime":1}}\n',
    ]
    path = write_export(tmp_path / "all.jsonl", lines)
    _restored(kvsctl, path)
    against = json.loads(kvsctl("verify", path, "--against", "local", "--json", status=0).out)
    assert against["against"]["compared"] == 1


def test_a_damaged_export_is_not_compared(kvsctl: Command, tmp_path: Path) -> None:
    path = write_export(tmp_path / "all.jsonl", _LINES)
    path.write_bytes(b"".join(_LINES[:-1]))
    document = json.loads(kvsctl("verify", path, "--against", "local", "--json", status=1).out)
    assert "against" not in document
    assert not kvsctl.database.exists()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--sample", "1/3"], 2, "--sample needs a target to compare with"),
        (["--against", "local", "--sample", "3"], 2, "--sample 3: not a part"),
        (["--against", "local", "--sample", "4/3"], 2, "--sample 4/3: not a part"),
        (["--against", "nowhere"], 2, '--against: unknown target "nowhere"'),
        (["--against", ""], 2, "--against is empty"),
        (["--against", "http://h.example"], 2, "http:// to h.example is refused"),
        (["--against", "http://h.example", "--allow-http"], 2, "h.example has no token"),
        (["--against", "http://127.0.0.1:1", "--retries", "0"], 4, "127.0.0.1:1"),
    ],
)
def test_wrong_comparisons_are_refused(
    kvsctl: Command, export: Path, words: list[str], status: int, message: str
) -> None:
    assert message in kvsctl("verify", export, *words, status=status).err.decode()


def test_verify_needs_the_name_of_a_file(kvsctl: Command) -> None:
    assert b"no file is given" in kvsctl("verify", status=2).err


@pytest.mark.parametrize("path", [".", "..", "/", "missing", "missing/"])
def test_what_is_not_a_file_is_refused(kvsctl: Command, tmp_path: Path, path: str) -> None:
    assert b"not a file" in kvsctl("verify", path, folder=tmp_path, status=2).err


def test_it_says_why_records_could_not_be_compared(kvsctl: Command, export: Path) -> None:
    failing = EmulatorOptions(faults=read_faults("503=1"))
    with served(embedded(kvsctl.home / "served.db", failing)) as url:
        words = ("verify", export, "--against", url, "--retries", "0")
        ended = kvsctl(*words, status=1)
        document = json.loads(kvsctl(*words, "--json", status=1).out)
    assert b"0 records compared, 30 failed" in ended.out
    against = document["against"]
    assert (against["failed"], len(against["failures"])) == (30, 10)
    assert against["failures"][0]["code"].encode() in ended.err
