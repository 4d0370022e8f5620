"""The command, run as a user runs it: with streams and an exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.commands.in_process import run_in_process
from tests.support.commands.report_schema import require_valid_reports

KVSCTL = Path(sys.executable).with_name("kvsctl")
_TIMEOUT_SECONDS = 60
_MAIN = "from kvsctl.__main__ import main; main()"


@dataclass(frozen=True)
class Ended:
    """How a command ended, with what it printed attached."""

    status: int
    out: bytes
    err: bytes

    @property
    def lines(self) -> list[Any]:
        """stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report: the last line of stdout, or of stderr if stdout holds records."""
        for stream in (self.out, self.err):
            last = stream.splitlines()[-1:]
            if last and last[0].startswith(b'{"schema"'):
                report: dict[str, Any] = json.loads(last[0])
                return report
        raise AssertionError(f"no report in {self!r}")


@dataclass(frozen=True)
class Command:
    """kvsctl in surroundings of its own: an empty HOME and a local database in it."""

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """What the process sees: nothing of the tester's own settings."""
        kept = {n: os.environ[n] for n in ("PATH", "SYSTEMROOT", "TEMP") if n in os.environ}
        own = {"HOME": str(self.home), "COLUMNS": "100", "LANG": "C.UTF-8"}
        return kept | own | dict(self.variables)

    @property
    def database(self) -> Path:
        """Where the embedded target keeps its records."""
        return self.home / ".local/share/kvsctl/local.db"

    def __call__(
        self,
        *words: str | Path,
        stdin: bytes | Path | None = None,
        status: int | None = None,
        folder: Path | None = None,
    ) -> Ended:
        """Run `kvsctl WORDS` in this process, without a terminal.

        `stdin` is what a pipe holds, or a file that is open as stdin; None is /dev/null.
        """
        given = [str(word) for word in words]
        return _checked(Ended(*run_in_process(given, self.environ, stdin, folder)), status)

    def process(
        self, *words: str | Path, stdin: bytes | None = None, status: int | None = None
    ) -> Ended:
        """Do the same with the installed command, as a process."""
        source: Mapping[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {}
        done = subprocess.run(
            [KVSCTL, *map(str, words)],
            env=self.environ,
            input=stdin,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            **source,
        )
        return _checked(Ended(done.returncode, done.stdout, done.stderr), status)

    def start(
        self, *words: str | Path, prelude: str = "", **streams: Any
    ) -> "subprocess.Popen[bytes]":
        """Start `kvsctl WORDS` as a process and leave it running, for signals and pipes.

        `prelude` is Python code that the process runs first, to change a constant of kvsctl.
        """
        program: list[str | Path] = [KVSCTL]
        if prelude:
            program = [sys.executable, "-c", f"{prelude}\n{_MAIN}"]
        return subprocess.Popen([*program, *map(str, words)], env=self.environ, **streams)

    def having(self, **variables: str) -> "Command":
        """The same command with more environment variables."""
        return Command(self.home, {**self.variables, **variables})


def _checked(ended: Ended, status: int | None) -> Ended:
    assert b"Traceback" not in ended.err, ended.err.decode()
    require_valid_reports(ended.out, ended.err)
    if status is not None:
        assert ended.status == status, ended
    return ended


def records_file(path: Path, records: Sequence[Any]) -> Path:
    """Writes records as JSON Lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path
