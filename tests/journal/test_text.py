"""The journal as text: whole groups are read back, torn ones are not."""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.errors import UsageError
from kvsctl.journal.state import FailuresMark, Group, Header, JournalState, Stage, Totals
from kvsctl.journal.text import decode, encode_group, encode_header
from tests.support.journals import HEADER, header_line, note

_POSITIONS = st.integers(0, 60)
_TEXT = st.text(max_size=8)
_COUNTS = st.dictionaries(_TEXT, st.integers(0, 10**15), max_size=3)

_LEFT = st.tuples(st.integers(0, 3), _TEXT, _TEXT, st.none() | _TEXT)


@st.composite
def _ranges(draw: st.DrawFn) -> SettledRanges:
    ranges = SettledRanges()
    ranges.add_all(draw(st.lists(_POSITIONS, max_size=12, unique=True)))
    return ranges


@st.composite
def _groups(draw: st.DrawFn) -> Group:
    codes = draw(_COUNTS)
    return Group(
        draw(_ranges()),
        draw(st.dictionaries(st.sampled_from("abc"), _ranges(), max_size=2)),
        draw(_ranges()),
        draw(_ranges()),
        draw(st.dictionaries(_POSITIONS, st.binary(max_size=20), max_size=3)),
        Totals(
            draw(_COUNTS),
            draw(_COUNTS),
            codes,
            {code: note(1, code) for code in codes},
            {at: note(at, key) for at, key in draw(st.dictionaries(_POSITIONS, _TEXT)).items()},
        ),
        FailuresMark(draw(st.integers(0, 10**12)), draw(_POSITIONS)),
        draw(st.integers(0, 10**12)),
        draw(st.integers(0, 10**6)) / 8,
        draw(st.sampled_from(Stage)),
        draw(st.booleans()),
        draw(st.none() | st.text(min_size=1, max_size=8)),
        lists := draw(st.booleans()),
        [],
        draw(st.lists(_LEFT, max_size=2)) if lists else [],
        draw(st.none() | st.floats(1, 1e12)) if lists else None,
        draw(st.none() | _TEXT),
        draw(st.booleans()),
    )


def _text_of(groups: list[Group]) -> list[bytes]:
    line, checksum = encode_header(HEADER)
    lines = [line]
    for group in groups:
        line, checksum = encode_group(group, checksum)
        lines.append(line)
    return lines


def _plain(state: JournalState) -> dict[str, Any]:
    """Return the state in a form that can be compared."""
    return {name: repr(value) for name, value in asdict(state).items()}


def _applied(groups: list[Group]) -> JournalState:
    state = JournalState(failures_path=HEADER.failures_path)
    for group in groups:
        state.apply(group)
    return state


@given(st.lists(_groups(), max_size=5))
def test_groups_are_read_back(groups: list[Group]) -> None:
    lines = _text_of(groups)
    read = decode(lines)
    assert read.header == HEADER
    assert _plain(read.state) == _plain(_applied(groups))
    assert read.valid_bytes == sum(map(len, lines))
    assert all(line.count(b"\n") == 1 for line in lines)


@settings(max_examples=10)
@given(st.lists(_groups(), min_size=2, max_size=3))
def test_a_cut_anywhere_in_the_last_two_groups_leaves_the_groups_before(
    groups: list[Group],
) -> None:
    lines = _text_of(groups)
    text = b"".join(lines)
    expected = [_plain(_applied(groups[:count])) for count in range(len(groups))]
    for cut in range(len(text) - len(lines[-1]) - len(lines[-2]), len(text)):
        whole = text[:cut].count(b"\n")
        read = decode(text[:cut].splitlines(keepends=True))
        assert read.valid_bytes == sum(map(len, lines[:whole]))
        assert read.state.groups == whole - 1
        if cut % 16 == 0:
            assert _plain(read.state) == expected[whole - 1]


@given(st.lists(_groups(), min_size=1, max_size=3), st.data())
def test_a_changed_byte_in_the_last_group_is_found(
    groups: list[Group], data: st.DataObject
) -> None:
    lines = _text_of(groups)
    last = bytearray(lines[-1])
    last[data.draw(st.integers(0, len(last) - 1))] ^= data.draw(st.integers(1, 255))
    changed = b"".join([*lines[:-1], bytes(last)])
    if changed.count(b"\n") <= len(lines):
        assert decode(changed.splitlines(keepends=True)[: len(lines)]).state.groups < len(lines) - 1


def test_zeros_in_place_of_the_last_group_count_as_not_written() -> None:
    lines = _text_of([Group(SettledRanges([(0, 5)]))])
    assert decode([*lines, b"\0" * 4096]).state.groups == 1


def test_a_bad_line_with_others_after_it_is_damage() -> None:
    lines = _text_of([Group(), Group(), Group()])
    with pytest.raises(UsageError, match=f"damaged after {len(lines[0])} bytes"):
        decode([lines[0], b"x" + lines[1], lines[2]])
    with pytest.raises(UsageError, match="damaged"):
        decode([lines[0], lines[2], lines[3]])
    with pytest.raises(UsageError, match="damaged in its first line"):
        decode([lines[0][:30] + b"\n", lines[1]])


def test_a_group_in_another_place_is_not_read() -> None:
    lines = _text_of([Group(SettledRanges([(0, 5)])), Group(SettledRanges([(5, 9)]))])
    assert decode([lines[0], lines[2]]).state.groups == 0


def test_a_torn_first_line_counts_as_an_empty_journal() -> None:
    line = header_line()
    for cut in range(len(line)):
        read = decode([line[:cut]] if cut else [])
        assert (read.header, read.valid_bytes, read.state.groups) == (None, 0, 0)


@pytest.mark.parametrize("text", [b"{}\n", b'{"key":"a"}\n{}\n', b"kvsctl\n", b"\0\0\0", b"\n"])
def test_another_file_is_refused(text: bytes) -> None:
    with pytest.raises(UsageError, match="not a journal"):
        decode(text.splitlines(keepends=True))


def test_a_newer_format_is_refused() -> None:
    newer = header_line().replace(b"kvsctl-journal 1 ", b"kvsctl-journal 2 ")
    with pytest.raises(UsageError, match="has format 2, this kvsctl supports 1"):
        decode([newer, b"whatever it means then\n"])


def test_the_header_has_lone_surrogates_and_line_breaks() -> None:
    odd = Header(
        "1", "set", "a\nb", {"words": ["\ud800"]}, [], None, str(Path("/x\ny")), True, "now"
    )
    line, _ = encode_header(odd)
    assert decode([line]).header == odd


@pytest.mark.parametrize("members", [{"stage": "paused"}, {}, {"stage": "running", "settled": 1}])
def test_a_group_with_unknown_content_is_refused(members: dict[str, Any]) -> None:
    first, checksum = encode_header(HEADER)
    text = json.dumps(members, separators=(",", ":")).encode()
    line = b"%08x %b\n" % (zlib.crc32(text, checksum), text)
    with pytest.raises(UsageError, match="has content that this kvsctl does not support"):
        decode([first, line])


def test_a_header_with_unknown_content_is_refused() -> None:
    text = b'{"version":"9"}'
    with pytest.raises(UsageError, match="has content that this kvsctl does not support"):
        decode([b"kvsctl-journal 1 %08x %b\n" % (zlib.crc32(text), text)])
