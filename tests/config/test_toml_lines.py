"""On which line of a TOML text a table or a name stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.config.toml_lines import TomlLines

_TEXT = """\
# Rules of retention.

title = "x"

[[rules]]  # the first
name = "a"
match = [
  "b:*",  # a glob
]
'older_than' = "3d"
note = '''
[[rules]]
name = "not this one"
'''

[[rules]]
  "name" = "b"
age.from = "value.at"
[rules.more]
deep = 1

[other]
name = 5
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 3),
        (("rules",), 1),
        (("rules", 0), 5),
        (("rules", 0, "name"), 6),
        (("rules", 0, "match"), 7),
        (("rules", 0, "match", 0), 7),
        (("rules", 0, "older_than"), 10),
        (("rules", 0, "note"), 11),
        (("rules", 1), 16),
        (("rules", 1, "name"), 17),
        (("rules", 1, "age"), 18),
        (("rules", 1, "more"), 19),
        (("rules", 1, "more", "deep"), 20),
        (("rules", 1, "missing"), 16),
        (("other", "name"), 23),
        (("missing",), 1),
    ],
)
def test_a_name_has_the_line_on_which_its_statement_begins(
    path: tuple[str | int, ...], line: int
) -> None:
    assert TomlLines(_TEXT).of(*path) == line


def test_rules_in_an_inline_array_stand_where_it_begins() -> None:
    lines = TomlLines('a = 1\nrules = [\n  { name = "x" },\n  { name = "y" },\n]\n')
    assert lines.of("rules", 1, "name") == 2


@given(st.lists(st.sampled_from(["", "# c", "  "]), max_size=4), st.integers(0, 5))
def test_blank_lines_and_comments_count(before: list[str], rules: int) -> None:
    text = "\n".join([*before, *["[[rules]]\nname = 'x'"] * (rules + 1)])
    lines = TomlLines(text)
    assert lines.of("rules", rules, "name") == len(before) + 2 * rules + 2
