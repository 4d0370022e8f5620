"""The checks of the contract's limits, one by one."""

from typing import Any

import pytest

from kvsctl.emulator import rules
from kvsctl.emulator.refusals import Refusal
from kvsctl.limits import DEFAULT_LIMITS as LIMITS


def code_of(check: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(Refusal) as caught:
        check(*args, **kwargs)
    return caught.value.code


@pytest.mark.parametrize(
    "key",
    ["a", "a" * 500, "A:b.c_d-e#f", " a", "a b", "a\u2028b", "a\ufeff", "\ta", "a\n", "0"],
)
def test_legal_keys(key: Any) -> None:
    assert rules.check_key(key, LIMITS) == key


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "KEY_TOO_SHORT"),
        ("a" * 501, "KEY_TOO_LONG"),
        ("a/b", "INVALID_KEY"),
        ("é", "INVALID_KEY"),
        (" ", "INVALID_KEY"),
        ("\ufeff", "INVALID_KEY"),
        ("a\x1c", "INVALID_KEY"),
        ("a\x85", "INVALID_KEY"),
        ("a\ud800", "INVALID_KEY"),
        ('a"', "INVALID_KEY"),
    ],
)
def test_illegal_keys(key: Any, code: Any) -> None:
    assert code_of(rules.check_key, key, LIMITS) == code


def test_an_empty_key_of_an_entity_has_its_own_code() -> None:
    assert code_of(rules.check_key, "", LIMITS, of_entity=True) == "EMPTY_KEY"


@pytest.mark.parametrize("name", ["abc", "a" * 60, "a:b-c.d", "a_b", "ab_", "0.1"])
def test_legal_entity_names(name: Any) -> None:
    assert rules.check_entity_name(name, LIMITS) == name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ab", "ENTITY_TYPE_TOO_SHORT"),
        ("a" * 61, "ENTITY_TYPE_TOO_LARGE"),
        (".abc", "INVALID_ENTITY_TYPE"),
        ("-abc", "INVALID_ENTITY_TYPE"),
        ("a..b", "INVALID_ENTITY_TYPE"),
        ("abc.", "INVALID_ENTITY_TYPE"),
        ("Abc", "INVALID_ENTITY_TYPE"),
        ("_ab", "INVALID_ENTITY_TYPE"),
        ("abc\n", "INVALID_ENTITY_TYPE"),
    ],
)
def test_illegal_entity_names(name: Any, code: Any) -> None:
    assert code_of(rules.check_entity_name, name, LIMITS) == code


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "value",
    [b"1", b'""', b"false", nested(31), b'"' + b"[" * 40 + b'"', b'"' + b"a" * 245_758 + b'"'],
)
def test_legal_values(value: Any) -> None:
    assert rules.check_value(value, LIMITS) == value


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"null", "INVALID_VALUE"),
        (b"", "INVALID_VALUE"),
        (b'"' + b"a" * 245_759 + b'"', "MAX_SIZE"),
        (nested(32), "MAX_DEPTH"),
        (nested(100_000), "MAX_DEPTH"),
    ],
)
def test_illegal_values(value: Any, code: Any) -> None:
    assert code_of(rules.check_value, value, LIMITS) == code


@pytest.mark.parametrize(
    ("ttl", "milliseconds"),
    [
        ({"value": 1, "unit": "SECONDS"}, 1000),
        ({"value": 2, "unit": "MINUTES"}, 120_000),
        ({"value": 1.0, "unit": "HOURS"}, 3_600_000),
        ({"value": 365, "unit": "DAYS"}, 365 * 86_400_000),
    ],
)
def test_legal_ttls(ttl: Any, milliseconds: Any) -> None:
    assert rules.ttl_milliseconds({"ttl": ttl}, LIMITS) == milliseconds


def test_without_ttl_a_record_never_expires() -> None:
    assert rules.ttl_milliseconds({}, LIMITS) is None
    assert rules.ttl_milliseconds({"ttl": None}, LIMITS) is None


@pytest.mark.parametrize(
    "ttl",
    [
        {"value": 0, "unit": "SECONDS"},
        {"value": -1, "unit": "SECONDS"},
        {"value": 1.5, "unit": "SECONDS"},
        {"value": "1", "unit": "SECONDS"},
        {"value": True, "unit": "SECONDS"},
        {"value": 1, "unit": "WEEKS"},
        {"value": 1},
        {"value": 366, "unit": "DAYS"},
        {"value": float("inf"), "unit": "DAYS"},
        "1d",
    ],
)
def test_illegal_ttls(ttl: Any) -> None:
    assert code_of(rules.ttl_milliseconds, {"ttl": ttl}, LIMITS) == "INVALID_TTL"


def test_the_message_of_an_illegal_ttl_is_the_live_one() -> None:
    with pytest.raises(Refusal, match=r"^TTL value must be a positive integer, received: 0$"):
        rules.ttl_milliseconds({"ttl": {"value": 0, "unit": "SECONDS"}}, LIMITS)


def test_batches_have_1_to_25_items() -> None:
    rules.check_batch_count(25, "set", LIMITS)
    assert code_of(rules.check_batch_count, 0, "set", LIMITS) == "INVALID_REQUEST"
    with pytest.raises(Refusal, match=r"^Number of entities to set was 26, ") as caught:
        rules.check_batch_count(26, "set", LIMITS)
    assert (caught.value.status, caught.value.code) == (400, "TOO_MANY_BATCH_ENTITIES")
