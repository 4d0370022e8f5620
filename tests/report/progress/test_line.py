"""A line fits its terminal, and what it shows keeps its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kvsctl.report.progress.line import Lines, heartbeat_text, rate_text
from kvsctl.report.progress.standing import Pause, Standing
from kvsctl.report.styled import span_columns

_HALF = Standing("set", 84_000, done=0.42, rate=1400.0, seconds_left=123.0)
_QUOTA = replace(_HALF, pause=Pause("waiting 48 s for quota"))
_REFUSED = replace(
    _HALF, failed=3, retries=5, pause=Pause("connection refused", "trying again in 2 s")
)


def text(standing: Standing, width: int, encoding: str = "utf-8") -> str:
    return "".join(part for part, _ in Lines(encoding).line(standing, width))


@pytest.mark.parametrize(
    ("standing", "width", "expected"),
    [
        (_HALF, 139, "set  ━━━━━━━━━━──────────────   42%  84,000 records  2:03 left  1,400/s"),
        (_HALF, 79, "set  ━━━─────   42%  84,000 records  2:03 left  1,400/s"),
        (_HALF, 39, "set   42%  84,000 records  2:03 left"),
        (
            replace(_HALF, is_least=True),
            79,
            "set  ━━━─────   42%  84,000 records  over 2:03 left  1,400/s",
        ),
        (_HALF, 19, "set   42%"),
        (
            _QUOTA,
            99,
            "set  ━━━─────   42%  84,000 records  2:03 left  1,400/s  waiting 48 s for quota",
        ),
        (_QUOTA, 76, "set  ━━━─────   42%  84,000 records  2:03 left  waiting 48 s for quota"),
        (_QUOTA, 39, "set   42%  waiting 48 s for quota"),
        (_QUOTA, 19, "set  waiting 48 s …"),
        (
            _REFUSED,
            139,
            "set  ━━━━━━━━━━──────────────   42%  84,000 records  2:03 left  1,400/s  3 failed  "
            "5 retries  connection refused  trying again in 2 s",
        ),
        (_REFUSED, 79, "set   42%  84,000 records  2:03 left  3 failed  connection refused"),
        (_REFUSED, 39, "set   42%  3 failed  connection refused"),
    ],
)
def test_a_narrow_terminal_has_what_matters_most(
    standing: Standing, width: int, expected: str
) -> None:
    assert text(standing, width) == expected


def test_without_a_known_size_there_is_only_a_count() -> None:
    assert text(Standing("set", 1, rate=0.5), 79) == "set  1 record  0.5/s"


def test_a_listing_shows_its_pages_and_where_it_is() -> None:
    standing = Standing("list", 100, "key", pages=2, rate=50, place="user:")
    assert text(standing, 79) == "list  100 keys  50/s  2 pages  at user:"


def test_numbers_keep_their_place() -> None:
    lines = Lines("utf-8")
    wide = "".join(part for part, _ in lines.line(_HALF, 79))
    shorter = replace(_HALF, count=9, rate=3.0, seconds_left=7.0)
    narrow = "".join(part for part, _ in lines.line(shorter, 79))
    assert len(narrow) == len(wide)
    assert [narrow.index(word) for word in (" records", " left", "/s")] == [
        wide.index(word) for word in (" records", " left", "/s")
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_that_lacks_characters_has_others(encoding: str) -> None:
    standing = replace(_HALF, place="ключ", pause=None)
    line = text(standing, 139, encoding)
    line.encode(encoding)
    assert "##########--------------" in line
    assert "at \\u043a" in line


_standings = st.builds(
    Standing,
    st.text(st.characters(categories=["L", "Nd"]), max_size=30),
    st.integers(0, 10**12),
    st.sampled_from(["record", "key"]),
    st.none() | st.floats(0, 1),
    st.floats(0, 1e9),
    st.none() | st.floats(0, 1e7),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.text(st.characters(categories=["L", "Nd"]), max_size=30),
    st.none() | st.builds(Pause, st.just("no answer for 12 s"), st.sampled_from(["", "and so on"])),
)


@given(
    st.lists(_standings, min_size=1, max_size=4),
    st.integers(1, 200),
    st.integers(0, 40),
    st.sampled_from(["utf-8", "ascii"]),
)
def test_no_line_is_wider_than_its_terminal(
    standings: list[Standing], width: int, label_width: int, encoding: str
) -> None:
    lines = Lines(encoding)
    for standing in standings:
        line = lines.line(standing, width, label_width)
        assert span_columns(line) <= width
        "".join(part for part, _ in line).encode(encoding)


@given(_standings)
def test_no_part_is_100_percent_before_the_end(standing: Standing) -> None:
    shown = heartbeat_text(standing)
    assert ("100%" in shown) == (standing.done == 1)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(0, "0/s"), (0.25, "0.2/s"), (9.4, "9.4/s"), (47.6, "48/s"), (1_234, "1,200/s"),
     (58_312, "58,000/s"), (99.6, "100/s")],
)  # fmt: skip
def test_a_rate_has_few_digits(rate: float, expected: str) -> None:
    assert rate_text(rate) == expected


def test_a_heartbeat_says_everything_in_one_line() -> None:
    assert heartbeat_text(_HALF) == "set: 42%, 84,000 records, 1,400/s, 2:03 left"
    least = replace(_HALF, is_least=True)
    assert heartbeat_text(least) == "set: 42%, 84,000 records, 1,400/s, over 2:03 left"
    assert heartbeat_text(_REFUSED) == (
        "set: 42%, 84,000 records, 1,400/s, 2:03 left, 3 failed, 5 retries, connection refused, "
        "trying again in 2 s"
    )
    listing = Standing("list", 1, "key", pages=1, rate=1.0)
    assert heartbeat_text(listing) == "list: 1 key, 1 page, 1.0/s"
