"""The page in Chromium: what a person sees, types and clicks."""

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from kvsctl.emulator.web.serve import Running
from tests.support.needs import IS_ROOT, program
from tests.support.waiting import wait_for, wait_until

_WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
_WAIT_SECONDS = 30
# It waits inside the page: asking it again and again would take more time than the page does.
_UNTIL = """
const [done, end] = [arguments[arguments.length - 1], performance.now() + 25_000];
const look = () => {
  if (%s) done(true);
  else if (performance.now() > end) done(false);
  else setTimeout(look, 10);
};
look();
"""
_ROW = (
    "[...document.querySelectorAll(arguments[0] + ' .row')].find((row) => row.checkVisibility()"
    " && row.querySelector('.label').textContent.startsWith(arguments[1]))"
)
_ARGUMENTS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--window-size=1100,800",
)


@contextmanager
def chromium(downloads: Path) -> Iterator[webdriver.Chrome]:
    """Run Chromium, which saves its downloads in a folder."""
    folder = os.environ.get("CHROMEWEBDRIVER")  # where the machines of GitHub have it
    driver = program("chromedriver", "chromium-driver", folder)
    options = Options()
    for argument in (*_ARGUMENTS, *(["--no-sandbox"] if IS_ROOT else [])):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        browser.set_script_timeout(_WAIT_SECONDS)
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})
        yield browser
    finally:
        browser.quit()


class Page:
    """The page of an emulator, open in a browser."""

    def __init__(
        self, browser: webdriver.Chrome, client: httpx.Client, server: Running, downloads: Path
    ) -> None:
        self.browser = browser
        self.client = client
        self.server = server
        self.downloads = downloads
        self.is_watched = True
        """Whether it is checked after the test, which has opened no other pages on purpose."""

    def set(self, key: str, value: Any, **more: Any) -> None:
        self.send("set", {"key": key, "value": value, **more})

    def set_all(self, *keys: str) -> None:
        """Set these keys to 1, in this order."""
        for key in keys:
            self.set(key, 1)

    def fill(self, count: int) -> list[str]:
        """Set so many keys, each to its number, and return them: k0000, k0001 and so on."""
        records = [{"key": f"k{number:04}", "value": number} for number in range(count)]
        for first in range(0, count, 25):
            self.send("batch/set", records[first : first + 25])
        return [str(record["key"]) for record in records]

    def send(self, path: str, body: Any, **options: Any) -> httpx.Response:
        """Send a request as an app does."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(f"{self.server.url}/v1/{path}", content=content, **options)

    def value(self, key: str) -> Any:
        """Return what the store holds, or None."""
        response = self.send("get", {"key": key})
        return response.json().get("value")

    def open(self, part: str = "") -> None:
        """Load the page, and wait until it has listed the keys."""
        self.browser.get(f"{self.server.url}/{part}")
        self.until("document.documentElement.dataset.ready === 'true'")

    def ask(self, expression: str, *given: Any) -> Any:
        """Return the value of an expression in JavaScript."""
        return self.browser.execute_script(f"return {expression}", *given)

    def until(self, expression: str, *given: Any) -> None:
        """Wait until an expression in JavaScript holds."""

        def holds() -> bool | None:
            with contextlib.suppress(JavascriptException):  # another page is loading
                return bool(self.browser.execute_async_script(_UNTIL % expression, *given))
            return None

        assert wait_for(holds, _WAIT_SECONDS), f"never: {expression} {given}"

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return str(self.ask("document.querySelector(arguments[0]).textContent", selector))

    def says(self, text: str) -> None:
        """Wait until the page says how something ended."""
        self.until("document.getElementById('status').textContent === arguments[0]", text)

    def complains(self, text: str) -> None:
        self.until("document.getElementById('problem').textContent.startsWith(arguments[0])", text)

    def click(self, selector: str) -> None:
        self._in_view(self.find(selector)).click()

    def _in_view(self, element: WebElement) -> WebElement:
        """Scroll an element away from the line at the bottom."""
        self.ask("arguments[0].scrollIntoView({block: 'center'})", element)
        return element

    def choose(self, selector: str, value: str) -> None:
        self.browser.execute_script(
            "const [select, value] = arguments; select.value = value;"
            "select.dispatchEvent(new Event('change'))",
            self.find(selector),
            value,
        )

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        ActionChains(self.browser, duration=0).send_keys(*keys).perform()

    def press_with(self, modifier: str, key: str) -> None:
        ActionChains(self.browser, duration=0).key_down(modifier).send_keys(key).key_up(
            modifier
        ).perform()

    def type(self, selector: str, text: str) -> None:
        """Replace the text of a field."""
        field = self.find(selector)
        self.ask("arguments[0].select()", field)  # the keys for that differ between systems
        field.send_keys(text)

    def items(self, tree: str = "#keys") -> list[str]:
        """Return the names of all visible nodes of a tree, as they are shown."""
        names = self.ask(
            "[...document.querySelectorAll(arguments[0] + ' [role=treeitem]')]"
            ".filter((item) => item.checkVisibility())"
            ".map((item) => item.querySelector('.label').textContent)",
            tree,
        )
        return [str(name) for name in names]

    def keys(self) -> list[str]:
        """Return the visible nodes of the keys, without sizes and counts."""
        names = self.ask(
            "[...document.querySelectorAll('#keys [role=treeitem]')]"
            ".filter((item) => item.checkVisibility())"
            ".map((item) => (item.querySelector('.label .key') ?? item).textContent)"
        )
        return [str(name) for name in names]

    def shows_keys(self, *names: str) -> None:
        """Wait until these nodes are visible, and no others."""
        wait_until(lambda: self.keys() == list(names), 30)

    def node(self, name: str, tree: str = "#keys") -> WebElement:
        """Return the row of the first visible node whose label begins so."""

        self.until(f"{_ROW} !== undefined", tree, name)
        row: WebElement = self.ask(_ROW, tree, name)
        return self._in_view(row)

    def open_key(self, name: str) -> None:
        self.node(name).click()
        self.until("!document.getElementById('record').hidden")

    def edit(self, name: str) -> None:
        """Load the page, and open the editor of a record."""
        self.open()
        self.open_key(name)
        self.click("#edit")

    def mark(self, *names: str) -> None:
        """Mark nodes."""
        for name in names:
            self.node(name).find_element(By.CSS_SELECTOR, ".mark").click()

    def agree(self) -> None:
        """Wait for a question, and answer it with yes."""
        self.focuses("question-no")
        self.click("#question-yes")

    def focused(self) -> str:
        """Return the id of the element with the focus, or the label of a node."""
        return str(
            self.ask(
                "document.activeElement.id || document.activeElement"
                ".closest('[role=treeitem]')?.querySelector('.label').textContent || ''"
            )
        )

    def focuses(self, begin: str) -> None:
        wait_until(lambda: self.focused().startswith(begin), 30)

    def emulate(self, **features: str) -> None:
        """Set media features, such as prefers-color-scheme."""
        named = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})

    def resize(self, width: int, height: int) -> None:
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def requests(self) -> list[str]:
        """Return the URLs that the browser has asked for since the last call."""
        found = []
        for entry in self.browser.get_log("performance"):  # type: ignore[no-untyped-call]
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(str(message["params"]["request"]["url"]))
        return found

    def errors(self) -> list[str]:
        """Return what the console has said since the last call, besides refused requests."""
        entries = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["source"] != "network"]
