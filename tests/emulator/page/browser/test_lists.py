"""Keys by prefix, in pages, filtered and sorted."""

import pytest

from tests.emulator.page.browser.driving import Page

pytestmark = pytest.mark.slow
DAY = {"options": {"ttl": {"value": 1, "unit": "DAYS"}}}


def test_keys_are_a_tree_by_prefix(page: Page) -> None:
    for key in ("user:1:name", "user:1:age", "user:2:name", "settings", "a.b"):
        page.set(key, "x")
    page.open()
    page.shows_keys("a.b", "settings", "user:")
    assert "user: 3" in page.items()
    page.node("user:").click()
    page.shows_keys("a.b", "settings", "user:", "1:", "2:")
    page.node("1:").click()
    page.shows_keys("a.b", "settings", "user:", "1:", "age", "name", "2:")
    page.node("user:").click()
    page.shows_keys("a.b", "settings", "user:")
    page.choose("#order", ".")
    page.shows_keys("a.", "settings", "user:1:age", "user:1:name", "user:2:name")
    page.type("#prefix", "user:1")
    page.shows_keys(":age", ":name")
    page.choose("#order", "key")
    page.shows_keys("user:1:age", "user:1:name")
    page.until("document.getElementById('count').textContent === '2 records, 6 B'")


def test_keys_are_loaded_page_by_page(page: Page) -> None:
    keys = page.fill(250)
    page.open()
    for shown in (100, 200):
        page.until(f"document.querySelectorAll('#keys [role=treeitem]').length === {shown + 1}")
        page.node("More…").click()
    page.until("document.querySelectorAll('#keys [role=treeitem]').length === 250")
    assert page.keys() == keys
    assert page.focused().startswith("k0200")


def test_keys_are_filtered_by_expiry_and_sorted_by_size(page: Page) -> None:
    page.set("a:small", "x")
    page.set("a:large", "x" * 5000)
    page.set("a:soon", "x" * 100, **DAY)
    page.open()
    page.choose("#order", "size")
    page.shows_keys("a:large", "a:soon", "a:small")
    large, soon, small = page.items()
    assert (large, small) == ("a:large 5.0 kB, no expiry", "a:small 3 B, no expiry")
    assert soon.startswith("a:soon 102 B, expires in ")
    page.click("#never-expires")
    page.shows_keys("a:large", "a:small")
    page.until("document.getElementById('count').textContent === '2 records, 5.0 kB'")
    page.choose("#order", ":")
    page.shows_keys("a:large", "a:small")
    page.click("#never-expires")
    page.shows_keys("a:")


def test_installations_and_spaces_are_chosen(page: Page) -> None:
    page.set("plain", 1)
    page.send("secret/set", {"key": "hidden", "value": "x"})
    page.send("entity/set", {"entityName": "employee", "key": "e1", "value": {"name": "Ada"}})
    headers = {"forge-proxy-authorization": "Forge as=app,installationId=other"}
    page.send("set", {"key": "theirs", "value": 1}, headers=headers)
    page.open()
    page.shows_keys("plain")
    page.choose("#space", "employee")
    page.shows_keys("e1")
    page.choose("#space", "!secret")
    page.shows_keys("hidden")
    page.choose("#installation", "other")
    page.shows_keys("theirs")
    page.set("new", 1)
    page.choose("#installation", "default")
    page.shows_keys("new", "plain")


def test_refresh_shows_what_has_changed(page: Page) -> None:
    page.open()
    page.says("No keys")
    page.set("a", 1)
    page.click("#refresh")
    page.shows_keys("a")
    page.open_key("a")
    page.set("a", "changed")
    page.click("#refresh")
    page.until("document.getElementById('value').textContent === '\"changed\"'")
    page.send("delete", {"key": "a"})
    page.click("#refresh")
    page.until("document.getElementById('record').hidden")


def test_a_server_that_has_gone_is_named(page: Page) -> None:
    page.set("a", 1)
    page.open()
    page.ask("window.fetch = () => Promise.reject(new TypeError('gone'))")
    page.click("#refresh")
    page.complains("NO_RESPONSE: The emulator does not answer")
