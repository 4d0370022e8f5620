"""Checks of the service's limits on keys, values, entity names, ttls and batches.

Each check raises a Refusal with the code and message of the contract's section "Limits".

A deliberate twin of `kvsctl.records.checks`: these checks are written from the contract alone, so
that a wrong rule in the client is refused here instead of passing unnoticed. Do not merge them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from string import ascii_letters, digits
from typing import Any

from kvsctl.emulator.json_slices import depth
from kvsctl.emulator.refusals import Refusal, malformed
from kvsctl.limits import TTL_UNIT_SECONDS, Limits

# What JavaScript's \s matches. Python's \s lacks U+FEFF and has U+001C-1F and U+0085 as well.
JS_SPACE = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
KEY = re.compile(rf"(?![{JS_SPACE}]+\Z)[a-zA-Z0-9:._{JS_SPACE}\-#]+")
KEY_PATTERN = r"/^(?!\s+$)[a-zA-Z0-9:._\s-#]+$/"
ENTITY = re.compile(r"(?![_.\-])(?!.*\.\.)[a-z0-9:\-_.]*(?<!\.)")
ENTITY_PATTERN = r"/^(?![_\.\-])(?!.*\.{2})[a-z0-9:\-_.]*(?<![.])$/"
PLAIN_KEY = re.compile(r"[a-zA-Z0-9:._\-#]+")
_COMMON = f"{ascii_letters}{digits}:._-#".encode()


def check_key(key: object, limits: Limits, *, of_entity: bool = False) -> str:
    """Return the key if it is legal.

    Raise Refusal with `EMPTY_KEY`, `KEY_TOO_SHORT`, `KEY_TOO_LONG` or `INVALID_KEY`. For an empty
    key, the documentation names `KEY_TOO_SHORT` for plain keys and `EMPTY_KEY` for entities.
    """
    if isinstance(key, str) and len(key) <= limits.key_chars and PLAIN_KEY.fullmatch(key):
        return key  # fast path for nearly every key
    if not isinstance(key, str):
        raise malformed("A key must be a string")
    if not key:
        if of_entity:
            raise Refusal(400, "EMPTY_KEY", "Key cannot be empty.")
        raise Refusal(400, "KEY_TOO_SHORT", "The provided key needs to be more than one character.")
    if len(key) > limits.key_chars:
        raise Refusal(
            400,
            "KEY_TOO_LONG",
            f"The provided key has exceeded the maximum {limits.key_chars} characters.",
        )
    if not KEY.fullmatch(key):
        raise Refusal(
            400, "INVALID_KEY", f"The provided key does not match the regex: {KEY_PATTERN}"
        )
    return key


def are_common_keys(keys: Sequence[str], limits: Limits) -> bool:
    """Return whether all keys are legal and consist of common characters.

    A fast path: after False, check each key.
    """
    joined = "".join(keys)
    return (
        joined.isascii()
        and not joined.encode().translate(None, _COMMON)
        and "" not in keys
        and max(map(len, keys)) <= limits.key_chars
    )


def check_entity_name(name: object, limits: Limits) -> str:
    """Return the entity name if it is legal.

    Raise Refusal with `ENTITY_TYPE_TOO_SHORT`, `ENTITY_TYPE_TOO_LARGE` or `INVALID_ENTITY_TYPE`.
    """
    if not isinstance(name, str):
        raise malformed("An entityName must be a string")
    if len(name) < limits.entity_chars_min:
        raise Refusal(
            400,
            "ENTITY_TYPE_TOO_SHORT",
            f"The provided key needs to be more than {limits.entity_chars_min} characters.",
        )
    if len(name) > limits.entity_chars_max:
        raise Refusal(
            400,
            "ENTITY_TYPE_TOO_LARGE",
            f"The provided key has exceeded the maximum {limits.entity_chars_max} characters.",
        )
    if not ENTITY.fullmatch(name):
        raise Refusal(
            400,
            "INVALID_ENTITY_TYPE",
            f"The provided key does not match the regex: {ENTITY_PATTERN}",
        )
    return name


def check_value(value: bytes, limits: Limits) -> bytes:
    """Return the value, raw JSON, if it may be stored.

    Raise Refusal with `MAX_SIZE`, `MAX_DEPTH` or `INVALID_VALUE`. The last one is for null and for
    a missing value, where the contract names no code.
    """
    if value in (b"", b"null"):
        raise Refusal(400, "INVALID_VALUE", "The value must be any JSON but null.")
    if len(value) > limits.value_bytes:
        raise Refusal(400, "MAX_SIZE", "The provided value has exceeded the maximum size limit.")
    if _is_too_deep(value, limits.value_depth):
        raise Refusal(
            400,
            "MAX_DEPTH",
            "The provided value has exceeded the maximum object depth "
            f"({limits.value_depth + 1}) limit.",
        )
    return value


def are_common_values(values: Sequence[bytes], limits: Limits) -> bool:
    """Return whether all values may be stored.

    A fast path: after False, check each value.
    """
    return (
        b"" not in values
        and b"null" not in values
        and max(map(len, values)) <= limits.value_bytes
        and not any(_is_too_deep(value, limits.value_depth) for value in values)
    )


def check_entity_value(value: bytes) -> None:
    """Raise Refusal with `INVALID_ENTITY_VALUE` unless an entity's value is an object."""
    if not value.startswith(b"{"):
        raise Refusal(400, "INVALID_ENTITY_VALUE", "The value of an entity must be an object.")


