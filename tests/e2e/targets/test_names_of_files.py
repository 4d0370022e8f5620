"""`{installation}` in the names of files, of commands that work on one store."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installations.support import container
from tests.support.commands.command import Command, records_file
from tests.support.needs import IS_POSIX, only_on

_CONTAINER = ("-t", "container")
_CONFIG = '[targets.container]\ninstallation = "i/1"\n'
_RECORDS = [{"key": "a", "value": 1}, {"key": "a b/?", "value": 1}]


@pytest.fixture
def inside(kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """Return the command in a container whose configuration has the installation."""
    config = tmp_path / "config.toml"
    config.write_text(_CONFIG)
    records_file(tmp_path / "in-i_1.jsonl", _RECORDS)
    with container(kvsctl, ["i/1", "other"]) as one:
        yield one.having(KVSCTL_CONFIG=str(config))


def test_the_id_of_the_configuration_is_in_the_names(inside: Command, tmp_path: Path) -> None:
    files = ("-f", "in-{installation}.jsonl", "--failures", "failed-{installation}.jsonl")
    inside("set", *_CONTAINER, *files, status=1, folder=tmp_path)
    assert b"a b/?" in (tmp_path / "failed-i_1.jsonl").read_bytes()
    inside("export", *_CONTAINER, "-o", "x-{installation}.jsonl", status=0, folder=tmp_path)
    assert b'"a"' in (tmp_path / "x-i_1.jsonl").read_bytes()
    inside("diff", *_CONTAINER, "-f", "x-{installation}.jsonl", status=0, folder=tmp_path)
    words = ("x-{installation}.jsonl", "--against", "container")
    inside("verify", *words, status=0, folder=tmp_path)
    assert not list(tmp_path.glob("*{installation}*"))


def test_the_id_of_the_option_counts_first(inside: Command, tmp_path: Path) -> None:
    words = (*_CONTAINER, "--installation", "other", "-o", "x-{installation}.jsonl")
    inside("export", *words, status=0, folder=tmp_path)
    assert (tmp_path / "x-other.jsonl").exists()


def test_without_an_id_the_name_stays(kvsctl: Command, tmp_path: Path) -> None:
    records_file(tmp_path / "in-{installation}.jsonl", [{"key": "a", "value": 1}])
    kvsctl("set", "-t", "local", "-f", "in-{installation}.jsonl", status=0, folder=tmp_path)


def test_files_alone_have_no_installation(inside: Command, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'default = "container"\n{_CONFIG}')
    records_file(tmp_path / "x-{installation}.jsonl", _RECORDS[:1])
    words = ("-f", "x-{installation}.jsonl", "--with", "x-{installation}.jsonl")
    inside("diff", *words, status=0, folder=tmp_path)


def test_what_is_wrong_with_the_target_is_still_said(inside: Command, tmp_path: Path) -> None:
    metrics = ("--metrics-file", "m.prom")
    words = ("set", "-t", "nowhere", "-f", "in-{installation}.jsonl", *metrics)
    ended = inside(*words, status=2, folder=tmp_path)
    assert b'unknown target "nowhere"' in ended.err
    assert b"} 2\n" in (tmp_path / "m.prom").read_bytes()


@only_on(IS_POSIX, "descriptors have names")
def test_a_configuration_from_a_pipe_is_read_once(inside: Command, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, _CONFIG.encode())
    os.close(writing)
    try:
        piped = inside.having(KVSCTL_CONFIG=f"/dev/fd/{reading}")
        words = (*_CONTAINER, "-f", "in-{installation}.jsonl")
        piped("set", *words, status=1, folder=tmp_path)
    finally:
        os.close(reading)
