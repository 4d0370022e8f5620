"""The whole page by keyboard, and where the focus is."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.emulator.page.browser.driving import Page

pytestmark = pytest.mark.slow


def test_a_session_needs_the_keyboard_only(page: Page) -> None:
    for key in ("alpha", "user:1", "user:2", "zeta"):
        page.set(key, {"a": [1, 2], "b": "x"})
    page.open()
    _tab_to(page, "alpha")
    page.press("u")
    page.focuses("user:")
    page.press(Keys.ARROW_RIGHT)
    page.shows_keys("alpha", "user:", "1", "2", "zeta")
    page.press(Keys.ARROW_RIGHT)
    page.focuses("1 ")
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    page.focuses("zeta")
    page.press(Keys.ARROW_UP, Keys.ENTER)
    page.says("Opened user:2")
    page.focuses("2 ")
    page.press(Keys.ARROW_LEFT)
    page.focuses("user:")
    page.press(Keys.ARROW_LEFT)
    page.shows_keys("alpha", "user:", "zeta")
    page.press(Keys.END)
    page.focuses("zeta")
    page.press(Keys.HOME)
    page.focuses("alpha")
    _edit(page)
    _walk_through_the_value(page)
    _delete(page)


def _edit(page: Page) -> None:
    _tab_to(page, "edit")
    page.press(Keys.ENTER)
    page.focuses("editor-text")
    page.ask("document.activeElement.select()")
    page.press('{"c":[true]}')
    _tab_to(page, "editor-yes")
    page.press(Keys.ENTER)
    page.says("Saved user:2")
    page.focuses("edit")
    assert page.value("user:2") == {"c": [True]}


def _walk_through_the_value(page: Page) -> None:
    _tab_to(page, "{ 1 member }")
    page.press(Keys.ARROW_DOWN)
    page.focuses('"c": [ 1 element ]')
    page.press(Keys.ENTER)
    page.until("document.querySelectorAll('#value [role=treeitem]').length === 3")
    page.press(Keys.ARROW_DOWN)
    page.focuses("0: true")


def _delete(page: Page) -> None:
    _tab_to(page, "delete-one")
    page.press(Keys.ENTER)
    page.focuses("question-no")
    page.press(Keys.ESCAPE)
    page.focuses("delete-one")
    assert page.value("user:2") is not None
    page.press(Keys.ENTER)
    page.focuses("question-no")
    _tab_to(page, "question-yes")
    page.press(Keys.ENTER)
    page.says("Deleted 1 record")
    page.focuses("alpha")
    page.press(" ", Keys.ARROW_DOWN, " ")
    page.until("document.getElementById('marked').textContent === '2 marked'")
    _tab_to(page, "unmark", back=True)
    page.press(Keys.ENTER)
    page.until("document.getElementById('marked').textContent === 'None marked'")


def test_a_tree_is_one_stop_of_the_tab_key(page: Page) -> None:
    for number in range(30):
        page.set(f"k{number:02}", 1)
    page.open()
    stops: list[str] = []
    while not stops or stops[-1] not in stops[:-1]:
        page.press(Keys.TAB)
        stops.append(page.focused())
    assert [stop for stop in stops if stop.startswith("k")] == ["k00 1 B, no expiry"]
    page.ask("document.querySelectorAll('#keys [role=treeitem]')[20].click()")
    assert page.ask("document.querySelectorAll('#keys [tabindex=\"0\"]').length") == 1
    assert page.focused().startswith("k20")


def test_the_focus_stays_near_after_more_keys_and_after_a_reload(page: Page) -> None:
    page.fill(125)
    page.open()
    _tab_to(page, "k0000")
    page.press(Keys.END)
    page.focuses("More…")
    page.press(Keys.ENTER)
    page.focuses("k0100")
    page.press(Keys.END)
    page.focuses("k0124")


def test_results_are_said_to_a_screen_reader(page: Page) -> None:
    page.set("a", 1)
    page.open()
    assert page.ask("document.getElementById('status').getAttribute('role')") == "status"
    assert page.ask("document.getElementById('problem').getAttribute('role')") == "alert"
    page.says("1 node listed")
    page.open_key("a")
    page.says("Opened a")
    assert page.ask("document.querySelector('[aria-current=true] .key').textContent") == "a"
    names = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    found = {(one["role"]["value"], one["name"]["value"]) for one in names if "name" in one}
    assert ("treeitem", "a 1 B, no expiry") in found
    assert ("tree", "Keys") in found
    assert ("tree", "Value") in found


def _tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Press Tab until the element with this id, or the node with this label, has the focus."""
    for _ in range(40):
        if page.focused().startswith(name):
            return
        if back:
            page.press_with(Keys.SHIFT, Keys.TAB)
        else:
            page.press(Keys.TAB)
    raise AssertionError(f"Tab does not reach {name}")
