"""Manifests of exports, by the command."""

import gzip
import json
import os
import subprocess
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path

import pytest

from kvsctl.backups.manifest import manifest_path
from kvsctl.files.locks import try_lock
from kvsctl.files.sinks import part_path
from tests.support.commands.command import KVSCTL, Command, records_file
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on

pytestmark = pytest.mark.slow


@pytest.fixture(name="local")
def _local(kvsctl: Command, tmp_path: Path) -> Command:
    local = kvsctl.having(KVSCTL_TARGET="local")
    records = [{"key": f"user:{n}", "value": {"n": n}} for n in range(600)]
    local("set", "job:1=1", "-f", records_file(tmp_path / "in.jsonl", records), status=0)
    return local


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
def test_an_export_has_a_manifest_that_verify_accepts(
    local: Command, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    local("export", "-o", path, status=0)
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    manifest = json.loads(manifest_path(path).read_bytes())
    assert (manifest["records"], manifest["bytes"]) == (601, len(content))
    assert manifest["sha256"] == sha256(content).hexdigest()
    assert (manifest["selection"], manifest["entities"]) == ({}, [])
    assert manifest["plain_keys"] is True
    assert manifest["read_from"] <= manifest["read_until"]
    local("verify", path, "--against", "local", status=0)
    local("set", "-f", path, "--changed-only", status=0)
    path.write_bytes(path.read_bytes()[:-1])
    local("set", "-f", path, status=2)


def test_a_manifest_names_the_selection(local: Command, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    words = (
        "user:",
        "--match",
        "*1*",
        "--match",
        "*2*",
        "--no-expiry",
        "--entity",
        "city",
        "--plain",
    )
    local("export", *words, "-o", path, status=0)
    manifest = json.loads(manifest_path(path).read_bytes())
    assert (manifest["entities"], manifest["plain_keys"]) == (["city"], True)
    shown = local("verify", path, status=0).out.decode()
    assert (
        "plain keys, entity city, selected by PREFIX user: --match *1* --match *2* --no-expiry"
        in shown
    )


def test_a_pipe_has_a_manifest_only_if_asked(local: Command, tmp_path: Path) -> None:
    piped = local("export", status=0, folder=tmp_path)
    assert [one.name for one in tmp_path.iterdir() if "manifest" in one.name] == []
    beside = tmp_path / "m.json"
    again = local("export", "-c", "1", "--manifest", beside, status=0).out
    assert sorted(again.splitlines()) == sorted(piped.out.splitlines())
    assert json.loads(beside.read_bytes())["sha256"] == sha256(again).hexdigest()


@only_on(IS_POSIX, "bash")
def test_an_export_whose_reader_ends_early_has_no_manifest(local: Command, tmp_path: Path) -> None:
    values = [{"key": f"large:{n}", "value": "x" * 10_000} for n in range(100)]
    local("set", "-f", records_file(tmp_path / "large.jsonl", values), status=0)
    piped = subprocess.run(
        ["bash", "-c", f"{KVSCTL} export --manifest m | head -1; exit ${{PIPESTATUS[0]}}"],
        env=local.environ,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert piped.returncode == 141
    assert not (tmp_path / "m").exists()


def test_an_export_that_is_not_finished_has_no_manifest(local: Command, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    with serving(local, "--faults", "seed=1,500=1") as url:
        words = ("export", "--url", url, "-o", path, "--retries", "1", "--give-up-after", "1")
        local(*words, status=4)
    assert not manifest_path(path).exists()
    assert not path.exists()


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
@pytest.mark.parametrize("more", [[], ["--journal", "j"], ["--quiet"]])
def test_an_export_in_which_a_record_failed_leaves_the_earlier_one(
    local: Command, tmp_path: Path, name: str, more: list[str]
) -> None:
    path = tmp_path / name
    words: list[str | Path] = ["export", "-o", path, "--consistent", *more]
    with serving(local, "--db", local.database, "--faults", "refuse=user:7:SOME_CODE") as url:
        local("export", "-o", path, status=0)
        before = (path.read_bytes(), manifest_path(path).read_bytes())
        ended = local(*words, "--url", url, status=1, folder=tmp_path)
        assert (path.read_bytes(), manifest_path(path).read_bytes()) == before
    read = part_path(path).read_bytes()
    read = gzip.decompress(read) if path.suffix == ".gz" else read
    assert read.count(b"\n") == 601 - 11
    said = f"what was read is in {part_path(path)}\n".encode() in ended.err
    assert said == ("--quiet" not in more)
    local("verify", path, status=0)
    with serving(local, "--db", local.database, "--port", url.rpartition(":")[2].strip("/")):
        local(*words, "--url", url, status=0, folder=tmp_path)
    assert not part_path(path).exists()
    assert json.loads(manifest_path(path).read_bytes())["records"] == 601


def test_a_resumed_export_has_the_manifest_of_the_whole(local: Command, tmp_path: Path) -> None:
    path, journal = tmp_path / "all.jsonl.gz", tmp_path / "j"
    words = ("export", "-o", path, "--journal", journal, "-c", "2")
    with serving(local, "--db", local.database, "--faults", "seed=3,script=ok:ok:500,500=1") as url:
        local(*words, "--url", url, "--retries", "0", "--give-up-after", "1", status=4)
        assert not manifest_path(path).exists()
        assert part_path(path).stat().st_size > 500, "there is something to resume"
        broken = local(*words, "--url", url, "--retries", "0", "--give-up-after", "1")
        assert broken.status == 4
    port = url.rpartition(":")[2].strip("/")
    with serving(local, "--db", local.database, "--port", port) as again:
        assert again == url
        local(*words, "--url", url, status=0)
    local("verify", path, "--against", "local", status=0)
    assert json.loads(manifest_path(path).read_bytes())["records"] == 601


def test_a_second_export_replaces_the_manifest(local: Command, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    local("export", "-o", path, status=0)
    local("set", "more=1", status=0)
    local("export", "-o", path, status=0)
    local("verify", path, status=0)
    assert json.loads(manifest_path(path).read_bytes())["records"] == 602


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--manifest", "-"], "--manifest -: must be a regular file"),
        (["-o", "a", "--manifest", "a"], "a is manifest and output at once"),
        (["-o", "a.part", "--manifest", "a"], "a.part is manifest and output at once"),
        (["-o", "b", "--manifest", "a", "--report", "a.part"], "a.part is manifest and report"),
        (["-o", "a", "--failures", "a.manifest.json.part"], "is manifest and failures file"),
        (["-o", "a", "--manifest", "none/m"], "cannot write to none/m"),
        (["-o", "none/x"], "cannot write to none/x: No such file or directory"),
        (["--manifest", "."], "--manifest is empty or a folder: not a file name"),
    ],
)
def test_manifests_in_wrong_places_are_refused(
    local: Command, tmp_path: Path, words: list[str], message: str
) -> None:
    refused = local("export", *words, status=2, folder=tmp_path)
    assert message in refused.err.decode()
    assert not (tmp_path / "a").exists()


@only_on(IS_POSIX, "devices")
def test_a_device_is_no_place_for_a_manifest(local: Command) -> None:
    refused = local("export", "--manifest", os.devnull, status=2)
    assert b"must be a regular file" in refused.err
    local("export", "-o", os.devnull, status=0)
    assert not manifest_path(Path(os.devnull)).exists()


@only_on(IS_POSIX, "links and FIFOs")
@pytest.mark.parametrize(
    ("planted", "message"),
    [
        ("link", "a symbolic link"),
        ("pipe", "not a regular file"),
        ("folder", "Is a directory"),
        ("lock", "the manifest"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".part"])
def test_what_is_planted_where_the_manifest_goes_is_noticed_before_anything_is_sent(
    local: Command, tmp_path: Path, planted: str, message: str, suffix: str
) -> None:
    path, elsewhere = tmp_path / "all.jsonl", tmp_path / "elsewhere"
    place = Path(f"{manifest_path(path)}{suffix}")
    if planted == "link":
        if not suffix:
            elsewhere, message = elsewhere / "none" / "m", "No such file or directory"
        place.symlink_to(elsewhere)
    elif planted == "pipe":
        os.mkfifo(place)
    elif planted == "folder":
        place.mkdir()
    else:
        place.touch()
    with place.open("rb") if planted == "lock" else nullcontext() as held:
        assert held is None or try_lock(held.fileno())
        refused = local("export", "-o", path, "--json", status=2)
    assert message in refused.err.decode()
    assert not elsewhere.exists()
    assert not path.exists()
    assert not part_path(path).exists()


@pytest.mark.parametrize(
    "foreign", [b"name,age\n", b"[1]", b'{"schema":1}', b"[" * 50_000, b"\xff"]
)
def test_a_foreign_file_is_replaced_by_a_manifest_only_by_force(
    local: Command, tmp_path: Path, foreign: bytes
) -> None:
    path, other = tmp_path / "all.jsonl", tmp_path / "users.csv"
    other.write_bytes(foreign)
    refused = local("export", "-o", path, "--manifest", other, status=2)
    assert b"--manifest would replace" in refused.err
    assert other.read_bytes() == foreign
    assert not path.exists()
    local("export", "-o", path, "--manifest", other, "--force", status=0)
    local("export", "-o", path, "--manifest", other, status=0)  # an earlier one of its kind
    other.write_bytes(b"")
    local("export", "-o", path, "--manifest", other, status=0)
