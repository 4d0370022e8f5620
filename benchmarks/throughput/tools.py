"""What the measurement needs besides Python: the server, compiled, and undici, installed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE = Path(__file__).parent


class Missing(Exception):
    """A tool that is not installed here."""


def require(tool: str) -> str:
    """The path of a program. Raises Missing."""
    found = shutil.which(tool)
    if found is None:
        raise Missing(f"{tool} is not installed")
    return found


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of the server, which runs until the block ends. Raises Missing."""
    if sys.platform != "linux":
        raise Missing("Linux, whose epoll the server uses, is not what this is")
    program = folder / "server"
    command = [require("cc"), "-O2", "-o", program, _HERE / "server.c"]
    subprocess.run(command, check=True)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.stdin.close()


def undici_modules() -> Path:
    """The folder that holds undici, installed as the lock file says, once. Raises Missing."""
    npm = require("npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "kvsctl" / "throughput"
    lock = (_HERE / "package-lock.json").read_bytes()
    done = folder / "installed.json"  # what of the lock was installed to its end
    if done.is_file() and done.read_bytes() == lock:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, folder)
    command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError:
        raise Missing("undici could not be installed") from None
    done.write_bytes(lock)
    return folder
