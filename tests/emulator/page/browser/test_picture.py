"""The picture of the page in docs/."""

from pathlib import Path

import pytest

from docs.pictures.page import shoot
from tests.emulator.page.browser.driving import Page

pytestmark = pytest.mark.slow
KEPT = Path(__file__).parents[4] / "docs/pictures/page.png"


def test_the_picture_can_be_taken_again(page: Page, tmp_path: Path) -> None:
    """Fonts differ between machines, so only its size must be the same."""
    shoot(page, tmp_path / "page.png")
    assert size(tmp_path / "page.png") == size(KEPT)
    assert page.text("#record-title") == "Record order:2026-01:4713"


def size(png: Path) -> tuple[int, int]:
    """Return width and height, from the header of a PNG file."""
    header = png.read_bytes()[:24]
    assert header.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(header[16:20]), int.from_bytes(header[20:24])
