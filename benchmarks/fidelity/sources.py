"""Where in a package of the vendor a sentence stands. The package itself is read to check it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

_HERE: Final = Path(__file__).parent


class Missing(Exception):
    """Node, or the packages of npm, are not here."""


class Cited(NamedTuple):
    """A line of a file of an npm package, and a part of its text."""

    package: str
    file: str
    line: int
    text: str

    def checked(self, folder: Path) -> str:
        """Return package, version, file and line. Raise ValueError if the text is not there."""
        home = folder / "node_modules" / self.package
        lines = (home / self.file).read_text("utf-8").splitlines()
        if self.text not in "".join(lines[self.line - 1 : self.line]):
            raise ValueError(f"{self.package} {self.file}:{self.line} does not have {self.text!r}")
        version = json.loads((home / "package.json").read_text("utf-8"))["version"]
        return f"{self.package} {version} {self.file}:{self.line}"


def installed() -> Path:
    """Install the packages from the lock file, once, and return their folder. Raise Missing."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Missing("node or npm is not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "kvsctl" / "fidelity"
    lock = (_HERE / "package-lock.json").read_bytes()
    done = folder / "installed.json"  # the lock file of the last complete installation
    if done.is_file() and done.read_bytes() == lock:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done_by = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done_by.returncode:
        raise Missing(f"npm ci failed: {done_by.stderr.strip()[-300:]}")
    done.write_bytes(lock)
    return folder
