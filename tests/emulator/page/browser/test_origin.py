"""Pages of other servers, and what the page itself may do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from kvsctl.emulator.options import Token
from tests.emulator.page.asking import API
from tests.emulator.page.browser.conftest import OpenPage
from tests.emulator.page.browser.driving import Page
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
_OPEN = "document.getElementById('token').open"
DELETE = '{"installation":"default","keys":["a"]}'


@contextmanager
def another_server(html: str) -> Iterator[str]:
    """Serve a page of another origin; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def statuses(page: Page, status: int) -> int:
    return page.server.emulator.statuses.get(status, 0)


def test_a_form_of_another_page_deletes_nothing(page: Page) -> None:
    """A form can send text that looks like JSON, without asking for permission."""
    page.is_watched = False
    page.set("a", 1)
    left, right = DELETE[:-1].rsplit(",", 1)
    form = (
        f"<form method=post enctype=text/plain action='{page.server.url}{API}delete'>"
        f"<input name='{left},\"x\":\"' value='\",{right}}}'></form>"
        "<script>document.forms[0].submit()</script>"
    )
    with another_server(form) as url:
        page.browser.get(url)
        wait_until(lambda: statuses(page, 403) == 1)
    assert page.value("a") == 1


@pytest.mark.parametrize("mode", ["no-cors", "cors"])
def test_a_script_of_another_page_changes_and_reads_nothing(page: Page, mode: str) -> None:
    page.is_watched = False
    page.set("a", 1)
    script = (
        f"<script>const ask = (name, options) => fetch('{page.server.url}{API}' + name, options)"
        ".then((response) => response.type, () => 'failed');"
        f"Promise.all([ask('delete', {{method: 'POST', mode: '{mode}', body: '{DELETE}',"
        "headers: {'content-type': 'application/json'}}),"
        f"ask('installations', {{mode: '{mode}'}})]).then((found) => window.found = found)</script>"
    )
    with another_server(script) as url:
        page.browser.get(url)
        page.until("window.found !== undefined")
    expected = "failed" if mode == "cors" else "opaque"
    assert page.ask("window.found") in ([expected, expected], ["failed", "failed"])
    assert page.value("a") == 1


def test_another_page_cannot_frame_it(page: Page) -> None:
    page.is_watched = False
    page.open()
    with another_server(f"<iframe src='{page.server.url}/'></iframe>") as url:
        page.browser.get(url)
        page.until("document.readyState === 'complete'")
        page.browser.switch_to.frame(page.find("iframe"))
        assert page.browser.find_elements(By.ID, "keys") == []
        page.browser.switch_to.default_content()


def test_a_link_of_another_page_leads_to_it(page: Page) -> None:
    page.is_watched = False
    page.set("a", 1)
    with another_server(f"<a href='{page.server.url}/'>link</a>") as url:
        page.browser.get(url)
        page.click("a")
        page.shows_keys("a")


def test_nothing_on_the_page_becomes_html_or_a_script(page: Page) -> None:
    page.is_watched = False
    page.open()
    for attempt in (
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
    ):
        error = page.ask(
            f"(() => {{ try {{ {attempt} }} catch (error) {{ return error.name }} }})()"
        )
        assert error == "TypeError", attempt
    loaded = page.browser.execute_async_script(
        "const done = arguments[0]; const script = document.createElement('script');"
        "script.onload = () => done('loaded'); script.onerror = () => done('refused');"
        "try { script.text = 'window.hacked = 1' } catch { done('refused') }"
        "document.head.append(script)"
    )
    assert loaded == "refused"
    assert page.ask("window.violations.length") >= 3


def test_a_token_is_asked_for_and_kept_in_memory_only(open_page: OpenPage) -> None:
    page = open_page(tokens=(Token("secret", "default"),))
    page.send("set", {"key": "a", "value": 1}, headers={"authorization": "Bearer secret"})
    page.browser.get(page.server.url)
    page.until(_OPEN)
    refused = "The emulator has refused this token."
    # The browser stops an answer without a token: the refusal was of an earlier one.
    for token, problem in (("wrong", ""), ("", refused), ("secret", "")):
        page.until(f"{_OPEN} && !document.getElementById('token-text').value")
        page.until("document.getElementById('token-problem').textContent === arguments[0]", problem)
        page.find("#token-text").send_keys(token)
        page.press(Keys.ENTER)
    page.shows_keys("a")
    assert page.ask("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    assert "secret" not in page.ask("document.documentElement.outerHTML")
    page.browser.refresh()
    page.until(_OPEN)
    page.click("#token-no")
    page.complains("UNAUTHORIZED")
