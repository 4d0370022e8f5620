"""Paste the lines that reports give for a shell."""

from tests.support.commands.command import KVSCTL, Command, Ended
from tests.support.commands.pseudo_terminal import run_with_terminal_stderr


def run_pasted(kvsctl: Command, line: str) -> Ended:
    """Return how a line ended that was pasted into bash at a terminal."""
    environ = kvsctl.environ | {"TERM": "dumb"}
    environ["PATH"] = f"{KVSCTL.parent}:{environ['PATH']}"
    return run_with_terminal_stderr(["bash", "-c", line], environ, folder=kvsctl.home)


def lines_of(ended: Ended) -> list[str]:
    """Return the lines of a report that are there to be pasted."""
    starts = "  kvsctl ", "  printf "
    return [one.strip() for one in ended.err.decode().splitlines() if one.startswith(starts)]


def line_of(ended: Ended) -> str:
    """Return the only one."""
    (line,) = lines_of(ended)
    return line
