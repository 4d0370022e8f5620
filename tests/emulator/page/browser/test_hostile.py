"""Keys and values that are made to be taken for something else."""

from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.emulator.page.browser.conftest import OpenPage
from tests.emulator.page.browser.driving import Page

pytestmark = pytest.mark.slow
HTML = [
    "<img src=x onerror=window.hacked=1>",
    "</script><script>window.hacked=1</script>",
    "<svg onload=window.hacked=1>",
    "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "javascript:window.hacked=1",
    "{{constructor.constructor('window.hacked=1')()}}",
    "<!--", "]]>", "<plaintext>", "&lt;b&gt;&amp;", "`${window.hacked=1}`",
]  # fmt: skip


def test_html_in_values_is_text(page: Page) -> None:
    page.set("html", {text: text for text in HTML} | {"list": HTML})
    page.open()
    page.open_key("html")
    page.node('"list"', "#value").click()
    page.until("document.querySelectorAll('#value [role=treeitem]').length > 20")
    shown = "\n".join(page.items("#value"))
    for text in HTML:
        assert shown.count(text.replace('"', '\\"')) == 3, text
    page.click("#as-text")
    for text in HTML:
        assert text in page.text("#text")
    page.click("#edit")
    page.click("#editor-no")
    assert page.ask("document.images.length") == 1  # the icon
    assert page.ask("document.querySelectorAll('iframe, svg, script').length") == 1


def test_html_in_names_that_others_choose_is_text(open_page: OpenPage) -> None:
    page = open_page(installations=tuple(HTML))
    page.send("set", {"key": "a", "value": 1}, headers={"authorization": f"Bearer {HTML[0]}"})
    page.send("nothing/" + HTML[0], {})
    page.send("set", {"key": "<b>", "value": 1})
    page.open()
    options = page.ask("[...document.querySelectorAll('#installation option')].map((o) => o.text)")
    assert set(HTML) <= set(options)
    page.type("#prefix", HTML[0])
    page.says("No keys")
    page.click("#to-requests")
    page.until("document.querySelectorAll('#requests-rows tr').length === 3")
    assert "/v1/nothing/<img" in page.text("#requests-rows").replace("%3C", "<")


def test_what_is_invisible_or_reorders_text_is_shown(page: Page) -> None:
    page.set(
        "odd:\u00a0a\u3000b\ufeff", {"e\u202e": "a\u202eb\u2066c\u200dd\u00ad\U000e0041\u0000"}
    )
    page.set("odd: both ", 1)
    page.open()
    page.node("odd:").click()
    page.shows_keys("odd:", "\\u0020both\\u0020", "\\u00a0a\\u3000b\\ufeff")
    page.node("\\u00a0a").click()
    page.until("document.querySelectorAll('#value [role=treeitem]').length === 2")
    text = '"a\\u202eb\\u2066c\\u200dd\\u00ad\\udb40\\udc41\\u0000"'
    assert page.items("#value")[1] == f'"e\\u202e": {text}'
    page.click("#as-text")
    assert text in page.text("#text")


def test_the_editor_tells_of_what_is_invisible_and_can_escape_it(page: Page) -> None:
    page.send("set", '{"key":"a","value":"x\u202ey\u200b"}'.encode())
    page.edit("a")
    assert page.text("#editor-odd-count") == "2 invisible characters in this text"
    page.click("#editor-escape")
    assert page.ask("document.getElementById('editor-text').value") == '"x\\u202ey\\u200b"'
    assert not page.find("#editor-odd").is_displayed()
    page.click("#editor-yes")
    page.says("Saved a")
    assert page.value("a") == "x\u202ey\u200b"


def test_long_and_deep_values_are_shown(page: Page) -> None:
    deep: Any = 1
    for _ in range(29):
        deep = [deep]
    page.set("deep", deep)
    page.set("long", "x" * 200_000)
    page.set("many", list(range(450)))
    page.set("k" * 500, 1)
    page.open()
    page.open_key("deep")
    page.until("document.querySelectorAll('#value [role=treeitem]').length === 2")
    page.ask("document.querySelector('#value [role=treeitem]').focus()")
    for level in range(3, 31):
        page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        page.until(f"document.querySelectorAll('#value [role=treeitem]').length === {level}")
    page.open_key("long")
    page.until("document.getElementById('value').textContent.includes('200,002 characters')")
    page.click("#as-text")
    assert len(page.text("#text")) == 200_002
    page.click("#as-text")
    page.open_key("many")
    page.until("document.querySelectorAll('#value [role=treeitem]').length === 202")
    page.node("More…", "#value").click()
    page.until("document.querySelectorAll('#value [role=treeitem]').length === 402")
    assert page.ask("document.documentElement.scrollWidth <= innerWidth")


def test_numbers_and_repeated_members_are_shown_and_saved_as_they_are(page: Page) -> None:
    text = '{"n":1.0,"n":-0,"big":123456789012345678901234567890,"e":1E+400,"s":"\\u0041\\/"}'
    page.send("set", f'{{"key":"a","value":{text}}}'.encode())
    page.open()
    page.open_key("a")
    page.until("document.querySelectorAll('#value [role=treeitem]').length === 6")
    assert page.items("#value") == [
        "{ 5 members }", '"n": 1.0', '"n": -0', '"big": 123456789012345678901234567890',
        '"e": 1E+400', '"s": "\\u0041\\/"',
    ]  # fmt: skip
    page.click("#edit")
    assert page.ask("document.getElementById('editor-text').value") == text
    page.type("#editor-text", text.replace("1.0", "2.00"))
    page.click("#editor-yes")
    page.says("Saved a")
    assert text.replace("1.0", "2.00").encode() in page.send("get", {"key": "a"}).content
