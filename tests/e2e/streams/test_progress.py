"""How far a run is, as a terminal and as a log show it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.emulated_terminal import EmulatedTerminal, emulated_terminal, started
from tests.support.needs import system_module
from tests.support.waiting import wait_until

_SLOW = ("--batch-size", "1", "--rps", "5")
"""Five records per second."""
_FAILING = """
from kvsctl.bulk.settling.ledger import Ledger
settle, left = Ledger.settle_away, [3]
def failing(self, outcomes):
    left[0] -= 1
    if not left[0]:
        raise ZeroDivisionError
    settle(self, outcomes)
Ledger.settle_away = failing
"""


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target."""
    return Command(kvsctl.home, {"KVSCTL_TARGET": "local", "TERM": "xterm", "COLUMNS": ""})


@pytest.fixture
def terminal() -> Iterator[EmulatedTerminal]:
    with emulated_terminal() as opened:
        yield opened


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(15)])


def drawn(rows: list[str]) -> list[str]:
    """Return the rows that say how far the run is."""
    return [row for row in rows if row.startswith("set ") and "/s" in row and "·" not in row]


def counted(row: str) -> int:
    """Return how many records a row counts."""
    return int(row.split(" record")[0].split()[-1])


def test_a_line_is_drawn_in_place_and_gone_at_the_end(
    local: Command, terminal: EmulatedTerminal, many: Path
) -> None:
    with started(local, terminal, "set", "-f", many, *_SLOW) as process:
        assert process.wait(30) == 0
    rows = terminal.wait_for(lambda rows: any("succeeded" in row for row in rows))
    frames = [drawn(frame) for frame in terminal.frames]
    assert max(len(frame) for frame in frames) == 1, "one line, wherever it is redrawn"
    lines = [frame[0] for frame in frames if frame]
    assert len(set(lines)) >= 3
    assert any(" left" in line for line in lines)
    first, last = next(n for n, one in enumerate(frames) if one), len(frames)
    shown = [bool(one) for one in frames[first:last]]
    assert shown == sorted(shown, reverse=True), "it is never blank between two drawings"
    assert drawn(rows) == []
    assert any("15 records" in row for row in rows)


def test_what_ends_at_once_draws_nothing(local: Command, terminal: EmulatedTerminal) -> None:
    with started(local, terminal, "set", "a=1") as process:
        assert process.wait(30) == 0
    assert terminal.shown == b""


@pytest.mark.parametrize(
    ("keys", "status"), [(b"\x03", 130), (b"\x03\x03", 130)], ids=["once", "twice"]
)
def test_ctrl_c_leaves_the_report_and_nothing_else(
    local: Command, terminal: EmulatedTerminal, many: Path, keys: bytes, status: int
) -> None:
    with started(local, terminal, "set", "-f", many, *_SLOW) as process:
        terminal.wait_for(lambda rows: bool(drawn(rows)))
        terminal.type(keys)
        assert process.wait(30) == status
    rows = terminal.wait_for(lambda rows: any("succeeded" in row for row in rows))
    assert drawn(rows) == []
    assert any(row.startswith("kvsctl: stopping") for row in rows)
    assert not any(" left" in row for row in rows)


@pytest.mark.parametrize("columns", [40, 20, 140])
def test_a_resize_in_mid_run_leaves_nothing_behind(
    local: Command, terminal: EmulatedTerminal, many: Path, columns: int
) -> None:
    with started(local, terminal, "set", "-f", many, *_SLOW) as process:
        terminal.wait_for(lambda rows: bool(drawn(rows)))
        count = len(terminal.frames)
        terminal.resize(columns, 12)
        wait_until(lambda: len(terminal.frames) > count)
        assert len(terminal.frames[count]) == 1, "one line in the new width"
        assert process.wait(30) == 0
    rows = terminal.settled_rows()
    assert "succeeded" in "".join(rows)
    assert not any(" left" in row or "%" in row for row in rows)


def test_a_defect_is_explained_below_nothing_else(
    local: Command, terminal: EmulatedTerminal, many: Path
) -> None:
    words = ("set", "-f", many, "--batch-size", "1", "--rps", "2")
    with started(local, terminal, *words, prelude=_FAILING) as process:
        terminal.wait_for(lambda rows: bool(drawn(rows)))
        assert process.wait(30) == 70
    rows = terminal.wait_for(lambda rows: any("defect" in row for row in rows))
    assert drawn(rows) == []


