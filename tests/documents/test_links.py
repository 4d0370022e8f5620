"""Every relative link of every page leads to a file, and its anchor to a heading there."""

import re
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).parents[2]
_FOLDERS: Final = ("docs", "tests", "benchmarks", "examples", "kvsctl", "packages", ".github")
_PAGES: Final = sorted(
    path.relative_to(_ROOT).as_posix()
    for path in [
        *_ROOT.glob("*.md"),
        *(path for folder in _FOLDERS for path in (_ROOT / folder).rglob("*.md")),
    ]
    if "node_modules" not in path.parts
)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)|\bsrc(?:set)?=\"([^\"]+)\"")


def _without_code(text: str) -> str:
    """Leave out fenced blocks and code spans, in which a link is not one."""
    text = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "`", text)


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    found: dict[str, int] = {}
    for title in re.findall(r"^#{1,6} (.+?)\s*$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
        if found[slug]:
            found[f"{slug}-{found[slug]}"] = 0
    return set(found)


def _broken(page: str, text: str) -> list[str]:
    broken = []
    for target, source in _LINK.findall(_without_code(text)):
        link = target or source
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        path = (_ROOT / page).parent / name if name else _ROOT / page
        is_there = path.exists() and path.resolve().is_relative_to(_ROOT)
        if not is_there or (anchor and anchor not in _anchors(path)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", _PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    assert _broken(page, (_ROOT / page).read_text("utf-8")) == []


def test_the_pages_are_found() -> None:
    assert {"README.md", "docs/targets.md", "tests/README.md", "examples/README.md"} <= {*_PAGES}


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](docs/no-such.md)", ["docs/no-such.md"]),
        ("[a](docs/targets.md#no-such)", ["docs/targets.md#no-such"]),
        ("[a](#no-such) [b](docs/targets.md)", ["#no-such"]),
        ("[![a](no.svg)](docs/targets.md)", ["no.svg"]),
        ('<source srcset="no.svg">', ["no.svg"]),
        ("[a](../outside.md)", ["../outside.md"]),
        ("`[a](no.md)` [b](https://example.com/no#no)", []),
        ("[a](docs/targets.md#is-it-there)", []),
    ],
)
def test_a_broken_link_is_found(text: str, broken: list[str]) -> None:
    assert _broken("README.md", text) == broken


def test_every_page_of_docs_is_reached_from_the_table_of_contents() -> None:
    contents = (_ROOT / "docs/README.md").read_text("utf-8")
    linked = {link.partition("#")[0] for link, _ in _LINK.findall(contents)}
    pages = {path.name for path in (_ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= linked
