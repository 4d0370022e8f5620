"""Narrow windows, dark mode, and a check of accessibility by axe-core."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator.page.browser.driving import Page
from tests.support.node import install_packages

pytestmark = pytest.mark.slow
AXE = Path(__file__).parent / "axe"
_CONTRAST = "{ runOnly: ['color-contrast'] }"


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the script of axe-core."""
    folder = install_packages(AXE, tmp_path_factory.mktemp("axe") / "axe")
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")


@pytest.fixture
def filled(page: Page) -> Page:
    page.set("user:1", {"name": "x" * 300, "list": [1, True, None, "\u202e"]})
    page.set("k" * 200, 1)
    page.set("a", 1, options={"ttl": {"value": 1, "unit": "DAYS"}})
    page.send("set", {"key": "?", "value": 1})
    page.send("x" * 200, {})
    return page


def views(page: Page) -> Iterator[str]:
    """Load the page and show its views, one after the other."""
    page.open()
    page.node("user:").click()
    page.open_key("1")
    page.until("document.querySelectorAll('#value [role=treeitem]').length === 3")
    yield "records"
    page.click("#edit")
    yield "editor"
    page.click("#editor-no")
    page.click("#delete-one")
    page.until("document.getElementById('question').open")
    yield "question"
    page.click("#question-no")
    page.click("#to-requests")
    page.until("document.querySelectorAll('#requests-rows tr').length > 0")
    yield "requests"


def test_a_window_of_320_pixels_needs_no_scrolling_sideways(filled: Page) -> None:
    filled.resize(320, 640)
    for view in views(filled):
        assert filled.ask("document.documentElement.scrollWidth <= innerWidth"), view
        wide = filled.ask(
            "[...document.querySelectorAll('body *')].filter((one) => one.checkVisibility()"
            " && !one.closest('thead') && one.getBoundingClientRect().right > innerWidth + 1)"
            ".map((one) => one.outerHTML.slice(0, 80))"
        )
        assert wide == [], view


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colours_of_the_system(filled: Page, scheme: str) -> None:
    filled.emulate(prefers_color_scheme=scheme)
    filled.open()
    red, green, blue = filled.ask(
        "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (red + green + blue > 600) is (scheme == "light")
    assert (red + green + blue < 100) is (scheme == "dark")


def test_nothing_moves_if_the_system_asks_for_that(filled: Page) -> None:
    for motion, duration in (("reduce", "0s"), ("no-preference", "0.12s")):
        filled.emulate(prefers_reduced_motion=motion)
        filled.open()
        style = "getComputedStyle(document.getElementById('refresh')).transitionDuration"
        assert filled.ask(style) == duration


@pytest.mark.parametrize(("scheme", "rules"), [("light", "{}"), ("dark", _CONTRAST)])
def test_axe_finds_no_fault(filled: Page, axe: str, scheme: str, rules: str) -> None:
    filled.emulate(prefers_color_scheme=scheme)
    for view in views(filled):
        if view == "records":
            filled.browser.execute_script(axe)
        found = filled.browser.execute_async_script(
            f"const done = arguments[0]; axe.run({rules}).then(({{ violations }}) =>"
            " done(violations.map(({ id, nodes }) =>"
            " `${id}: ${nodes.map((one) => one.html).join(' ')}`)))"
        )
        assert found == [], view
