"""The pages say of durations, ages and ttls what the program does with them."""

import re
from pathlib import Path
from typing import Final

import pytest

from kvsctl.durations import duration_seconds
from kvsctl.errors import UsageError
from kvsctl.selection.moments import moment_of

_DOCS: Final = Path(__file__).parents[2] / "docs"
_REFUSED: Final = re.compile(r"A number without a unit, such as `(\d+)`, is refused")


def _spans(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_ages_need_a_unit() -> None:
    page = (_DOCS / "selectors.md").read_text("utf-8")
    [row] = re.findall(r"^\| `--older-than AGE` \| (.*?) \|", page, re.MULTILINE)
    [refused] = _REFUSED.findall(row)
    ages = _spans(_REFUSED.sub("", row))
    assert len(ages) >= 4
    for age in ages:
        moment_of(age, "--older-than")
    with pytest.raises(UsageError, match="without a unit"):
        moment_of(refused, "--older-than")


@pytest.mark.parametrize("page", ["running.md", "scheduled.md"])
def test_other_durations_may_be_seconds(page: str) -> None:
    text = " ".join((_DOCS / page).read_text("utf-8").split())
    [said] = re.findall(r"D is a (?:\[duration\]\(\S+\)|duration): (.*?)\.(?: |$)", text)
    assert said.endswith("or a number of seconds")
    for duration in [*_spans(said), "45"]:
        assert duration_seconds(duration, "--max-duration") > 0
