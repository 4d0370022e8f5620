"""The tools of the measurement besides Python: the compiled server, and undici."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.result import skip_outside_ci

_HERE = Path(__file__).parent


class Missing(Exception):
    """A tool that is not installed here."""


def measured_in_folder(measure: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Return what `measure` returns for a temporary folder; what is missing, if a tool is."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return measure(Path(folder))
        except Missing as missing:
            skip_outside_ci(str(missing))
            return {"skipped": str(missing)}


def require(tool: str) -> str:
    """Return the path of a program. Raise Missing if it is not installed."""
    found = shutil.which(tool)
    if found is None:
        raise Missing(f"{tool} is not installed")
    return found


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


def undici_modules() -> Path:
    """Install undici from the lock file, once, and return its folder. Raise Missing."""
    npm = require("npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "kvsctl" / "throughput"
    lock = (_HERE / "package-lock.json").read_bytes()
    done = folder / "installed.json"  # the lock file of the last complete installation
    if done.is_file() and done.read_bytes() == lock:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, folder)
    command = [npm, "ci", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    try:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError:
        raise Missing("undici could not be installed") from None
    done.write_bytes(lock)
    return folder
