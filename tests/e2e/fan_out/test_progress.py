"""A job in parts has a line for all of them, and one for each that a worker carries out."""

from pathlib import Path

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.emulated_terminal import emulated_terminal, started
from tests.support.needs import IS_POSIX, only_on

_SLOW = ("--workers", "2", "--batch-size", "1", "--rps", "6")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(24)])


def test_each_worker_has_a_line(kvsctl: Command, many: Path) -> None:
    command = Command(kvsctl.home, {"KVSCTL_TARGET": "local", "TERM": "xterm", "COLUMNS": ""})
    with emulated_terminal(100, 24) as terminal:
        with started(command, terminal, "set", "-f", many, *_SLOW) as process:
            assert process.wait(60) == 0
        rows = terminal.settled_rows()
        drawn = [frame for frame in terminal.frames if any(" of 2 parts" in row for row in frame)]
    heads = {" ".join(row.split()[:2]) for frame in drawn for row in frame}
    assert {"shard 1/2", "shard 2/2"} <= heads
    assert any(row.startswith("  shard") and " records" in row for row in drawn[-1] + drawn[-3])
    assert not any(" of 2 parts" in row for row in rows), "nothing stays behind"
    notes = [row for row in rows if row.startswith("kvsctl: shard ")]
    assert len(notes) == 2, "what each part did is said above what is drawn"
    assert any("24 succeeded" in row for row in rows)


def test_a_log_has_a_line_for_all_of_them(kvsctl: Command, many: Path) -> None:
    command = kvsctl.having(KVSCTL_TARGET="local")
    err = command.process("set", "-f", many, *_SLOW, "--stats-every", "1", status=0).err.decode()
    beats = [line for line in err.splitlines() if line.startswith("kvsctl: set: ")]
    assert beats
    assert all(" of 2 parts, " in beat for beat in beats)
    counts = [int(beat.split(" parts, ")[1].split(" record")[0]) for beat in beats]
    assert max(counts) > 0, "records of workers that are still at work count"


@only_on(IS_POSIX, "sockets with a path")
def test_temporary_files_may_have_a_long_path(kvsctl: Command, many: Path, tmp_path: Path) -> None:
    """Longer than the path of a socket may be: about 100 bytes."""
    folder = tmp_path / ("t" * 110)
    folder.mkdir()
    command = kvsctl.having(KVSCTL_TARGET="local", TMPDIR=str(folder))
    words = ("set", "-f", many, "--workers", "2", "--stats-every", "1")
    assert b"24 succeeded" in command.process(*words, status=0).err
    assert [*folder.iterdir()] == []
