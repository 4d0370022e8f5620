"""The figures of docs/comparison.md are those of the benchmarks."""

import re
from typing import Final

import pytest

from tests.e2e.documents.pages import ROOT

_PAGE: Final = (ROOT / "docs/comparison.md").read_text("utf-8")
_BENCHMARKS: Final = (ROOT / "benchmarks/README.md").read_text("utf-8")
_NUMBER: Final = r"\*{0,2}(\d+\.\d+)\*{0,2}"


def _measured(what: str) -> list[float]:
    """Return the medians of a row of the benchmarks: of the optimised build and of the other."""
    [row] = re.findall(rf"^\| {re.escape(what)} \| (.*) \|$", _BENCHMARKS, re.MULTILINE)
    return [float(number) for number in re.findall(rf"\| {_NUMBER} \(", row)]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("undici's Pool", "speed of `set` against undici's Pool"),
        ("Node's `fetch`", "speed of `set` against Node's `fetch`"),
        ("`httpx.AsyncClient`", "speed of `set` against `httpx.AsyncClient`"),
    ],
)
def test_the_speed_is_the_measured_one(row: str, what: str) -> None:
    [cells] = re.findall(rf"^\| {re.escape(row)}.*? \| (.*) \|$", _PAGE, re.MULTILINE)
    shown = cells.split(" | ")
    assert len(shown) == 2
    for text, measured in zip(shown, _measured(what), strict=True):
        places = len(text.partition(".")[2])
        assert float(text) == round(measured, places)


def test_the_time_of_the_processor_is_the_measured_one() -> None:
    [shown] = re.findall(r"kvsctl needs ([\d.]+) of undici's per key", _PAGE)
    optimised, _ = _measured("CPU time per key against undici's")
    assert float(shown) == round(optimised, 1)
