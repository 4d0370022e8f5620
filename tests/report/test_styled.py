"""Lines that are broken between words."""

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.report.escape import columns
from kvsctl.report.styled import wrapped

_TEXTS = st.text(st.sampled_from("ab \n漢:"), max_size=60)


def test_lines_are_broken_between_words() -> None:
    text = "About to delete 7 records in prod\n  a-long-key-of-an-app\nDelete? [y/N] "
    assert wrapped(text, 18) == (
        "About to delete 7\n  records in prod\n  a-long-key-of-an-app\nDelete? [y/N] "
    )
    assert wrapped(text, 80) == text
    assert wrapped("", 80) == ""


@given(_TEXTS, st.integers(20, 40))
def test_only_a_word_that_is_too_wide_is_wider(text: str, width: int) -> None:
    for row in wrapped(text, width).split("\n"):
        assert columns(row.rstrip(" ")) <= width or len(row.split()) == 1


@given(_TEXTS, st.integers(20, 40))
def test_no_word_is_broken_or_lost(text: str, width: int) -> None:
    assert wrapped(text, width).split() == text.split()
