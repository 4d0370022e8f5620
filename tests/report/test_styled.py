"""Lines that are broken between words."""

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.report.console import Environment
from kvsctl.report.escape import columns
from kvsctl.report.styled import Span, painted, wrapped

_TEXTS = st.text(st.sampled_from("ab \n漢:"), max_size=60)


def test_lines_are_broken_between_words() -> None:
    text = "About to delete 7 records in prod\n  a-long-key-of-an-app\nDelete? [y/N] "
    assert wrapped(text, 18) == (
        "About to delete 7\n  records in prod\n  a-long-key-of-an-app\nDelete? [y/N] "
    )
    assert wrapped(text, 80) == text
    assert wrapped("", 80) == ""


def _terminal(width: int) -> Environment:
    return Environment(
        stdout_fd=None,
        stderr_fd=2,
        stdout_is_terminal=False,
        stderr_is_terminal=True,
        stderr_has_colour=False,
        can_redraw=True,
        width=width,
    )


_SPANS = st.lists(
    st.tuples(st.text(st.sampled_from("ab 漢"), max_size=20), st.sampled_from(["", "dim"])),
    max_size=5,
)


def test_a_line_with_styles_is_folded_between_words_too() -> None:
    line = [("  clean  ", "bold"), ("LOCAL EMULATOR /home/you/local.db", "cyan"), ("  plain", "")]
    assert painted(line, _terminal(30)) == "  clean  LOCAL EMULATOR\n/home/you/local.db  plain\n"
    assert painted([("a" * 25, "")], _terminal(20)) == f"{'a' * 20}\n{'a' * 5}\n"


@given(_SPANS, st.integers(20, 40))
def test_a_folded_line_has_all_its_letters_and_no_row_is_wider(
    line: list[Span], width: int
) -> None:
    rows = painted(line, _terminal(width)).split("\n")
    assert all(columns(row) <= width for row in rows)
    text = "".join(part for part, _ in line)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")
    if all(columns(word) <= width for word in text.split()):
        assert [word for row in rows for word in row.split()] == text.split()


@given(_TEXTS, st.integers(20, 40))
def test_only_a_word_that_is_too_wide_is_wider(text: str, width: int) -> None:
    for row in wrapped(text, width).split("\n"):
        assert columns(row.rstrip(" ")) <= width or len(row.split()) == 1


@given(_TEXTS, st.integers(20, 40))
def test_no_word_is_broken_or_lost(text: str, width: int) -> None:
    assert wrapped(text, width).split() == text.split()
