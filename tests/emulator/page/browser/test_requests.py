"""The last requests, with their faults."""

import httpx
import pytest

from kvsctl.emulator.switches.fault_spec import read_faults
from tests.emulator.page.browser.conftest import OpenPage
from tests.emulator.page.browser.driving import Page

pytestmark = pytest.mark.slow


def rows(page: Page) -> list[list[str]]:
    """Return the rows without times."""
    cells = page.ask(
        "[...document.querySelectorAll('#requests-rows tr')]"
        ".map((row) => [...row.cells].slice(1, 6).map((cell) => cell.textContent))"
    )
    return [[str(text) for text in row] for row in cells]


def test_requests_are_shown_with_status_units_and_faults(open_page: OpenPage) -> None:
    page = open_page(faults=read_faults("script=ok:429:reset-before"))
    page.send("set", {"key": "a", "value": "x" * 25_000})
    page.send("get", {"key": "a"})
    with pytest.raises(httpx.HTTPError):
        page.send("get", {"key": "a"})
    page.open("#requests")
    page.until("document.querySelectorAll('#requests-rows tr').length === 3")
    assert rows(page) == [
        ["POST /v1/get", "default", "connection lost", "", "reset-before"],
        ["POST /v1/get", "default", "429 TOO_MANY_REQUESTS", "", "429"],
        ["POST /v1/set", "default", "204", "3 write", ""],
    ]
    assert not page.find("#records").is_displayed()


def test_new_requests_are_added_by_refresh_and_while_following(page: Page) -> None:
    page.open("#requests")
    page.until("!document.getElementById('no-requests').hidden")
    page.send("query", {})
    page.click("#refresh")
    page.says("1 new request")
    page.click("#follow")
    page.send("get", {"key": "a"})
    page.until("document.querySelectorAll('#requests-rows tr').length === 2")
    page.send("get", {"key": "b"})
    page.until("document.querySelectorAll('#requests-rows tr').length === 3")
    assert rows(page)[0] == ["POST /v1/get", "default", "404 KEY_NOT_FOUND", "0 read", ""]
    page.click("#to-records")
    assert page.find("#records").is_displayed()
