"""The picture of the emulator's page, as Chromium shows it.

The browser is the one in which the tests open the page: they install or find it.
"""

import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

import httpx

from kvsctl.emulator.web.serve import ServeOptions, running
from tests.emulator.page.browser.driving import Page, chromium

_SIZE: Final = {"width": 1120, "height": 600, "deviceScaleFactor": 1.6, "mobile": False}
_START_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_HOUR: Final = {"ttl": {"value": 6, "unit": "HOURS"}}
_ORDER: Final = {
    "customer": "user:1007",
    "total": 129.90,
    "paid": True,
    "number": 9007199254740993,
    "items": [{"sku": "KB-84", "count": 1}, {"sku": "CBL-2", "count": 3}],
    "note": None,
}
RECORDS: Final[tuple[tuple[str, Any, dict[str, Any]], ...]] = (
    *((f"order:2026-01:{number}", _ORDER, {}) for number in range(4711, 4716)),
    *((f"session:{number:04x}", {"user": number}, _HOUR) for number in range(0x2A00, 0x2A20)),
    ("settings", {"theme": "dark", "locale": "en"}, {}),
    *((f"user:{number}", {"name": "Ada"}, {}) for number in range(1001, 1150)),
)


def draw(folder: Path) -> None:
    """Draw the page of an emulator with a few records."""
    with (
        tempfile.TemporaryDirectory() as downloads,
        running(ServeOptions(port=0)) as server,
        chromium(Path(downloads)) as browser,
        httpx.Client() as client,
    ):
        shoot(Page(browser, client, server, Path(downloads)), folder / "page.png")


def shoot(page: Page, file: Path) -> None:
    """Fill the store of a page, open a record, and save what the browser shows."""
    clock = page.server.emulator.clock
    clock.set(_START_MS, frozen=True)
    for first in range(0, len(RECORDS), 25):
        page.send(
            "batch/set",
            [
                {"key": key, "value": value, "options": options}
                for key, value, options in RECORDS[first : first + 25]
            ],
        )
    clock.advance(90 * 60_000)
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", dict(_SIZE))
    page.emulate(prefers_color_scheme="light")
    page.open()
    page.node("order:").click()
    page.node("2026-01:").click()
    page.open_key("4713")
    page.node('"items"', "#value").click()
    page.until("document.querySelectorAll('#value [role=treeitem]').length === 9")
    page.until("document.getElementById('count').textContent.startsWith('187 records')")
    shot = page.browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    file.write_bytes(b64decode(shot["data"]))
