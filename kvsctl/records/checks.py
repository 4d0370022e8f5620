"""Check one record against the service's limits, one function per rule.

A rule returns None, or a Breach with the service's error code and a message that says what to
change. Source of every number and pattern: the service contract, section Limits.

`kvsctl/emulator/rules.py` is a deliberate twin of this module. The emulator must not inherit the
client's mistakes: with shared code, a wrong rule here would pass every test against the emulator.
Do not merge the two.
"""

import re
from typing import Final

import msgspec

from kvsctl import codes, jsonequal, jsontext
from kvsctl.limits import Limits
from kvsctl.model import Cause

# JavaScript's \s. Unlike Python's, it has U+FEFF and does not have U+001C-1F and U+0085.
_JS_SPACE: Final = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_ILLEGAL_IN_KEY = re.compile(f"[^a-zA-Z0-9:._#{_JS_SPACE}-]")
_BLANK = re.compile(f"[{_JS_SPACE}]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ENTITY = re.compile(r"(?![_.\-])(?!.*\.{2})[a-z0-9:\-_.]*(?<![.])")

RECORD_DEPTH: Final = 1
"""The nesting level that a record adds around its value: its own braces."""
READABLE_DEPTH: Final = jsontext.PARSER_DEPTH - RECORD_DEPTH
"""How deep a value may nest in a record that parsers can read."""


class Breach(msgspec.Struct, frozen=True, gc=False):
    """A broken rule: the service's code for the rule, and a message that says what to change.

    `cause` may say more about input that cannot be read.
    """

    code: str
    message: str
    cause: Cause | None = None


def check_key(key: str, limits: Limits) -> Breach | None:
    """Check a key: 1 to 500 of `a-zA-Z0-9:._-#` and white space, not only white space."""
    if not key:
        return Breach(codes.EMPTY_KEY, "the key is empty: give it at least one character")
    if len(key) > limits.key_chars:
        return Breach(
            codes.KEY_TOO_LONG,
            f"the key has {len(key):,} characters: at most {limits.key_chars} are allowed",
        )
    if illegal := _ILLEGAL_IN_KEY.search(key):
        return Breach(
            codes.INVALID_KEY,
            f"the key has {_describe(illegal.group())} at character {illegal.start() + 1}: "
            "only letters, digits, white space and : . _ - # are allowed",
        )
    if _BLANK.fullmatch(key):
        return Breach(codes.INVALID_KEY, "the key is only white space: add another character")
    return None


def check_entity(entity: str, limits: Limits) -> Breach | None:
    """Check an entity name: 3 to 60 of `a-z0-9:-_.`, no `.-_` first, no `..`, no `.` last."""
    if len(entity) < limits.entity_chars_min:
        return Breach(
            codes.ENTITY_TYPE_TOO_SHORT,
            f"the entity name has {len(entity)} character{'' if len(entity) == 1 else 's'}: "
            f"at least {limits.entity_chars_min} are needed",
        )
    if len(entity) > limits.entity_chars_max:
        return Breach(
            codes.ENTITY_TYPE_TOO_LARGE,
            f"the entity name has {len(entity):,} characters: "
            f"at most {limits.entity_chars_max} are allowed",
        )
    if not _ENTITY.fullmatch(entity):
        return Breach(
            codes.INVALID_ENTITY_TYPE,
            "the entity name is not valid: only a-z, 0-9 and : - _ . are allowed, "
            "without . or - or _ at the start, . at the end, or two consecutive dots",
        )
    return None


def check_text(text: str) -> Breach | None:
    """Check that UTF-8 can encode a key and an entity name: it cannot encode lone surrogates."""
    if surrogate := _SURROGATE.search(text):
        return Breach(
            codes.INVALID_KEY,
            f"the key or entity name has a lone surrogate (U+{ord(surrogate.group()):04X}): "
            "UTF-8 cannot encode it",
        )
    return None


def check_value(value: bytes, limits: Limits) -> Breach | None:
    """Check a value: any JSON except null, at most 240 KiB of text. `check_depth` checks depth."""
    if value == b"null":
        return Breach(codes.INVALID_VALUE, "the value is null: delete the key, or give it a value")
    if len(value) > limits.value_bytes:
        return Breach(
            codes.MAX_SIZE,
            f"the value has {len(value):,} bytes: at most {limits.value_bytes:,} are allowed",
        )
    return None


def check_numbers(text: bytes) -> Breach | None:
    """Check that a bridge, which parses a record in JavaScript, changes none of its numbers."""
    if jsonequal.changes_in_javascript(text):
        return Breach(
            codes.NUMBER_NOT_EXACT,
            "the value has a number that would change in the bridge: send it as a string, or allow "
            "that with --allow-rounding",
        )
    return None


def check_entity_value(value: bytes) -> Breach | None:
    """Check the value of a record in a custom entity: an object, whose members are attributes."""
    if value.startswith(b"{"):
        return None
    return Breach(
        codes.INVALID_ENTITY_VALUE,
        f"the value is {_kind(value)}: in an entity, it must be an object",
    )


def check_depth(text: bytes, limits: Limits, around: int = 0) -> Breach | None:
    """Check that a value nests at most 31 deep, not counting the `around` levels outside it."""
    is_too_deep = jsontext.depth_exceeds(text, limits.value_depth + around)
    return too_deep(limits) if is_too_deep else None


def too_deep(limits: Limits | None) -> Breach:
    """Return the Breach of a value that nests too deep; `limits` None: too deep to be read."""
    if limits is None or limits.value_depth >= READABLE_DEPTH:
        most = f"the {READABLE_DEPTH} levels that kvsctl can read"
    else:
        most = f"{limits.value_depth} levels"
    return Breach(codes.MAX_DEPTH, f"the value nests deeper than {most}: flatten it")


def check_ttl(seconds: int, limits: Limits) -> Breach | None:
    """Check a ttl: a positive whole number of seconds, at most a year."""
    if seconds <= 0:
        return Breach(codes.INVALID_TTL, f"the ttl is {seconds:,} s: it must be positive")
    if seconds > limits.ttl_seconds:
        return Breach(
            codes.INVALID_TTL,
            f"the ttl is {seconds:,} s: at most {limits.ttl_seconds:,} are allowed",
        )
    return None


def _kind(value: bytes) -> str:
    """Return what a JSON value other than an object is."""
    kinds = {b'"': "a string", b"[": "an array", b"t": "true", b"f": "false", b"n": "null"}
    return kinds.get(value[:1], "a number")


def _describe(character: str) -> str:
    shown = f'"{character}"' if character.isprintable() else "a character"
    return f"{shown} (U+{ord(character):04X})"
