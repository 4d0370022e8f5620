"""The steps of the action: `install` puts kvsctl into an environment, `start` runs its emulator.

Inputs are environment variables, never parts of a command. It needs nothing but Python 3.11.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import NoReturn

INSTALLED = "installed"
OLDEST = (3, 11)
START_SECONDS = 120


def main() -> None:
    """Run a step. Exit 1 with a line that the runner shows as an error if it fails."""
    if sys.version_info < OLDEST:
        fail("Python 3.11 or later is needed: use actions/setup-python first")
    steps = {"install": install, "start": start}
    steps[sys.argv[1]]()


def install() -> None:
    """Install kvsctl into an environment of its own, and put it on the PATH of later steps."""
    version = os.environ["VERSION"]
    if version == INSTALLED:
        return
    checkout = Path(__file__).resolve().parents[3]
    wanted = "kvsctl==" + version if version else str(checkout)
    venv.create(folder() / "venv", with_pip=True)
    python = str(programs() / ("python.exe" if os.name == "nt" else "python"))
    words = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]
    if subprocess.run(words, check=False).returncode:
        fail(f"kvsctl could not be installed: {wanted}")
    append("GITHUB_PATH", str(programs()))


def start() -> None:
    """Start the emulator, wait until it accepts requests, and set the outputs."""
    path = os.environ["PATH"] if os.environ["VERSION"] == INSTALLED else str(programs())
    kvsctl = shutil.which("kvsctl", path=path)
    if kvsctl is None:
        fail("kvsctl is not installed")
    folder().mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(dir=folder()))  # a job may start several
    address, log = own / "url", own / "log"
    with address.open("wb") as stdout, log.open("wb") as stderr:
        process = subprocess.Popen(
            [kvsctl, *words()],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    url = first_line(address, process, log)
    append("GITHUB_OUTPUT", f"url={url}", f"pid={process.pid}", f"log={log}")
    print(f"The emulator serves {url}")


def words() -> list[str]:
    """Return the words of the command after `kvsctl`."""
    try:
        more = shlex.split(os.environ["ARGS"])
    except ValueError as error:
        fail(f"args: {error}")
    manifest = os.environ["MANIFEST"]
    seeds = [line.strip() for line in os.environ["SEED"].splitlines() if line.strip()]
    return [
        *("serve", "--port", os.environ["PORT"]),
        *(["--manifest", manifest] if manifest else []),
        *(word for seed in seeds for word in ("--seed", seed)),
        *more,
    ]


def first_line(file: Path, process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Return the line that the emulator prints once it accepts requests."""
    deadline = time.monotonic() + START_SECONDS
    while not (text := file.read_text("utf-8")).endswith("\n"):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            said = log.read_text("utf-8", "replace").strip().splitlines()
            fail(f"the emulator did not start: {said[0] if said else 'it said nothing'}")
        time.sleep(0.05)
    line = text.splitlines()[0]
    if not line.startswith("http://"):
        process.kill()
        fail(f'the emulator did not start: it printed "{line}" in place of its URL')
    return line


def folder() -> Path:
    """Return the folder for what the action leaves to later steps."""
    return Path(os.environ["RUNNER_TEMP"]) / "kvsctl-emulator"


def programs() -> Path:
    """Return the folder of the environment's programs."""
    return folder() / "venv" / ("Scripts" if os.name == "nt" else "bin")


def append(variable: str, *lines: str) -> None:
    """Append lines to a file of the runner."""
    with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def fail(why: str) -> NoReturn:
    """Exit with an error that the runner shows."""
    why = why.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::error title=kvsctl emulator::{why}")
    sys.exit(1)


if __name__ == "__main__":
    main()
