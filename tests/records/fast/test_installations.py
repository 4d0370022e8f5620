"""Lines of several installations give the same problems together as one by one, in any blocks."""

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kvsctl.records.fast.lines import set_lines_reader
from kvsctl.records.parsed import Parsed, Rejected
from kvsctl.records.parsing.records import careful_set_line_parser
from kvsctl.records.rules import OneInstallation, Rules
from tests.support.examples import examples
from tests.support.reading import records_in
from tests.support.record_lines import BLOCKS, RULES

_NAMES = st.sampled_from(
    ['"a"', '"b"', '"a"', '"\\u0061"', '"é"', '""', "null", "5", '["a"]', '{"installation":"b"}']
)
_MEMBERS = st.sampled_from(
    ['"installation":{},', '"installation" : {} , ', '"inst\\u0061llation":{},', '"error":[{}],']
)
_LINES = st.builds(
    lambda member, name, key: f'{{{member.format(name)}"key":"{key}","value":1}}'.encode(),
    _MEMBERS,
    _NAMES,
    st.sampled_from(["k", "l", "a b", "a/b", '"', ""]),
)
_BLOCKS = st.lists(
    st.one_of(st.lists(_LINES, min_size=1, max_size=4), BLOCKS), min_size=1, max_size=4
)
_A = b'{"key":"k","value":1,"installation":"a"}'
_B = b'{"installation":"b","key":"l","value":1}'
_PLAIN = b'{"key":"m","value":1}'
_RULES = RULES[0]


def _fresh(rules: Rules) -> Rules:
    """Return rules under which no record has named an installation yet."""
    return replace(rules, one_installation=OneInstallation())


def _together(blocks: Sequence[Sequence[bytes]], rules: Rules) -> list[Parsed | Rejected]:
    """Read blocks as a reader does: at once, and line by line what is left."""
    rules = _fresh(rules)
    read, careful = set_lines_reader(rules), careful_set_line_parser(rules)
    return [
        careful(line) if record is None else record
        for lines in blocks
        for line, record in zip(lines, records_in(read(lines)), strict=True)
    ]


@settings(max_examples=examples(300))
@given(_BLOCKS, st.sampled_from(RULES))
@example([[_A, _B], [_PLAIN]], _RULES)
@example([[_PLAIN], [_A], [_PLAIN, _PLAIN], [_B]], _RULES)
@example([[_A, b"{"], [_B, _A]], _RULES)
@example([[b'{"inst\\u0061llation":"a","key":"k","value":1}'], [_B]], _RULES)
@example([[b'{"installation":"a","key":"a/b","value":1}', _B]], _RULES)
def test_blocks_give_the_same_as_their_lines_alone(blocks: list[list[bytes]], rules: Rules) -> None:
    careful = careful_set_line_parser(_fresh(rules))
    alone = [careful(line) for lines in blocks for line in lines]
    assert _together(blocks, rules) == alone


def _codes(*lines: bytes) -> list[str | None]:
    found = _together([lines], _RULES)
    return [one.breach.code if isinstance(one, Rejected) else None for one in found]


def test_the_first_record_that_names_one_decides() -> None:
    assert _codes(_PLAIN, _B, _A, _PLAIN, _B) == [None, None, "MIXED_INSTALLATIONS", None, None]


def test_a_name_that_is_spelt_with_escapes_counts() -> None:
    escaped = b'{"inst\\u0061llation":"a","key":"k","value":1}'
    assert _codes(escaped, _B) == [None, "MIXED_INSTALLATIONS"]
    assert _codes(_B, escaped) == [None, "MIXED_INSTALLATIONS"]


def test_what_is_no_record_does_not_decide() -> None:
    wrong = b'{"installation":"a","key":"a/b","value":1}'
    assert _codes(wrong, _B) == ["INVALID_KEY", None]
