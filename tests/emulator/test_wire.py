"""From request bodies to items: values keep their bytes, and anything but JSON is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.emulator import json_slices
from kvsctl.emulator.refusals import Refusal
from kvsctl.emulator.wire import encoded, read_batch, read_object, read_record
from kvsctl.limits import DEFAULT_LIMITS as LIMITS

VALUES = [
    b'{"b": 1, "a" : [1.0, 2E5]}',
    b'{"a":1,"a":2}',
    b"123456789012345678901234567890",
    b"1e400",
    b'"\\ud800"',
    b'{"\\ud800x": ["\\udfff"]}',
    b'"\\u00e9\\/"',
    '"é😀"'.encode(),
    b"-0.0",
    b"[]",
    b"{ }",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_keeps_its_bytes(value: Any) -> None:
    body = b'[{"key":"a", "value":  ' + value + b' }, {"value":' + value + b',"key":"b"}]'
    assert [one.value_bytes for one in read_batch(body, LIMITS)] == [value, value]
    assert read_record(b' {"key":"a","value": ' + value + b"} ", LIMITS).value_bytes == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"{}",
        b"[1]",
        b'[{"value":1}]',
        b'[{"key":1,"value":1}]',
        b'[{"key":"a","value":NaN}]',
        b'[{"key":"a","value":01}]',
        b'[{"key":"a","value":"\xff"}]',
        b'[{"key":"\xff","value":1}]',
        b'[{"key":"a","value":"\\ud800"}] x',
        b'[{"key":"a","value":"\\ud800"} {}]',
        b'[{"key":"a","value":"\\ud800"',
        b'[{"key":"a" "value":"\\ud800"}]',
        b'[{"key":"a","value":["\\ud800"}]}]',
        b'[{"key":"a","value":"\\ud800"},{"key":2}]',
        b'[{"key":"a","value":"\\ud800","options":Infinity}]',
        b'\xef\xbb\xbf[{"key":"a","value":1}]',
    ],
)
def test_malformed_batches_are_refused(body: Any) -> None:
    with pytest.raises(Refusal) as caught:
        read_batch(body, LIMITS)
    assert (caught.value.status, caught.value.code) == (400, "INVALID_REQUEST")


def test_nesting_beyond_the_recursion_limit_is_read() -> None:
    value = b"[" * 100_000 + b"]" * 100_000
    (asked,) = read_batch(b'[{"key":"a","value":' + value + b"}]", LIMITS)
    assert asked.value_bytes == value
    assert json_slices.depth(value) == 100_000


def test_the_last_of_repeated_members_counts() -> None:
    (fast,) = read_batch(b'[{"key":"a","key":"b","value":1,"value":2}]', LIMITS)
    (slow,) = read_batch(b'[{"key":"a","key":"b","value":"\\ud800","value":2}]', LIMITS)
    assert (fast.key, fast.value_bytes) == (slow.key, slow.value_bytes) == ("b", b"2")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_the_careful_path_reads_what_the_fast_path_reads(value: Any) -> None:
    text = json.dumps(value)
    try:
        (fast,) = read_batch(f'[{{"key": "a", "value": {text}}}]'.encode(), LIMITS)
    except Refusal:
        return  # Python writes an infinite float as Infinity, which is not JSON
    (slow,) = read_batch(f'[{{"x": "\\ud800", "key": "a", "value": {text}}}]'.encode(), LIMITS)
    assert slow.value_bytes == fast.value_bytes == text.encode()


def test_depth_counts_brackets_outside_strings() -> None:
    assert json_slices.depth(b"1") == 0
    assert json_slices.depth(b'"[{"') == 0
    assert json_slices.depth(b'"["') == 0
    assert json_slices.depth(b"[]") == 1
    assert json_slices.depth(b'{"a":["\\"[["],"b":[[1]]}') == 3


def test_objects_with_lone_surrogates_are_read() -> None:
    assert read_object(b'{"a":"\\ud800"}') == {"a": "\ud800"}
    for body in (b"[]", b"{", b'{"a":"\xff"}'):
        with pytest.raises(Refusal):
            read_object(body)


def test_a_refused_key_may_hold_a_lone_surrogate() -> None:
    assert json.loads(encoded({"key": "\ud800"})) == {"key": "\ud800"}
