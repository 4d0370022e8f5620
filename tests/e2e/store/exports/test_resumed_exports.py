"""Exports that are killed or stopped, and resumed by the same command."""

import gzip
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.options import Token
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.journal.file import JournalFile, read_journal
from tests.support.commands.command import Command
from tests.support.commands.server import served
from tests.support.journals import records_settled
from tests.support.waiting import wait_until

Words: TypeAlias = list[str | Path]
_CITIES = Path(__file__).parents[4] / "examples" / "cities.jsonl"
_LINES = sorted(_CITIES.read_bytes().splitlines())
_NOTES_OFTEN = "import kvsctl.journal.writer as writer; writer.GROUP_SECONDS = 0.1"

_DIES = """
import os, signal
left = {}
def dies(name):
    done = getattr(os, name)
    def counted(*args, **more):
        global left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return done(*args, **more)
    setattr(os, name, counted)
dies("fsync"), dies("replace")
"""
"""A process that kills itself before it syncs or renames a file once more than so many times."""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a slow service that holds the cities."""
    path = tmp_path_factory.mktemp("slow") / "db"
    home = tmp_path_factory.mktemp("home")
    with served(embedded(path)) as url:
        Command(home)("set", "--url", url, "-f", _CITIES, status=0)
    faults = read_faults("seed=2,latency-ms=20..60,503=0.02")
    with served(embedded(path, EmulatorOptions(faults=faults))) as url:
        yield url


@pytest.mark.parametrize("command", ["export", "sync"])
def test_a_job_that_ended_before_anything_was_listed_lists_everything_when_it_is_resumed(
    kvsctl: Command, tmp_path: Path, command: str
) -> None:
    """An age makes it ask first whether queries have times, and the token is refused there."""
    token = tmp_path / "token"
    config = tmp_path / "config.toml"
    with served(embedded(tmp_path / "db", EmulatorOptions(tokens=(Token("good", "one"),)))) as url:
        config.write_text(f'[targets.there]\nurl = "{url}"\ntoken_file = "{token}"\n')
        here = kvsctl.having(KVSCTL_CONFIG=str(config), KVSCTL_LOCAL_DB=str(tmp_path / "here.db"))
        token.write_text("good")
        here("set", "-q", "-t", "there", "a=1", "b=2", status=0)
        words: Words = [command, "--all", "--newer-than", "1d", "--journal", tmp_path / "j"]
        if command == "export":
            words += ["-t", "there", "-o", tmp_path / "out"]
        else:
            words += ["--from", "there", "-t", "local", "--yes"]
        token.write_text("bad")
        here(*words, status=3)
        token.write_text("good")
        here(*words, status=0)
        if command == "export":
            assert len((tmp_path / "out").read_bytes().splitlines()) == 2
        else:
            assert here("list", "-q", "-t", "local").out == b"a\nb\n"


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["-c", "3"], signal.SIGKILL),
        (["-c", "3"], signal.SIGINT),
        (["-c", "2", "--consistent"], signal.SIGKILL),
    ],
)
def test_a_stopped_export_is_resumed(
    kvsctl: Command, slow: str, tmp_path: Path, words: list[str], number: signal.Signals
) -> None:
    journal, output = tmp_path / "j", tmp_path / "out.jsonl.gz"
    command: Words = ["export", "--url", slow, *words, "--journal", journal, "-o", output, "--json"]

    def has_settled_more_than(count: int) -> bool:
        return records_settled(journal) > count

    for _ in range(2):
        settles = partial(has_settled_more_than, records_settled(journal))
        process = kvsctl.start(*command, prelude=_NOTES_OFTEN, stderr=subprocess.PIPE)
        wait_until(settles)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode in (-number, 130), said
        assert not output.exists()
    ended = kvsctl(*command, status=0)
    assert ended.report["records"] == ended.report["succeeded"] == len(_LINES)
    assert sorted(gzip.decompress(output.read_bytes()).splitlines()) == _LINES


def test_an_export_that_is_killed_at_any_step_of_its_end_is_resumed(
    kvsctl: Command, tmp_path: Path
) -> None:
    """Each step syncs or renames the journal, the records or the manifest."""
    local = kvsctl.having(KVSCTL_TARGET="local")
    local("set", "-f", _CITIES, status=0)
    steps = 0
    while True:
        folder = tmp_path / str(steps)
        folder.mkdir()
        output = folder / "out.jsonl"
        command: Words = ["export", "-o", output, "--journal", folder / "j", "--json"]
        process = local.start(*command, prelude=_DIES.format(steps), stderr=subprocess.PIPE)
        _, said = process.communicate(timeout=60)
        local(*command, status=0)
        assert sorted(output.read_bytes().splitlines()) == _LINES
        local("verify", output, status=0)
        names = {"out.jsonl", "out.jsonl.manifest.json", "j"}
        assert {one.name for one in folder.iterdir()} == names
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, said
        steps += 1
    assert steps > 8


def test_a_complete_journal_starts_anew(kvsctl: Command, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    command: Words = ["export", "-t", "local", "--journal", tmp_path / "j", "-o", output, "--json"]
    kvsctl("set", "-t", "local", "a=1", status=0)
    assert kvsctl(*command, status=0).report["records"] == 1
    kvsctl("set", "-t", "local", "b=2", status=0)
    assert kvsctl(*command, status=0).report["records"] == 2
    assert output.read_bytes() == b'{"key":"a","value":1}\n{"key":"b","value":2}\n'


def test_an_export_is_resumed_by_the_same_command_only(
    kvsctl: Command, slow: str, tmp_path: Path
) -> None:
    journal, output = tmp_path / "j", tmp_path / "out.jsonl"
    command: Words = ["export", "--url", slow, "--journal", journal, "-o", output]
    with JournalFile(journal):
        pass
    process = kvsctl.start(*command, "-c", "1", prelude=_NOTES_OFTEN, stderr=subprocess.PIPE)
    wait_until(lambda: journal.stat().st_size > 0 and read_journal(journal).state.groups > 0)
    process.kill()
    process.communicate()
    for words, message in (
        (["city:1"], b"the input has changed since the journal was begun: listing has a different"),
        (["--skip-expired"], b"--skip-expired is given"),
        (["--consistent"], b"--consistent is given"),
    ):
        assert message in kvsctl(*command, *words, status=2).err
    kvsctl(*command, status=0)
    assert sorted(output.read_bytes().splitlines()) == _LINES


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--journal cannot resume records printed to stdout"),
        (
            ["-o", "out", "--entity", "pet", "--index", "by-age"],
            "--journal cannot resume a listing by an index",
        ),
    ],
)
def test_what_cannot_be_resumed_is_refused(
    kvsctl: Command, tmp_path: Path, words: list[str], message: str
) -> None:
    refused = kvsctl("export", "-t", "local", "--journal", "j", *words, status=2, folder=tmp_path)
    assert message in refused.err.decode()
    assert list(tmp_path.glob("out*")) == []
