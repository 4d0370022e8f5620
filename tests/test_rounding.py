"""Which numbers JavaScript changes, and which it may have changed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.emulator.switches.javascript import normalised
from kvsctl.jsonequal import (
    are_equal,
    changes_in_javascript,
    has_large_number,
    may_change_in_javascript,
)
from tests.support.jsontexts import NUMBERS, VALUES
from tests.support.node import ask_node

_KEPT = [
    *("0", "-0", "1.0", "0.1", "-1.50", "9007199254740991", "9007199254740992", "1e21", "1E-7"),
    *("100000000000000000000", "9007199254740994", "0.30000000000000004", "0e999999999999"),
    *("1.7976931348623157e308", "5e-324", "123456789012345.0", "0.000000000000000000", "1e+2"),
    *('"9007199254740993"', '"a\\"9007199254740993"', '{"9007199254740993":1}', '"1e400"'),
    *('["x\\\\",1]', "[]", "{}", "true", "null", '"é9007199254740993"'),
]
_CHANGED = [
    *("9007199254740993", "-9007199254740993", "1152921504606846976", "1e400", "-1e400", "1e-400"),
    *("0.1000000000000000055", "123456789.123456789", "12345678901234567.0", "9" * 5000),
    *('["a",9007199254740993]', '{"a":{"b":[1,1e400]}}', '["x\\\\",9007199254740993]'),
    *('["\\"",9007199254740993,"\\""]', "1e" + "9" * 5000, "1" + "0" * 400, "0." + "3" * 40),
]


@pytest.mark.parametrize("text", _KEPT, ids=lambda text: text[:30])
def test_kept(text: str) -> None:
    assert not changes_in_javascript(text.encode())


@pytest.mark.parametrize("text", _CHANGED, ids=lambda text: text[:30])
def test_changed(text: str) -> None:
    assert may_change_in_javascript(text.encode())
    assert changes_in_javascript(text.encode())


@pytest.mark.slow
def test_javascript_itself_changes_these_and_no_others() -> None:
    texts = [text for text in (*_KEPT, *_CHANGED) if len(text) < 1000]
    script = (
        "const texts = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(texts.map((text) => JSON.stringify(JSON.parse(text)))));"
    )
    written = ask_node(script, texts)
    changed = [
        text
        for text, one in zip(texts, written, strict=True)
        if not are_equal(text.encode(), one.encode())
    ]
    assert changed == [text for text in texts if text in _CHANGED]


@given(NUMBERS)
def test_a_number_changes_if_it_is_written_as_another(number: str) -> None:
    written = bytes(normalised(number.encode()))
    assert changes_in_javascript(number.encode()) == (not are_equal(number.encode(), written))


@given(VALUES)
def test_no_value_changes_unnoticed(text: str) -> None:
    written = bytes(normalised(text.encode()))
    if not are_equal(text.encode(), written):
        assert changes_in_javascript(text.encode())
    if changes_in_javascript(text.encode()):
        assert may_change_in_javascript(text.encode())


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_number_is_large_from_two_to_the_fifty_third_on(number: float) -> None:
    written = bytes(normalised(json.dumps(number).encode()))
    if written != b"null":
        assert has_large_number(b'{"a":[%b]}' % written) == (abs(float(written)) >= 2**53)


@given(st.integers())
def test_every_integer_that_was_rounded_is_large(number: int) -> None:
    written = bytes(normalised(str(number).encode()))
    if written != b"null" and not are_equal(written, str(number).encode()):
        assert has_large_number(written)


@pytest.mark.parametrize("text", ['"9007199254740992"', '{"1e21":1}', "9007199254740991", "1e15"])
def test_what_is_not_large(text: str) -> None:
    assert not has_large_number(text.encode())
