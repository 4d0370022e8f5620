"""What a Dockerfile says of the image, and a container's process without a container engine."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tests.support.commands.command import KVSCTL
from tests.support.needs import IS_LINUX, IS_ROOT, only_on, program, skip_or_fail

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = ROOT / "packages" / "container" / "Dockerfile"
CONTAINS: Final = only_on(IS_LINUX and IS_ROOT, "only root makes name spaces, on Linux")

_UNMOUNTABLE: Final = 99
_MOUNTED: Final = "/mnt"
"""Where the folder that stands for /data is, for the process: any user may look there."""
_CAPABILITIES: Final = "-all,+dac_read_search"
"""What lets the user of a container read this Python, which may be in root's home."""


class Image(NamedTuple):
    """The parts of the last stage of a Dockerfile that its containers see."""

    user: str
    entrypoint: list[str]
    command: list[str]
    health: list[str]
    environment: dict[str, str]
    sources: list[str]
    """What is copied from the build context, in all stages."""
    instructions: list[tuple[str, str]]


def read_image(path: Path = DOCKERFILE) -> Image:
    """Return what the Dockerfile says."""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", path.read_text("utf-8"), flags=re.M))
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    instructions = [(name, rest.strip()) for name, rest in lines]
    last = {name: rest for name, rest in instructions if name not in ("COPY", "ENV")}
    copied = [rest.split() for name, rest in instructions if name == "COPY"]
    environment = dict(
        word.split("=", 1)
        for name, rest in instructions
        if name == "ENV"
        for word in shlex.split(rest)
    )
    return Image(
        user=last["USER"],
        entrypoint=json.loads(last["ENTRYPOINT"]),
        command=json.loads(last["CMD"]),
        health=json.loads(last["HEALTHCHECK"].partition("CMD")[2]),
        environment=environment,
        sources=[
            source for words in copied if not words[0].startswith("--from") for source in words[:-1]
        ],
        instructions=instructions,
    )


@contextmanager
def emulator_of(
    image: Image, command: Sequence[str], data: Path, *, stops_with: int = 0
) -> Iterator[str]:
    """Run `command` as the image would, on a free port, and yield the URL on this machine.

    The root is read-only, the user that of the image, and `data`, which stands for /data, the only
    folder that it may write. The process is stopped by SIGTERM.
    """
    words = [word.replace("/data", _MOUNTED) for word in command]
    process = contained(image, [*image.entrypoint, *words, "--port", "0"], data)
    with process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().decode().strip()
            if not url:
                _, said = process.communicate()
                if process.returncode == _UNMOUNTABLE:
                    skip_or_fail("nothing can be mounted here")
                raise AssertionError(said.decode())
            yield f"http://127.0.0.1:{urlsplit(url).port}"
        finally:
            process.terminate()
            _, said = process.communicate(timeout=60)
    assert process.returncode == stops_with, said.decode()
    assert b"Traceback" not in said


def contained(
    image: Image, words: Sequence[str], data: Path, **variables: str
) -> "subprocess.Popen[bytes]":
    """Start a process of the image's user, with nothing to write but `data`."""
    user, group = image.user.split(":")
    os.chown(data, int(user), int(group))
    data.chmod(0o700)
    folder = shlex.quote(str(data))
    dropped = [
        program("setpriv"), f"--reuid={user}", f"--regid={group}", "--clear-groups",
        *(f"--{kind}={_CAPABILITIES}" for kind in ("bounding-set", "inh-caps", "ambient-caps")),
        "--no-new-privs",
    ]  # fmt: skip
    script = (
        f"mount --bind {folder} {_MOUNTED} && mount -o remount,bind,ro / || exit {_UNMOUNTABLE}; "
        f"cd {_MOUNTED}; exec {shlex.join([*dropped, *resolved(words)])}"
    )
    return subprocess.Popen(
        [program("unshare"), "--mount", "sh", "-c", script],
        env=_environment(image, {"HOME": _MOUNTED, **variables}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def health_of(image: Image, url: str) -> int:
    """Return the exit status of the image's health check, for an emulator at this URL."""
    words = [word.replace("8787", str(urlsplit(url).port)) for word in image.health]
    environment = _environment(image, {"http_proxy": "http://127.0.0.1:9"})
    return subprocess.run(
        resolved(words), env=environment, capture_output=True, timeout=60, check=False
    ).returncode


def resolved(words: Sequence[str]) -> list[str]:
    """Return a command of the image with the program of its name on this machine."""
    programs = {"kvsctl": str(KVSCTL), "python": sys.executable}
    return [programs[words[0]], *words[1:]]


def _environment(image: Image, more: Mapping[str, str]) -> dict[str, str]:
    return {**image.environment, "PATH": os.environ["PATH"], **more}


def tool(name: str) -> str:
    """Return a program that a package of the `test` extra has installed."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        skip_or_fail(f"{name} is not installed")
    return str(found)
