"""The pictures of README.md are what the script that draws them draws now."""

import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.support.needs import IS_POSIX, only_on

_FOLDER: Final = Path(__file__).parents[3] / "docs/pictures"
_MOVING: Final = "progress"
"""The picture of a run in its middle: where it is then differs each time."""

pytestmark = only_on(IS_POSIX, "the pictures need a pseudo-terminal")


def test_the_pictures_show_what_the_program_prints(tmp_path: Path) -> None:
    words = [sys.executable, str(_FOLDER / "draw.py"), "--folder", str(tmp_path)]
    subprocess.run(words, check=True, timeout=120)
    drawn = {path.stem: _text(path) for path in tmp_path.glob("*.svg")}
    kept = {path.stem: _text(path) for path in _FOLDER.glob("*.svg")}
    moving = [drawn.pop(_MOVING), kept.pop(_MOVING)]
    assert drawn == kept
    for text in moving:
        assert re.search(r"\d,\d{3} records .*left", text), text


def _text(picture: Path) -> str:
    """Return the lines of a picture, without times and rates, which differ between runs."""
    pieces = re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>(.*?)</text>', picture.read_text("utf-8"))
    lines: dict[float, str] = {}
    for y, piece in pieces:
        lines[float(y)] = lines.get(float(y), "") + html.unescape(piece).replace("\xa0", " ")
    text = "\n".join(lines[y] for y in sorted(lines))
    return re.sub(r"\d+\.\d+ s\b", "0 s", re.sub(r"[\d,]+ keys/s", "0 keys/s", text))
