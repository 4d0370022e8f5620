"""Read the members of a record from a line of JSON. The value keeps its exact bytes."""

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from kvsctl import codes, jsontext
from kvsctl.model import Cause
from kvsctl.records.causes import cause_of
from kvsctl.records.checks import Breach

# Members that get, list, export, plans and failures files add. They are ignored, so that this
# output can be used as input.
_IGNORED: Final = frozenset({"createdAt", "updatedAt", "size", "error", "source", "installation"})
_RAW: Final = frozenset({"raw", "raw_base64"})
"""Members in which a failures file keeps input that is not a record."""
_BACKSLASH: Final = ord("\\")
_PLAN: Final = "plan"
"""The member that marks the lines of plans."""
KNOWN_MEMBERS: Final = _IGNORED | {"key", "value", "entityName", "ttl", "options", "expireTime"}

LEAST_BYTES: Final = len(b'{"key":"","value":}')
"""The fewest bytes that a line with a key and a value has in addition to these two."""
MEMBER_BYTES: Final = len(b'"ttl":1,')
"""The fewest bytes that another member adds. Fewer bytes are white space or escapes."""


class Fields(msgspec.Struct, gc=False):
    """The members of a record. `value` is b"" if the line has none.

    `plain` is True if the line has a key, a value and hardly a byte more: it can be sent as it is.
    `ttl` and `expire_time` are the parsed JSON, not checked yet.
    """

    key: str
    value: bytes = b""
    entity: str | None = None
    ttl: Any = None
    expire_time: Any = None
    plain: bool = False


# int() refuses more than 4,300 digits. An integer too long for any member read here becomes a
# float instead, and the checks refuse a float both as a whole number and as a name.
_decode: Final = json.JSONDecoder(
    parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits)
).decode


def read_fields(line: bytes) -> Fields | Breach:
    """Read one JSON object, or return a Breach (`INVALID_JSON`) that says what is wrong and where.

    The caller must have checked the depth (`PARSER_DEPTH`) and removed outer white space.
    """
    try:
        members = jsontext.raw_members(line)
    except jsontext.JsonTextError as error:
        return unreadable(line, error)
    fields = _typed(members)
    if isinstance(fields, Breach):
        return fields
    spare_bytes = len(line) - len(fields.key) - len(fields.value) - LEAST_BYTES
    fields.plain = bool(fields.value) and spare_bytes < MEMBER_BYTES
    return fields


def unreadable(line: bytes, error: jsontext.JsonTextError) -> Breach:
    """Return the breach of a line that cannot be read as an object: `error` was raised."""
    return Breach(codes.INVALID_JSON, str(error), cause_of(line, error))


def _typed(members: Mapping[str, bytes] | Mapping[str, msgspec.Raw]) -> Fields | Breach:
    if not members.keys() <= KNOWN_MEMBERS:
        return _unknown(members)
    if "key" not in members:
        return _misshapen('the record has no "key"', Cause.NO_KEY)
    key = _loaded(members["key"])
    if not isinstance(key, str):
        return _misshapen('"key" is not a string', Cause.KEY_KIND)
    return fields_of(key, bytes(members.get("value", b"")), members)


def _misshapen(message: str, cause: Cause) -> Breach:
    return Breach(codes.INVALID_JSON, message, cause)


def _unknown(members: Collection[str]) -> Breach:
    unknown = [name for name in members if name not in KNOWN_MEMBERS]
    if _PLAN in unknown and "action" in unknown:
        return _misshapen("a line of a plan is not a record", Cause.PLAN)
    for name in unknown:
        if name in _RAW:
            return _misshapen(
                f'an earlier run could not read this input: rewrite the text in "{name}" as a '
                "record",
                Cause.RAW,
            )
    return _misshapen(
        f"unknown member {jsontext.quoted(unknown[0])}: a record has key, value, entityName, "
        "ttl, options and expireTime",
        Cause.MEMBERS if "key" in members else Cause.MAP,
    )


def fields_of(
    key: str, value: bytes, members: Mapping[str, bytes] | Mapping[str, msgspec.Raw]
) -> Fields | Breach:
    """Return the fields of a record, with the entity, ttl and expiry that `members` give.

    Return a Breach if one of these members has the wrong type.
    """
    entity = ttl = options = expire_time = None
    if "entityName" in members:
        entity = _loaded(members["entityName"])
    if "ttl" in members:
        ttl = _loaded(members["ttl"])
    if "options" in members:
        options = _loaded(members["options"])
    if "expireTime" in members:
        expire_time = _loaded(members["expireTime"])
    if entity is not None and not isinstance(entity, str):
        return _misshapen('"entityName" is not a string', Cause.MEMBER_KIND)
    if options is not None:
        ttl = _ttl_of_options(options, ttl)
        if isinstance(ttl, Breach):
            return ttl
    return Fields(key=key, value=value, entity=entity, ttl=ttl, expire_time=expire_time)


def _loaded(given: bytes | msgspec.Raw) -> Any:
    """Return a JSON text as Python."""
    text = bytes(given)
    if text.startswith(b'"') and _BACKSLASH not in text:
        return text[1:-1].decode()
    return _decode(text.decode())


def _ttl_of_options(options: Any, ttl: Any) -> Any:
    if not isinstance(options, dict) or options.keys() - {"ttl"}:
        return _misshapen(
            '"options" must be an object with no member except "ttl"', Cause.MEMBER_KIND
        )
    if "ttl" not in options:
        return ttl
    if ttl is not None:
        return _misshapen(
            'the record has two ttls: "ttl" and the one in "options"', Cause.MEMBER_KIND
        )
    return options["ttl"]
