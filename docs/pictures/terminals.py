"""Pictures of a terminal: what it shows of real runs.

Each picture is a run of the installed `kvsctl` in a pseudo-terminal, against a server of its own on
this machine. A screen is replayed as a terminal would show it (pyte), and drawn by rich. Needs
Linux or macOS.
"""

import fcntl
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import IO, Final, cast

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

_ROOT: Final = Path(__file__).resolve().parents[2]
_COLUMNS: Final = 100
"""So wide that letters are of the size of the text beside them, where a page has 830 pixels."""
_LINES: Final = 48
_WAIT_SECONDS: Final = 60
_STOP_SECONDS: Final = 10


@dataclass(frozen=True)
class Picture:
    """A command whose screen is drawn.

    With `until`, the picture is taken as soon as a line of the screen matches it, while the command
    works; it is then stopped. `prepare` are commands that run before it and are not shown.
    """

    name: str
    command: str
    prepare: tuple[str, ...] = ()
    until: str | None = None


TERMINALS: Final = (
    Picture("failures", "kvsctl set -t staging -f examples/faulty.jsonl --failures failed.jsonl"),
    Picture("dry-run", "kvsctl set -t staging -n -f examples/cities.jsonl"),
    Picture(
        "progress",
        "kvsctl set -t staging -f sessions.jsonl",
        prepare=("python3 sessions.py",),
        until=r"\d% .* left .*/s .*waiting \d+ s for quota",
    ),
    Picture(
        "diff",
        "kvsctl diff -f backup.jsonl -t staging --all",
        prepare=(
            'kvsctl set -q -t staging b=2 c=3 \'user:1={"name":"Ada","age":36}\'',
            "kvsctl export -q -t staging -o backup.jsonl",
            'kvsctl set -q -t staging a=1 \'user:1={"name":"Ada","age":37}\'',
            "kvsctl delete -q -t staging c",
        ),
    ),
)

_SESSIONS: Final = """\
with open("sessions.jsonl", "w") as file:
    for n in range(100_000):
        print('{"key":"session:%d","value":{"n":%d}}' % (n, n), file=file)
"""


# Rich's own format loads a font from another server, which a page cannot and should not. It also
# cuts the last line off below its letters.
_FORMAT: Final = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
}}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""  # noqa: E501 - a name of a font is not divided


def draw(picture: Picture, folder: Path) -> None:
    """Run the command of a picture, and draw its screen into the folder."""
    _write(shown(picture), picture, folder)


def shown(picture: Picture) -> pyte.Screen:
    """Run the command of a picture in a folder of its own, and return its screen."""
    # Not in TMPDIR, whose path may be long: kvsctl wraps lines before `_screen_of` shortens it.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        home = Path(name)
        (home / "examples").symlink_to(_ROOT / "examples")
        (home / "sessions.py").write_text(_SESSIONS, "utf-8")
        with _served(home) as url:
            _configure(home, url)
            environ = _environ(home)
            for command in picture.prepare:
                subprocess.run(shlex.split(command), cwd=home, env=environ, check=True)
            return _screen_of(picture, home, environ, url)


def _environ(home: Path) -> dict[str, str]:
    program = Path(sys.executable).parent
    return {
        "HOME": str(home),
        "PATH": f"{program}:{os.environ['PATH']}",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "COLUMNS": str(_COLUMNS),
        "LINES": str(_LINES),
    }


@contextmanager
def _served(home: Path) -> Iterator[str]:
    """Serve an empty store on a free port; yield its URL."""
    words = ["kvsctl", "serve", "--port", "0", "--token", "t" * 32]
    with subprocess.Popen(
        words, env=_environ(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            yield cast(IO[bytes], server.stdout).readline().decode().strip()
        finally:
            server.terminate()


def _configure(home: Path, url: str) -> None:
    (home / "token").write_text("t" * 32, "utf-8")
    (home / "token").chmod(0o600)
    file = home / ".config/kvsctl/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'[targets.staging]\nurl = "{url}"\ntoken_file = "{home}/token"\n', "utf-8")


def _screen_of(picture: Picture, home: Path, environ: dict[str, str], url: str) -> pyte.Screen:
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
    process = subprocess.Popen(
        shlex.split(picture.command), cwd=home, env=environ, stdin=far, stdout=far, stderr=far
    )
    os.close(far)
    screen = pyte.Screen(_COLUMNS, _LINES)
    stream = pyte.ByteStream(screen)
    stream.feed(f"$ {picture.command}\r\n".encode())
    deadline = time.monotonic() + _WAIT_SECONDS
    while not _matches(screen, picture.until) and (chunk := _read_until(near, deadline)):
        public = chunk.replace(str(home).encode(), b"/home/you")
        stream.feed(public.replace(url.encode(), b"https://kvs.example.com"))
    if picture.until is not None:
        process.terminate()
        os.close(near)
    process.wait(_STOP_SECONDS)
    return screen


def _matches(screen: pyte.Screen, pattern: str | None) -> bool:
    return pattern is not None and any(re.search(pattern, line) for line in screen.display)


def _read_until(fd: int, deadline: float) -> bytes:
    """Read what arrives next; b"" at the end and at the deadline."""
    left = deadline - time.monotonic()
    if left <= 0 or not select.select([fd], [], [], left)[0]:
        return b""
    try:
        return os.read(fd, 65536)
    except OSError:  # Linux says so when the last process has left the terminal
        return b""


def _write(screen: pyte.Screen, picture: Picture, folder: Path) -> None:
    console = Console(record=True, width=_COLUMNS, file=StringIO(), force_terminal=True)
    rows = [_row(screen, number) for number in range(_LINES)]
    while rows and not rows[-1].plain.strip():
        rows.pop()
    for row in rows:
        console.print(row, no_wrap=True, crop=True)
    console.save_svg(
        str(folder / f"{picture.name}.svg"),
        title="kvsctl",
        theme=SVG_EXPORT_THEME,
        code_format=_FORMAT,
        unique_id=picture.name,
    )


def _row(screen: pyte.Screen, number: int) -> Text:
    row = Text()
    cells = [screen.buffer[number][column] for column in range(_COLUMNS)]
    for style, same in groupby(
        cells, key=lambda cell: Style(color=_colour(cell.fg), bold=cell.bold)
    ):
        row.append("".join(cell.data for cell in same), style)
    row.rstrip()
    return row


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    named = name.replace("brown", "yellow").replace("bright", "bright_")
    return f"#{name}" if len(name) == 6 and name.isalnum() and not name.isalpha() else named
