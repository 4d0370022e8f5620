"""The compiled server of a measurement, and the result of a measurement that lacks a tool."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.node import Missing, require
from benchmarks.result import skip_outside_ci

_HERE = Path(__file__).parent


def measured_in_folder(measure: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Return the result of `measure` in a temporary folder, or which tool is missing."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return measure(Path(folder))
        except Missing as missing:
            skip_outside_ci(str(missing))
            return {"skipped": str(missing)}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Compile and run the server until the block ends; yield its URL. Raise Missing."""
    if sys.platform != "linux":
        raise Missing("the server needs Linux (epoll)")
    program = folder / "server"
    command: list[str | Path] = [require("cc"), "-O2", "-o", program, _HERE / "server.c"]
    subprocess.run(command, check=True)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.stdin.close()
