"""A reader that closes the pipe early (`… | head -1`) ends every command quietly, with 141."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.backups.exports import write_export
from tests.support.commands.command import Command

_WAIT_SECONDS = 60
_LINES = [b'{"key":"k%05d","value":"%b"}\n' % (n, b"x" * 2_000) for n in range(1_500)]
_LONG = ("list --as jsonl --long", "export", "diff -f other.jsonl", "get -f all.jsonl")
"""Commands that print far more than a pipe holds."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of an export, the export, and a file in which all values differ."""
    folder = tmp_path_factory.mktemp("store")
    write_export(folder / "all.jsonl", _LINES)
    (folder / "other.jsonl").write_bytes(b"".join(_LINES).replace(b"xxx", b"yyy"))
    (folder / "home").mkdir()
    Command(folder / "home", {"KVSCTL_LOCAL_DB": str(folder / "db")})(
        "set", "-q", "-t", "local", "-f", folder / "all.jsonl", status=0
    )
    return folder


@pytest.fixture
def local(kvsctl: Command, store: Path) -> Command:
    return kvsctl.having(KVSCTL_TARGET="local", KVSCTL_LOCAL_DB=str(store / "db"))


@pytest.mark.parametrize("words", _LONG)
def test_when_the_first_line_was_read(local: Command, store: Path, words: str) -> None:
    process = local.start(
        *words.split(), cwd=store,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
        assert process.wait(_WAIT_SECONDS) == 141
    assert complaint == b""


@pytest.mark.parametrize(
    "words",
    [
        *_LONG,
        "list",
        "list --count",
        "list k0000 --long",
        "list --as json",
        "export k00001",
        "du",
        "du --as table",
        "diff -f other.jsonl --as keys",
        "diff -f other.jsonl --with all.jsonl",
        "diff -f other.jsonl --all --as text",
        "get k00001",
        "verify all.jsonl",
        "verify all.jsonl --json",
        "verify all.jsonl --against local --sample 1/100",
    ],
)
def test_when_nothing_is_read(local: Command, store: Path, tmp_path: Path, words: str) -> None:
    report = tmp_path / "report.json"
    status, complaint = _unread(local, *words.split(), "--report", report, folder=store)
    assert (status, complaint) == (141, b"")
    assert json.loads(report.read_bytes())["exit_code"] == 141


@pytest.mark.parametrize("words", ["diff -f all.jsonl", "diff -f all.jsonl --with all.jsonl"])
def test_that_nobody_reads_what_is_not_printed_changes_nothing(
    local: Command, store: Path, words: str
) -> None:
    assert _unread(local, *words.split(), "-q", folder=store) == (0, b"")


def test_when_a_job_is_complete_already(local: Command, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(_LINES[0])
    words = ("set", "-f", source, "--journal", tmp_path / "journal", "--json")
    local(*words, status=0)
    assert _unread(local, *words) == (141, b"")


def test_a_complete_job_whose_report_cannot_be_printed_is_exit_5(
    local: Command, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(_LINES[0])
    words = ("set", "-f", source, "--journal", tmp_path / "journal", "--json")
    local(*words, status=0)
    with Path("/dev/full").open("wb") as full:
        process = local.start(*words, stdout=full, stderr=subprocess.PIPE)
        _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5
    assert b"cannot write the report to stdout: No space left on device" in complaint


def test_a_complete_job_whose_stderr_nobody_reads_is_complete(
    local: Command, store: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    words = ("get", "-f", store / "all.jsonl", "-o", output, "--journal", tmp_path / "j", "--json")
    local(*words, status=0)
    near, far = os.pipe()
    os.close(near)
    process = local.start(*words, stdin=subprocess.DEVNULL, stderr=far)
    os.close(far)
    assert process.wait(_WAIT_SECONDS) == 0


def _unread(local: Command, *words: str | Path, folder: Path | None = None) -> tuple[int, bytes]:
    """Run a command whose stdout is a pipe without a reader. Return its status and stderr."""
    near, far = os.pipe()
    os.close(near)
    process = local.start(
        *words, cwd=folder, stdin=subprocess.DEVNULL, stdout=far, stderr=subprocess.PIPE
    )
    os.close(far)
    _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    return process.returncode, complaint