def check_options(options: object, allowed: frozenset[str]) -> dict[str, Any]:
    """Return the options of a request or item; an empty dict if there are none.

    Raise Refusal if they are not an object, or have a member that is not in `allowed`.
    """
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise malformed("options must be an object")
    for name in options:
        if name not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise malformed(f"Unknown option {str(name)[:40]!r}; known options here: {known}")
    return options


def ttl_milliseconds(options: Mapping[str, Any], limits: Limits) -> int | None:
    """Return the ttl in `options` in milliseconds, or None for a record that never expires.

    Raise Refusal with `INVALID_TTL` for an illegal ttl.
    """
    ttl = options.get("ttl")
    if ttl is None:
        return None
    if not isinstance(ttl, dict):
        raise Refusal(400, "INVALID_TTL", "TTL must have a value and a unit")
    amount: Any = ttl.get("value")
    unit = ttl.get("unit")
    is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
    if not is_number or amount % 1 != 0 or amount <= 0:
        raise Refusal(
            400, "INVALID_TTL", f"TTL value must be a positive integer, received: {_shown(amount)}"
        )
    if not isinstance(unit, str) or unit not in TTL_UNIT_SECONDS:
        units = ", ".join(TTL_UNIT_SECONDS)
        raise Refusal(400, "INVALID_TTL", f"TTL unit must be one of {units}")
    seconds = int(amount) * TTL_UNIT_SECONDS[unit]
    if seconds > limits.ttl_seconds:
        raise Refusal(400, "INVALID_TTL", "TTL value must not exceed 1 year")
    return seconds * 1000


def check_batch_count(count: int, verb: str, limits: Limits) -> None:
    """Raise Refusal unless a batch has 1 to 25 items. `verb` is set, get or delete."""
    if count > limits.batch_records:
        raise Refusal(
            400,
            "TOO_MANY_BATCH_ENTITIES",
            f"Number of entities to {verb} was {count}, but you can only {verb} a maximum of "
            f"{limits.batch_records} entities at a time.",
        )
    if count == 0:
        # The documentation says that the batch is refused whole, but names no code.
        raise malformed("A batch must hold at least one record")


def check_distinct(identities: Iterable[tuple[str | None, str]], count: int) -> None:
    """Raise Refusal if a request names the same key (with the same entity) twice."""
    if len(set(identities)) != count:
        raise Refusal(400, "KEY_DUPLICATION_ERROR", "Duplicate key found in request")


def _is_too_deep(value: bytes, most: int) -> bool:
    # Each level needs two bytes and one opening bracket.
    may_be = len(value) > 2 * most and value.count(b"{") + value.count(b"[") > most
    return may_be and depth(value) > most


def _shown(amount: object) -> str:
    if isinstance(amount, str | int | float) and not isinstance(amount, bool):
        return str(amount)[:40]
    return "nothing" if amount is None else type(amount).__name__
