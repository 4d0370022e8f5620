"""Groups of keys by a template, and the latest records of each."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.retention.groups import GroupTemplate, Latest

_PARTS = st.sampled_from(["*", "{a}", "{b}", "a", ":", "::", "ab"])


def _by_regex(template: str, key: str) -> tuple[str, ...] | None:
    pattern = "".join(
        ".*?" if part == "*" else "(.+?)" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^}]*\}|\*)", template)
    )
    found = re.fullmatch(pattern, key)
    return None if found is None else found.groups()


@pytest.mark.parametrize(
    ("template", "key", "group"),
    [
        ("report:{customer}:*", "report:42:2026-01-31", ("42",)),
        ("report:{customer}:*", "report:42:a:b", ("42",)),
        ("report:{customer}:*", "report:42:", ("42",)),
        ("report:{customer}:*", "report::x", None),
        ("report:{customer}:*", "report:42", None),
        ("report:{customer}:*", "other:42:x", None),
        ("*:{day}", "a:b", ("b",)),
        ("{app}:*:{user}", "a:b:c:d", ("a", "c:d")),
        ("{all}", "anything", ("anything",)),
        ("x{all}x", "xx", None),
    ],
)
def test_a_key_belongs_to_the_group_of_its_names(
    template: str, key: str, group: tuple[str, ...] | None
) -> None:
    assert GroupTemplate.of(template).group_of(key) == group


@given(st.lists(_PARTS, max_size=7).map("".join), st.text("ab:", max_size=12))
def test_groups_are_those_of_a_regular_expression(text: str, key: str) -> None:
    try:
        template = GroupTemplate.of(text)
    except UsageError:
        return
    assert template.group_of(key) == _by_regex(text, key)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("report:*", "no name in braces"),
        ("", "no name in braces"),
        ("{a}{b}", "there is nothing between two of its parts"),
        ("{a}*", "there is nothing between two of its parts"),
        ("{a}:{a}", "a name occurs twice"),
        ("{}", '"{}" is not a name in braces'),
        ("{a b}", '"{a b}" is not a name in braces'),
        ("{a}:}", '"}" is on its own'),
        ("x{a", '"{" is on its own'),
    ],
)
def test_what_is_no_template_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=re.escape(reason)):
        GroupTemplate.of(text)


_RECORDS = st.dictionaries(
    st.text("abc", max_size=3), st.tuples(st.sampled_from([("x",), ("y",)]), st.integers(0, 5))
)


@given(_RECORDS, st.integers(1, 4))
def test_the_latest_are_those_that_a_sort_puts_last(
    records: dict[str, tuple[tuple[str], int]], count: int
) -> None:
    latest = Latest(count)
    for key, (group, time) in records.items():
        latest.take(group, time, key)
    for key, (group, time) in records.items():
        rivals = sorted((t, k) for k, (g, t) in records.items() if g == group)
        assert latest.has(group, time, key) == ((time, key) in rivals[-count:])


def test_a_record_that_was_updated_since_is_one_of_the_latest() -> None:
    latest = Latest(1)
    latest.take((), 5, "a")
    latest.take((), 7, "b")
    assert not latest.has((), 5, "a")
    assert latest.has((), 8, "a")
