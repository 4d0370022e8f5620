"""Two runs never write one file, and nobody else's file is written or lost."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.commands.command import Command, Ended, records_file
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import wait_until

pytestmark = only_on(IS_POSIX, "locks and links of POSIX")

_WAIT_SECONDS = 60
_BAD = b'{"key":"a/b","value":1}\n'
_GOOD = b'{"key":"a","value":1}\n'


@pytest.fixture
def local(kvsctl: Command) -> Command:
    return kvsctl.having(KVSCTL_TARGET="local")


class _Waiting:
    """A run that has its files open and waits for the rest of its input."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def send(self, lines: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(lines)
        self._process.stdin.flush()

    def end(self, lines: bytes = b"") -> Ended:
        out, err = self._process.communicate(lines, timeout=_WAIT_SECONDS)
        assert b"Traceback" not in err
        return Ended(self._process.returncode, out, err)


@contextmanager
def _waiting(local: Command, opened: Path, *words: str | Path) -> Iterator[_Waiting]:
    """Start a run that reads a pipe; yield it once it has opened the file `opened`."""
    pipe = subprocess.PIPE
    with local.start(*words, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            wait_until(opened.exists)
            yield _Waiting(process)
        finally:
            process.kill()


@pytest.mark.parametrize("flag", ["-o", "--failures", "--report", "--journal"])
def test_a_file_of_a_run_is_refused_to_a_second_run(
    local: Command, tmp_path: Path, flag: str
) -> None:
    local("set", "a=1", "b=2", status=0)
    path = tmp_path / "file"
    opened = tmp_path / "file.part" if flag == "-o" else path
    # With a journal, the run's output is in a file, which is opened last.
    more: list[str | Path] = ["-o", tmp_path / "out"] if flag == "--journal" else []
    with _waiting(local, opened, "get", flag, path, *more) as run:
        run.send(b"a\nnone\n")
        before = opened.read_bytes()
        second: list[str | Path] = ["-o", tmp_path / "out2"] if flag == "--journal" else []
        refused = local("get", "b", flag, path, *second, "--json", status=2)
        assert b"is in use by another run" in refused.err
        assert str(path).encode() in refused.err.replace(b"\n", b"")
        assert refused.out == b""
        assert opened.read_bytes()[: len(before)] == before
        if flag in ("--failures", "--report"):
            local("get", "b", "-o", path, status=2)
        ended = run.end(b"b\n")
    assert ended.status == 1, ended
    if flag == "-o":
        assert path.read_bytes() == b'{"key":"a","value":1}\n{"key":"b","value":2}\n'
    if flag == "--failures":
        assert [json.loads(line)["key"] for line in path.read_bytes().splitlines()] == ["none"]


@pytest.mark.parametrize("flag", ["-o", "--failures"])
def test_of_two_runs_that_start_at_once_one_is_refused(
    local: Command, tmp_path: Path, flag: str
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("".join(f"k{place}\n" for place in range(1500)))
    records = [{"key": f"k{place}", "value": place} for place in range(1500)]
    local("set", "-f", records_file(tmp_path / "in", records), status=0)
    path = tmp_path / "file"
    if flag == "--failures":
        keys.write_text("".join(f"none{place}\n" for place in range(1500)))
    pipe = subprocess.PIPE
    words: list[str | Path] = ["get", "-q", "-f", keys, flag, path]
    runs = [local.start(*words, stdout=pipe, stderr=pipe) for _ in range(3)]
    ends = [run.communicate(timeout=_WAIT_SECONDS) for run in runs]
    done = 0 if flag == "-o" else 1
    statuses = [run.returncode for run in runs]
    assert done in statuses
    assert set(statuses) <= {done, 2}, ends
    for (_, complaint), status in zip(ends, statuses, strict=True):
        assert (b"is in use by another run" in complaint) == (status == 2)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    prefix = "k" if flag == "-o" else "none"
    assert [line["key"] for line in lines] == [f"{prefix}{place}" for place in range(1500)]
    assert not (tmp_path / "file.part").exists()


def test_a_planted_part_gives_nothing_away(local: Command, tmp_path: Path) -> None:
    local("set", "a=1", status=0)
    out, part, foreign = tmp_path / "out", tmp_path / "out.part", tmp_path / "foreign"
    foreign.write_bytes(b"kept")
    for plant in (part.symlink_to, lambda _: os.mkfifo(part)):
        plant(foreign)
        ended = local("get", "a", "-o", out, status=2)
        assert b"out.part" in ended.err
        assert (foreign.read_bytes(), out.exists()) == (b"kept", False)
        part.unlink()
    os.link(foreign, part)
    local("get", "a", "-o", out, status=0)
    assert (foreign.read_bytes(), out.read_bytes()) == (b"kept", b'{"key":"a","value":1}\n')


def _remove(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"of somebody else")
    other.replace(path)


def _truncate(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (_remove, "--failures"),
        (_remove, "--report"),
        (_remove, "-o"),
        (_replace, "--failures"),
        (_replace, "--report"),
        (_replace, "-o"),
        (_truncate, "--failures"),
    ],
)
def test_5_when_a_file_is_removed_replaced_or_truncated_in_mid_run(
    local: Command, tmp_path: Path, change: Callable[[Path], None], flag: str
) -> None:
    path, journal = tmp_path / "file", tmp_path / "journal"
    opened = tmp_path / "file.part" if flag == "-o" else path
    words: list[str | Path] = ["get", "-f", "-"] if flag == "-o" else ["set", "--journal", journal]
    with _waiting(local, opened, *words, flag, path, "--json") as run:
        run.send(b"a\n" if flag == "-o" else _BAD)
        if flag == "--failures":
            wait_until(lambda: path.stat().st_size > 0)
        change(opened)
        ended = run.end(b"" if flag == "-o" else _GOOD)
    assert ended.status == 5, ended
    done = b"truncated by another program" if change is _truncate else b"removed or replaced"
    assert b"was " + done + b" during the run" in ended.err
    if change is _replace:
        assert opened.read_bytes() == b"of somebody else"
    report = ended.report
    assert report["exit_code"] == 5
    assert report["records"] == sum(
        report[end] for end in ("succeeded", "failed", "skipped", "duplicates", "unknown", "unsent")
    )
    if flag == "--failures":
        assert b"not complete" in local("journal", "show", journal, status=0).out


@pytest.mark.parametrize("flag", ["--report", "--failures"])
@pytest.mark.parametrize("extra", [[], ["-n"], ["--check-first"]])
def test_a_foreign_file_is_replaced_only_by_force(
    local: Command, tmp_path: Path, flag: str, extra: list[str]
) -> None:
    foreign, journal = tmp_path / "users.csv", tmp_path / "journal"
    foreign.write_bytes(b"key,value\na,1\n")
    source = tmp_path / "in.jsonl"
    source.write_bytes(_BAD)
    words: list[str | Path] = ["set", "-f", source, flag, foreign, *extra]
    with_journal: list[str | Path] = [] if extra else ["--journal", journal]
    refused = local(*words, *with_journal, status=2)
    assert flag.encode() in refused.err
    assert b"--force" in refused.err
    assert foreign.read_bytes() == b"key,value\na,1\n"
    assert not journal.exists()
    assert not local.database.exists()
    for _ in range(2):  # what was forced is of the right kind then
        local(*words, "--force", status=1)
        written = foreign.read_bytes()
        assert b"INVALID_KEY" in written
        local(*words, status=1)
        assert len(foreign.read_bytes().splitlines()) == len(written.splitlines()) == 1


def test_an_output_replaces_any_file(local: Command, tmp_path: Path) -> None:
    local("set", "a=1", status=0)
    out = tmp_path / "out"
    out.write_bytes(b"key,value\n")
    local("get", "a", "-o", out, status=0)
    assert out.read_bytes() == b'{"key":"a","value":1}\n'
