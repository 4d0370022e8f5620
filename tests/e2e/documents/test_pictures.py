"""The pictures of README.md and docs/ are what the script that draws them draws now."""

import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from docs.pictures.terminals import TERMINALS, Picture
from tests.support.needs import IS_POSIX, only_on

_FOLDER: Final = Path(__file__).parents[3] / "docs/pictures"
_COLUMN_WIDTH: Final = 12.2

pytestmark = only_on(IS_POSIX, "the pictures need a pseudo-terminal")


def test_the_pictures_show_what_the_program_prints(tmp_path: Path) -> None:
    names = [picture.name for picture in TERMINALS]
    words = [sys.executable, str(_FOLDER / "draw.py"), "--folder", str(tmp_path), *names]
    subprocess.run(words, check=True, timeout=120)
    drawn = {path.stem: _text(path) for path in tmp_path.iterdir()}
    kept = {name: _text(_FOLDER / f"{name}.svg") for name in names}
    assert drawn == kept


@pytest.mark.parametrize("picture", TERMINALS, ids=lambda picture: picture.name)
def test_a_picture_begins_with_its_command(picture: Picture) -> None:
    first, *rest = _lines(_FOLDER / f"{picture.name}.svg")
    assert first == f"$ {picture.command}"
    assert rest


@pytest.mark.parametrize("path", sorted(_FOLDER.glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_needs_nothing_from_elsewhere(path: Path) -> None:
    """A page must not load a picture's font from another server."""
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"@font-face|@import|href|src=|url\((?!#)", text) == []


def test_a_picture_of_a_run_in_its_middle_shows_all_of_a_line() -> None:
    _, line = _lines(_FOLDER / "progress.svg")
    assert re.fullmatch(
        r"set  ━+─+ +\d\d%  [\d,]+ records  +0:\d\d left  +[\d,]+/s  waiting \d+ s for quota", line
    ), line


def _lines(picture: Path) -> list[str]:
    """Return the lines of the screen that a picture shows."""
    _, _, screen = picture.read_text("utf-8").partition('-matrix">')
    pieces = re.findall(r'<text[^>]* x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', screen)
    lines: dict[float, str] = {}
    for x, y, piece in pieces:
        before = lines.get(float(y), "").ljust(round(float(x) / _COLUMN_WIDTH))
        lines[float(y)] = before + html.unescape(piece).replace("\xa0", " ")
    return [lines[y].rstrip() for y in sorted(lines)]


def _text(picture: Path) -> str:
    """Return the lines of a picture, without times and rates, which differ between runs.

    Of a line of progress, no number is the same twice.
    """
    lines = []
    for line in _lines(picture):
        if "━" in line:
            line = " ".join(re.sub(r"\d[\d,:]*", "0", re.sub("[━─]+", "━", line)).split())
        line = re.sub(r"\d+\.\d+ s\b", "0 s", re.sub(r" · [\d.,]+ keys/s", "", line))
        lines.append(line)
    return "\n".join(lines)
