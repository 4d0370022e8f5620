"""What is asked before a job changes several installations."""

import pytest

from kvsctl.config.targets import Target
from kvsctl.jobs.installations.consent import InstallationsQuestion


@pytest.mark.parametrize(
    ("others", "line"),
    [(0, None), (1, "  … and 1 more installation"), (2, "  … and 2 more installations")],
)
def test_the_others_are_counted(others: int, line: str | None) -> None:
    target = Target("http://127.0.0.1:8")
    question = InstallationsQuestion("delete", target, installations=9, largest=(), others=others)
    lines = question.text.splitlines()
    assert lines[0].endswith(", of 9 installations")
    assert [one for one in lines if "…" in one] == [one for one in [line] if one]


def test_one_installation_is_not_several() -> None:
    target = Target("http://127.0.0.1:8")
    question = InstallationsQuestion("delete", target, installations=1, largest=(), others=0)
    assert question.text.splitlines()[0].endswith(", of 1 installation")
