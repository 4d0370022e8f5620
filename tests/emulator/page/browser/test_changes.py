"""Edit, delete and download."""

import json

import pytest
from selenium.webdriver.common.keys import Keys

from kvsctl.emulator.page import changing
from tests.emulator.page.browser.driving import Page
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
_PROBLEM = "document.getElementById('editor-problem').textContent"
DAY = {"options": {"ttl": {"value": 1, "unit": "DAYS"}}}


def test_a_value_is_edited(page: Page) -> None:
    page.set("a", {"n": 1}, **DAY)
    page.edit("a")
    page.type("#editor-text", '{"n": 1.50}')
    page.press_with(Keys.CONTROL, Keys.ENTER)
    page.says("Saved a")
    assert b'{"n": 1.50}' in page.send("get", {"key": "a"}).content
    page.until("document.getElementById('value').textContent.includes('1.50')")
    assert page.items()[0].startswith("a 11 B, expires in ")
    assert page.focused() == "edit"


def test_an_expiry_is_edited(page: Page) -> None:
    page.set("a", 1)
    page.edit("a")
    page.type("#editor-amount", "3")
    page.click("#editor-yes")
    page.says("Saved a")
    assert page.items()[0].startswith("a 1 B, expires in ")
    page.click("#edit")
    page.click("#editor input[value=never]")
    page.click("#editor-yes")
    page.until("document.getElementById('facts').textContent.includes('Expiresnever')")


def test_what_a_set_would_refuse_is_refused_with_its_code(page: Page) -> None:
    page.set("a", 1)
    page.edit("a")
    for text, problem in (
        ("{", "INVALID_REQUEST: The value is not JSON: Expecting property name"),
        ("null", "INVALID_VALUE: The value must be any JSON but null."),
    ):
        page.type("#editor-text", text)
        page.click("#editor-yes")
        page.until(
            "document.getElementById('editor-problem').textContent.startsWith(arguments[0])",
            problem,
        )
        assert page.focused() == "editor-text"
    page.press(Keys.ESCAPE)
    page.agree()
    page.until("!document.getElementById('editor').open")
    assert page.value("a") == 1


def test_a_save_that_the_browser_stops_clears_what_an_earlier_one_was_refused_for(
    page: Page,
) -> None:
    page.set("a", 1)
    page.edit("a")
    page.type("#editor-amount", "366")
    page.choose("#editor-unit", "DAYS")
    page.click("#editor-yes")
    page.until(f"{_PROBLEM}.startsWith('INVALID_TTL')")
    page.type("#editor-amount", "1.5")
    page.click("#editor-yes")
    page.until(f"{_PROBLEM} === ''")
    assert page.ask("document.getElementById('editor').open")
    page.type("#editor-amount", "2")
    page.click("#editor-yes")
    page.says("Saved a")


def test_an_edit_does_not_overwrite_the_change_of_another(page: Page) -> None:
    page.set("a", "before")
    page.edit("a")
    page.type("#editor-text", '"mine"')
    page.set("a", "theirs")
    page.click("#editor-yes")
    page.until(f"{_PROBLEM}.startsWith('RECORD_CHANGED')")
    assert page.value("a") == "theirs"
    page.click("#editor-reload")
    page.until("document.getElementById('editor-text').value === '\"theirs\"'")
    page.type("#editor-text", '"mine"')
    page.set("a", "theirs again")
    page.click("#editor-yes")
    page.until("!document.getElementById('editor-overwrite').hidden")
    page.click("#editor-overwrite")
    page.says("Saved a")
    assert page.value("a") == "mine"


def test_all_under_a_node_is_deleted_after_a_question(page: Page) -> None:
    page.set_all("user:1:a", "user:1:b", "user:2:a", "users")
    page.open()
    page.node("user:").click()
    page.shows_keys("user:", "1:", "2:", "users")
    page.open_key("users")
    page.ask("document.querySelector('#keys [role=group] [role=treeitem]').focus()")
    page.press(Keys.DELETE)
    page.focuses("question-no")
    assert page.text("#question-title") == "Delete 2 records?"
    assert "all keys that begin with user:1:" in page.text("#question-text")
    page.press(Keys.ENTER)
    page.until("!document.getElementById('question').open")
    assert page.value("user:1:a") == 1
    page.focuses("1:")
    page.press(Keys.DELETE)
    page.agree()
    page.says("Deleted 2 records")
    page.shows_keys("user:", "2:", "users")
    page.focuses("2:")
    page.until("document.getElementById('count').textContent.startsWith('2 records')")
    assert [page.value(key) for key in ("user:1:a", "user:1:b", "user:2:a")] == [None, None, 1]
    assert not page.find("#no-record").is_displayed()


