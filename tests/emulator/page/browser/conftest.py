"""A page that is open in Chromium, and what must hold after each test of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium import webdriver

from kvsctl.emulator import EmulatorOptions
from kvsctl.emulator.web.serve import ServeOptions, running
from tests.emulator.page.browser.driving import Page, chromium

OpenPage = Callable[..., Page]
Browser = tuple[webdriver.Chrome, httpx.Client, Path]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Run Chromium for all tests of this process; with an app's client, and its downloads."""
    downloads = tmp_path_factory.mktemp("downloads")
    unkept = httpx.Limits(max_keepalive_connections=0)  # each test has a server of its own
    with chromium(downloads) as opened, httpx.Client(limits=unkept) as client:
        yield opened, client, downloads


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Return a function that serves an emulator, for a page that is not loaded yet.

    After the test, the page must have asked its own origin only, and no script may have failed,
    been refused or come out of a value.
    """
    opened, client, downloads = browser
    for file in downloads.iterdir():
        file.unlink()
    with ExitStack() as stack:
        pages: list[Page] = []

        def opener(**options: Any) -> Page:
            served = ServeOptions(port=0, emulator=EmulatorOptions(**options))
            pages.append(Page(opened, client, stack.enter_context(running(served)), downloads))
            pages[-1].requests()
            pages[-1].errors()
            return pages[-1]

        yield opener
        for page in filter(lambda page: page.is_watched, pages):
            assert page.ask("window.violations ?? []") == []
            assert page.ask("typeof window.hacked") == "undefined"
            assert page.errors() == []
            own = (f"{page.server.url}/", f"blob:{page.server.url}/", "about:", "data:")
            assert [url for url in page.requests() if not url.startswith(own)] == []
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        opened.get("about:blank")


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """Return the page of an emulator with default options, not loaded yet."""
    return open_page()
