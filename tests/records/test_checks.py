import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.limits import DEFAULT_LIMITS as LIMITS
from kvsctl.limits import Limits
from kvsctl.records.checks import (
    Breach,
    check_depth,
    check_entity,
    check_key,
    check_ttl,
    check_value,
)
from tests.support.naming import short
from tests.support.node import ask_node

# Tests every UTF-16 code unit against the exact pattern of the service's documentation.
_ASK_NODE = r"""
const legal = /^(?!\s+$)[a-zA-Z0-9:._\s-#]+$/;
const alone = [], inside = [];
for (let unit = 0; unit <= 0xffff; unit++) {
  const one = String.fromCharCode(unit);
  if (legal.test(one)) alone.push(unit);
  if (legal.test("a" + one + "b")) inside.push(unit);
}
const strings = JSON.parse(require("fs").readFileSync(0, "utf8")).map((one) => legal.test(one));
console.log(JSON.stringify({ alone, inside, strings }));
"""
_SPACES = [
    *range(0x09, 0x0E),
    *[0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF],
]
_VISIBLE = sorted(map(ord, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:._-#"))
_STRINGS = ["\n\n", " a ", "a\n", "\na", " \ufeff\u2003", "a\n\n", "", "-", "#", "a\U0001f600"]


def code_of(breach: Breach | None) -> str | None:
    return breach.code if breach else None


class TestKey:
    @pytest.mark.parametrize(
        "key", ["a", "user:1", "A.b_c-d#9", " a ", "\ufeffa", "a\tb", "a" * 500], ids=short
    )
    def test_takes_legal_keys(self, key: str) -> None:
        assert check_key(key, LIMITS) is None

    @pytest.mark.parametrize(
        ("key", "code"),
        [
            ("", "EMPTY_KEY"),
            ("a" * 501, "KEY_TOO_LONG"),
            ("a" * 10_000_000, "KEY_TOO_LONG"),
            (" ", "INVALID_KEY"),
            ("\t\n\u3000", "INVALID_KEY"),
            ("a=b", "INVALID_KEY"),
            ('a"b', "INVALID_KEY"),
            ("a/b", "INVALID_KEY"),
            ("\u00e9", "INVALID_KEY"),
            ("a\x00", "INVALID_KEY"),
            ("a\x1f", "INVALID_KEY"),
            ("a\x85", "INVALID_KEY"),
            ("a\u200b", "INVALID_KEY"),
            ("\ud800", "INVALID_KEY"),
            ("\U0001f600", "INVALID_KEY"),
        ],
        ids=short,
    )
    def test_names_the_rule_that_is_broken(self, key: str, code: str) -> None:
        assert code_of(check_key(key, LIMITS)) == code

    def test_names_the_illegal_character_and_its_position(self) -> None:
        breach = check_key("ab/c", LIMITS)
        assert breach is not None
        assert '"/" (U+002F) at character 3' in breach.message

    @given(st.text())
    def test_a_message_has_no_terminal_control_characters(self, key: str) -> None:
        breach = check_key(key, LIMITS)
        assert breach is None or breach.message.isprintable()

    def test_follows_the_limits_it_is_given(self) -> None:
        assert code_of(check_key("abcd", Limits(key_chars=3))) == "KEY_TOO_LONG"
        assert check_key("abc", Limits(key_chars=3)) is None

    def test_matches_the_pattern_of_the_documentation(self) -> None:
        """Compare with a list of JavaScript's white space; the next test runs JavaScript itself."""
        legal = {unit for unit in range(0x10000) if check_key(f"a{chr(unit)}b", LIMITS) is None}
        assert legal == {*_SPACES, *_VISIBLE}
        alone = {unit for unit in range(0x10000) if check_key(chr(unit), LIMITS) is None}
        assert alone == set(_VISIBLE)

    def test_agrees_with_javascript(self) -> None:
        said = ask_node(_ASK_NODE, _STRINGS)
        units = [(chr(unit), f"a{chr(unit)}b") for unit in range(0x10000)]
        alone = [u for u, (one, _) in enumerate(units) if check_key(one, LIMITS) is None]
        inside = [u for u, (_, two) in enumerate(units) if check_key(two, LIMITS) is None]
        assert (alone, inside) == (said["alone"], said["inside"])
        assert [check_key(one, LIMITS) is None for one in _STRINGS] == said["strings"]


class TestEntity:
    @pytest.mark.parametrize("name", ["abc", "a.b", "a:b-c", "a_b", "ab_", "123", ":--", "a" * 60])
    def test_takes_legal_names(self, name: str) -> None:
        assert check_entity(name, LIMITS) is None

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("", "ENTITY_TYPE_TOO_SHORT"),
            ("ab", "ENTITY_TYPE_TOO_SHORT"),
            ("a" * 61, "ENTITY_TYPE_TOO_LARGE"),
            (".abc", "INVALID_ENTITY_TYPE"),
            ("-abc", "INVALID_ENTITY_TYPE"),
            ("a..b", "INVALID_ENTITY_TYPE"),
            ("abc.", "INVALID_ENTITY_TYPE"),
            ("Abc", "INVALID_ENTITY_TYPE"),
            ("_ab", "INVALID_ENTITY_TYPE"),
            ("abc\n", "INVALID_ENTITY_TYPE"),
            ("\u00e9\u00e9\u00e9", "INVALID_ENTITY_TYPE"),
        ],
    )
    def test_names_the_rule_that_is_broken(self, name: str, code: str) -> None:
        assert code_of(check_entity(name, LIMITS)) == code

    @given(st.text("ab9:-._A", min_size=3, max_size=8))
    def test_accepts_exactly_what_the_documented_rules_accept(self, name: str) -> None:
        legal = (
            re.fullmatch(r"[a-z0-9:\-_.]+", name) is not None
            and name[0] not in ".-_"
            and ".." not in name
            and not name.endswith(".")
        )
        assert (check_entity(name, LIMITS) is None) == legal


