"""Numbers with their nouns."""

import pytest

from kvsctl.texts import counted


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 records"), (1, "1 record"), (2, "2 records"), (1_204, "1,204 records")],
)
def test_a_count_has_its_noun(count: int, text: str) -> None:
    assert counted(count, "record") == text
