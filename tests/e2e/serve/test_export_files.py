"""`kvsctl serve --import` and `--export-on-exit`: what is loaded, written and replaced."""

import gzip
import signal
import subprocess
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.support.commands.command import Command
from tests.support.commands.serving import serving_process

_WAIT_SECONDS = 30


def test_a_store_is_exported_when_it_stops_and_imported_when_it_starts(
    kvsctl: Command, tmp_path: Path
) -> None:
    file = tmp_path / "store.jsonl"
    words = ("--import", file, "--export-on-exit", file)
    with serving_process(kvsctl, *words) as url:
        kvsctl("set", "--url", url, "k=1", "--ttl", "7d", status=0)
        kvsctl("set", "--url", url, 'e={"n": 1.0}', "--entity", "abc", status=0)
    entity, plain = sorted(file.read_text().splitlines())
    assert '"expireTime":"' in plain
    assert '"entityName":"abc","value":{"n": 1.0}' in entity
    with serving_process(kvsctl, *words) as url:
        kvsctl("diff", "-f", file, "--url", url, "--entity", "abc", "--plain", status=0)
        kvsctl("delete", "--url", url, "k", status=0)
    assert file.read_text().splitlines() == [entity]
    kvsctl("set", "-t", "local", "-f", file, status=0)
    assert kvsctl("get", "-t", "local", "e", "--entity", "abc", "--values", status=0).out == (
        b'{"n": 1.0}\n'
    )


def test_it_says_what_it_has_imported_and_exported(kvsctl: Command, tmp_path: Path) -> None:
    file = tmp_path / "store.jsonl.gz"
    process = kvsctl.start(
        "serve", "--port", "0", "--import", file, "--export-on-exit", file,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        kvsctl("set", "--url", url, "k=1", status=0)
        secret = Request(f"{url}/v1/secret/set", b'{"key":"s","value":1}')
        urlopen(secret, timeout=_WAIT_SECONDS).close()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=_WAIT_SECONDS)
    first, *_, exported, secrets = said.decode().splitlines()
    assert first == f"kvsctl: {file} is not there yet: starting without its records"
    assert exported == f"kvsctl: 1 record exported to {file}"
    assert secrets == "kvsctl: secrets are not exported: 1 left out"


def test_an_export_replaces_no_other_file(kvsctl: Command, tmp_path: Path) -> None:
    file = tmp_path / "pw"
    for content in (
        b"root:x:0:0:root:/root:/bin/sh\n",
        b"\0" * 100,
        b'[{"key":"k","value":1}]\n',
        b'{"key":"k"}\n{"key":"l"}\n',
        b"\x1f\x8b damaged",
        b'\n\n{"schemaVersion":1}',
    ):
        file.write_bytes(content)
        loads: tuple[tuple[str | Path, ...], ...] = ((), ("--import", file))
        for load in loads:
            said = kvsctl("serve", *load, "--export-on-exit", file, status=2).err.decode()
            assert "the export would replace another file: " in said
            assert str(file) in said
            assert "another file name, or delete the file." in said
        assert file.read_bytes() == content


def test_an_export_replaces_no_records_that_are_not_loaded(kvsctl: Command, tmp_path: Path) -> None:
    file, other = tmp_path / "store.jsonl.gz", tmp_path / "other.jsonl"
    content = gzip.compress(b'\n\xef\xbb\xbf{"key":"k","value":1}\n')
    file.write_bytes(content)
    other.write_text('{"key":"o","value":1}\n')
    export = ("serve", "--port", "0", "--export-on-exit", file)
    said = kvsctl(*export, "--import", other, status=2).err.decode()
    assert f"the export would replace {file}: it has records that are not loaded" in said
    assert f"Load them with --import {file}, give --export-on-exit another file name" in said
    said = kvsctl(*export, "--db", tmp_path / "kvs.db", status=2).err.decode()
    assert "Give --export-on-exit another file name, or delete the file." in said
    assert not (tmp_path / "kvs.db").exists()
    assert file.read_bytes() == content


@pytest.mark.parametrize("loaded", ["--import", "--seed", None])
def test_an_export_replaces_records_that_are_loaded_and_empty_files(
    kvsctl: Command, tmp_path: Path, loaded: str | None
) -> None:
    file, link = tmp_path / "store.jsonl", tmp_path / "link.jsonl"
    file.write_text('{"key":"k","value":1}\n' if loaded else "\n")
    link.symlink_to(file)
    load = (loaded, link) if loaded else ()
    with serving_process(kvsctl, *load, "--export-on-exit", file) as url:
        kvsctl("set", "--url", url, "l=2", status=0)
    assert file.read_text().count('"value"') == (2 if loaded else 1)


def test_an_export_that_fails_at_the_end_is_an_error(kvsctl: Command, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    process = kvsctl.start(
        "serve", "--port", "0", "--export-on-exit", folder / "store.jsonl",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        folder.rmdir()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5
    assert b"cannot write" in said
    assert b"Traceback" not in said