class TestValue:
    @pytest.mark.parametrize("value", [b"0", b'""', b"false", b"[]", b'"null"', b"[null]"])
    def test_takes_any_json_but_null(self, value: bytes) -> None:
        assert check_value(value, LIMITS) is None

    def test_refuses_null(self) -> None:
        assert code_of(check_value(b"null", LIMITS)) == "INVALID_VALUE"

    def test_limits_the_bytes_of_the_text(self) -> None:
        most = b'"' + b"a" * (240 * 1024 - 2) + b'"'
        assert check_value(most, LIMITS) is None
        breach = check_value(most + b" ", LIMITS)
        assert breach == Breach(
            "MAX_SIZE", "the value has 245,761 bytes: at most 245,760 are allowed"
        )


class TestDepth:
    @pytest.mark.parametrize(
        ("levels", "around", "fits"), [(31, 0, 1), (32, 0, 0), (32, 1, 1), (33, 1, 0)]
    )
    def test_limits_the_nesting_inside_the_outer_levels(
        self, levels: int, around: int, fits: int
    ) -> None:
        text = b"[" * levels + b"]" * levels
        assert code_of(check_depth(text, LIMITS, around)) == (None if fits else "MAX_DEPTH")


class TestTtl:
    @pytest.mark.parametrize(
        ("seconds", "code"),
        [
            (1, None),
            (365 * 24 * 3600, None),
            (365 * 24 * 3600 + 1, "INVALID_TTL"),
            (0, "INVALID_TTL"),
            (-1, "INVALID_TTL"),
        ],
        ids=short,
    )
    def test_is_positive_and_at_most_a_year(self, seconds: int, code: str | None) -> None:
        assert code_of(check_ttl(seconds, LIMITS)) == code


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (lambda: check_key("", LIMITS), "give it"),
        (lambda: check_value(b"null", LIMITS), "delete the key, or give it a value"),
        (lambda: check_depth(b"[" * 40, LIMITS), "flatten it"),
    ],
)
def test_a_message_says_what_to_change(check: Callable[[], Breach | None], broken: str) -> None:
    breach = check()
    assert breach is not None
    assert broken in breach.message


def test_one_character_is_singular() -> None:
    breach = check_entity("x", LIMITS)
    assert breach is not None
    assert breach.message.startswith("the entity name has 1 character: ")
