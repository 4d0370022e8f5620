"""The fenced blocks of the pages that users and contributors read."""

import re
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[3]
PAGES: Final = [
    path.relative_to(ROOT).as_posix()
    for path in [
        *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")),
        *(ROOT / name / "README.md" for name in ("tests", "benchmarks")),
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "examples").rglob("*.md")),
        *sorted((ROOT / "packages").glob("*/*.md")),
    ]
]


class Block(NamedTuple):
    """A fenced block, without the indent of the list that it is in."""

    page: str
    language: str
    text: str


def blocks(page: str, language: str | None = None) -> list[Block]:
    """Return the blocks of a page, or those in one language; "" is for those without."""
    found = [
        Block(page, name, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))
        for indent, name, text in re.findall(
            r"^( *)```(\w*)\n(.*?)^\1```$", (ROOT / page).read_text("utf-8"), re.M | re.S
        )
    ]
    return [one for one in found if language in (None, one.language)]


def block(page: str, language: str, begin: str = "") -> str:
    """Return the text of the only block of a page in a language that begins so."""
    [text] = [one.text for one in blocks(page, language) if one.text.startswith(begin)]
    return text
