"""Every relative link of every page leads to a file, and its anchor to a heading there."""

import fnmatch
import posixpath
import re
import tomllib
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


def _installed() -> dict[str, str]:
    """Return the files of `share/doc/kvsctl` in the wheel, each with its path in the checkout."""
    wheel = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    targets = wheel["targets"]["wheel"]
    files = {}
    for source, target in targets["shared-data"].items():
        whole = _ROOT / source
        for path in [whole] if whole.is_file() else whole.rglob("*"):
            name = f"{target}/{path.relative_to(whole).as_posix()}".removesuffix("/.")
            if not any(fnmatch.fnmatch(name, pattern) for pattern in targets["exclude"]):
                files[name] = path.relative_to(_ROOT).as_posix()
    return {
        name.removeprefix("share/doc/kvsctl/"): path
        for name, path in files.items()
        if name.startswith("share/doc/kvsctl/")
    }


def _links_of(page: str) -> list[str]:
    links = _LINK.findall(_without_code((_ROOT / page).read_text("utf-8")))
    return [link for pair in links for link in pair if link and not re.match(r"[a-z]+:|#", link)]


def test_every_link_of_an_installed_page_leads_to_an_installed_file() -> None:
    installed = _installed()
    pages = [name for name in installed if name.endswith(".md")]
    assert {"README.md", "SECURITY.md", "docs/README.md", "docs/emulator.md"} <= {*pages}
    linked = {
        (page, posixpath.normpath(posixpath.join(posixpath.dirname(page), link.partition("#")[0])))
        for page in pages
        for link in _links_of(page)
    }
    assert {(page, target) for page, target in linked if target not in installed} == set()
    assert {name: path for name, path in installed.items() if name != path} == {}


def test_every_page_of_docs_is_reached_from_the_table_of_contents() -> None:
    contents = (_ROOT / "docs/README.md").read_text("utf-8")
    linked = {link.partition("#")[0] for link, _ in _LINK.findall(contents)}
    pages = {path.name for path in (_ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= linked
