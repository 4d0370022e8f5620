"""The programs other than Python that a benchmark needs, and packages of npm."""

import os
import shutil
import subprocess
from pathlib import Path


class Missing(Exception):
    """A program or package that is not installed here."""


def require(tool: str) -> str:
    """Return the path of a program. Raise Missing if it is not installed."""
    found = shutil.which(tool)
    if found is None:
        raise Missing(f"{tool} is not installed")
    return found


def installed_packages(benchmark: Path) -> Path:
    """Install the packages of a benchmark's lock file, once, and return their folder.

    Raise Missing if node or npm is not installed, or if npm fails.
    """
    require("node")
    npm = require("npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "kvsctl" / benchmark.name
    lock = (benchmark / "package-lock.json").read_bytes()
    done = folder / "installed.json"  # the lock file of the last complete installation
    if done.is_file() and done.read_bytes() == lock:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(benchmark / name, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Missing(f"npm ci failed: {ended.stderr.strip()[-300:]}")
    done.write_bytes(lock)
    return folder