def test_records_that_are_added_during_the_question_are_asked_about(page: Page) -> None:
    page.set_all("a", "b:1", "b:2", "c:1")
    page.open()
    page.mark("a", "b:", "c:")
    page.click("#delete")
    _asks(page, "Delete 4 records?")
    page.set("b:3", 1)
    page.agree()
    _asks(page, "Delete 4 records?", "Others were added since you were asked.")
    assert "all keys that begin with b:all keys that begin with c:" in page.text("#question-text")
    assert [page.value(key) for key in ("a", "b:1", "b:3", "c:1")] == [None, 1, 1, 1]
    page.set("c:2", 1)
    page.set("b:4", 1)
    page.agree()
    _asks(page, "Delete 6 records?", "Others were added since you were asked.")
    page.agree()
    page.says("Deleted 7 records")
    page.until("!document.getElementById('no-keys').hidden")


def test_what_is_left_is_shown_after_a_no_to_what_was_added(page: Page) -> None:
    page.set_all("a", "b:1")
    page.open()
    page.mark("a", "b:")
    page.click("#delete")
    _asks(page, "Delete 2 records?")
    page.set("b:2", 1)
    page.agree()
    _asks(page, "Delete 2 records?", "Others were added since you were asked.")
    page.click("#question-no")
    page.shows_keys("b:")
    assert [page.value(key) for key in ("a", "b:1", "b:2")] == [None, 1, 1]


def test_all_under_a_node_is_deleted_in_parts(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "DELETED_AT_ONCE", 2)
    page.set_all("a:1", "a:2", "a:3", "a:4", "a:5", "b")
    page.open()
    page.mark("a:")
    page.click("#delete")
    _asks(page, "Delete 5 records?")
    page.agree()
    page.says("Deleted 5 records")
    page.shows_keys("b")


def _asks(page: Page, title: str, text: str = "") -> None:
    """Wait until a question with this title is open, whose text begins so."""
    page.until(
        "document.getElementById('question').open"
        " && document.getElementById('question-title').textContent === arguments[0]"
        " && document.getElementById('question-text').textContent.startsWith(arguments[1])",
        title,
        text or "all keys that begin with ",
    )


def test_marked_records_are_deleted(page: Page) -> None:
    page.set_all("a", "b", "c", "d:1", "d:2")
    page.open()
    page.open_key("b")
    page.mark("b", "c", "d:")
    assert page.text("#marked") == "3 marked"
    page.click("#delete")
    page.until("document.getElementById('question-title').textContent === 'Delete 4 records?'")
    page.agree()
    page.says("Deleted 4 records")
    page.shows_keys("a")
    assert page.text("#marked") == "None marked"
    assert page.find("#no-record").is_displayed()
    page.open_key("a")
    page.click("#delete-one")
    page.agree()
    page.says("Deleted 1 record")
    page.until("!document.getElementById('no-keys').hidden")


def test_what_is_left_is_shown_if_a_delete_fails_halfway(page: Page) -> None:
    page.set_all("a", "b:1")
    page.open()
    page.ask("window.sent = 0")
    page.browser.execute_script(
        "const real = window.fetch; window.fetch = (url, options) =>"
        " url.endsWith('/delete') && window.sent++ ? Promise.reject(Error()) : real(url, options)"
    )
    page.mark("a", "b:")
    page.click("#delete")
    page.agree()
    page.complains("NO_RESPONSE")
    page.shows_keys("b:")


def test_marked_records_are_downloaded(page: Page) -> None:
    page.send("set", b'{"key":"a","value":12345678901234567890.0}')
    for key in ("b", "c:1", "c:2"):
        page.set(key, {"html": "<b>"})
    page.open()
    page.mark("a", "c:")
    page.click("#download")
    page.says("Downloaded 3 records")
    lines = _downloaded(page, "default.jsonl")
    assert [json.loads(line)["key"] for line in lines] == ["a", "c:1", "c:2"]
    assert '"value":12345678901234567890.0' in lines[0]


def test_all_that_is_listed_is_downloaded(page: Page) -> None:
    keys = page.fill(1025)
    page.set("k-soon", 1, **DAY)
    page.set("other", 1)
    page.open()
    page.type("#prefix", "k")
    page.click("#never-expires")
    page.until("document.getElementById('count').textContent.startsWith('1,025 records')")
    page.click("#download")
    page.says("Downloaded 1,025 records")
    lines = _downloaded(page, "default.jsonl")
    assert [json.loads(line)["key"] for line in lines] == keys


def _downloaded(page: Page, name: str) -> list[str]:
    file = page.downloads / name
    wait_until(lambda: file.exists() and file.read_bytes().endswith(b"\n"), 30)
    return file.read_text("utf-8").splitlines()
