"""What is drawn on a terminal makes room for the shell when a job is stopped."""

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.commands.command import KVSCTL, Command, records_file
from tests.support.commands.emulated_terminal import EmulatedTerminal, emulated_terminal
from tests.support.needs import program

pytestmark = pytest.mark.slow


def _in_shell(
    command: Command, terminal: EmulatedTerminal, script: str
) -> "subprocess.Popen[bytes]":
    """Start a script in a shell with job control, in the foreground of the terminal."""
    fd = terminal.fd
    return subprocess.Popen(
        [program("bash"), "-c", f"set -m\n{script}"],
        env=command.having(TERM="xterm", COLUMNS="").environ,
        stdin=fd,
        stdout=fd,
        stderr=fd,
        start_new_session=True,
        preexec_fn=terminal.take,
    )


def test_ctrl_z_erases_the_line_and_fg_draws_it_again(kvsctl: Command, tmp_path: Path) -> None:
    many = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(15)])
    words = [str(KVSCTL), "set", "-f", str(many), "--batch-size", "1", "--rps", "3"]
    run = shlex.quote(shlex.join(words))
    script = f"RUN={run}\n$RUN\necho STOPPED $?\nread -r line\nfg\necho ENDED $?"
    with emulated_terminal(100, 24) as terminal:
        shell = _in_shell(kvsctl.having(KVSCTL_TARGET="local"), terminal, script)
        terminal.wait_for(lambda rows: any(row.startswith("set  ") for row in rows))
        terminal.type(b"\x1a")
        rows = terminal.wait_for(lambda rows: any("STOPPED 148" in row for row in rows))
        assert not any(" records" in row or " left" in row for row in rows), "the line is gone"
        terminal.type(b"\n")
        terminal.wait_for(lambda rows: any(row.startswith("set  ") for row in rows))
        rows = terminal.wait_for(lambda rows: any("ENDED 0" in row for row in rows))
        assert shell.wait(30) == 0
    assert any("15 succeeded" in row for row in rows)
    assert not any(row.startswith("set  ") and " left" in row for row in rows)