def test_a_kill_leaves_the_modes_of_the_terminal(
    local: Command, terminal: EmulatedTerminal, many: Path
) -> None:
    termios, modes = system_module("termios"), terminal.modes
    before = termios.tcgetattr(terminal.fd)
    with started(local, terminal, "set", "-f", many, *_SLOW) as process:
        terminal.wait_for(lambda rows: bool(drawn(rows)))
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
    assert termios.tcgetattr(terminal.fd) == before
    assert terminal.modes == modes
    assert b"\x1b[?" not in terminal.shown, "a hidden cursor would stay hidden"


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_without_colour_nothing_is_styled(
    local: Command, terminal: EmulatedTerminal, many: Path, variables: dict[str, str]
) -> None:
    command = local.having(**variables)
    with started(command, terminal, "set", "-f", many, *_SLOW, "--stats-every", "1") as process:
        assert process.wait(30) == 0
    terminal.wait_for(lambda rows: any("15 succeeded" in row for row in rows))
    assert b"m" not in {terminal.shown[at : at + 3][-1:] for at in _escapes(terminal.shown)}
    is_dumb = "TERM" in variables
    assert bool(_escapes(terminal.shown)) is not is_dumb
    assert (b"kvsctl: set: " in terminal.shown) is is_dumb, "a line now and then instead"


def _escapes(shown: bytes) -> list[int]:
    return [at for at in range(len(shown)) if shown.startswith(b"\x1b", at)]


def test_a_line_says_why_nothing_is_sent(local: Command, terminal: EmulatedTerminal) -> None:
    nowhere = ("--url", "http://127.0.0.1:9", "--retries", "100")
    with started(local, terminal, "set", "a=1", *nowhere) as process:
        terminal.wait_for(
            lambda rows: any(
                "connection refused" in row and "trying again in" in row for row in drawn(rows)
            )
        )
        terminal.type(b"\x03")
        assert process.wait(60) == 130


def test_without_a_terminal_a_line_now_and_then_says_how_far_the_run_is(
    local: Command, many: Path
) -> None:
    ended = local("set", "-f", many, *_SLOW, "--stats-every", "1", status=0)
    lines = ended.err.decode().splitlines()
    beats = [line for line in lines if line.startswith("kvsctl: set: ")]
    assert beats
    assert all(" records, " in beat and beat.endswith(" left") for beat in beats)
    assert b"\x1b" not in ended.err
    assert b"\r" not in ended.err


def test_a_log_for_programs_has_an_event(local: Command, many: Path) -> None:
    words = ("set", "-f", many, *_SLOW, "--stats-every", "1", "--log-format", "json")
    err = local(*words, status=0).err
    assert b'"event":"progress"' in err


@pytest.mark.parametrize("words", [("--stats-every", "0"), ()], ids=["never", "a minute"])
def test_a_run_of_seconds_is_silent_in_a_log(
    local: Command, many: Path, words: tuple[str, ...]
) -> None:
    ended = local("set", "-f", many, "--batch-size", "1", "--rps", "10", *words, status=0)
    assert b"kvsctl: set: " not in ended.err


def test_a_wrong_duration_is_refused(local: Command) -> None:
    ended = local("set", "a=1", "--stats-every", "often", status=2)
    assert b'--stats-every "often": not a duration' in ended.err


def test_a_resumed_run_counts_the_whole_job(
    local: Command, tmp_path: Path, terminal: EmulatedTerminal
) -> None:
    many = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(25)])
    words = ("set", "-f", many, *_SLOW, "--journal", tmp_path / "job")
    with started(local, terminal, *words) as process:
        terminal.wait_for(lambda rows: any(counted(row) >= 6 for row in drawn(rows)))
        terminal.type(b"\x03")
        assert process.wait(30) == 130
    with emulated_terminal() as again:
        with started(local, again, *words) as process:
            assert process.wait(30) == 0
        again.settled_rows()
        lines = [row for frame in again.frames for row in drawn(frame)]
    counts = [counted(line) for line in lines]
    assert counts[0] >= 6
    assert counts == sorted(counts)
    assert int(lines[0].split("%")[0].split()[-1]) >= 24, "6 of 25"
