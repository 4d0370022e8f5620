"""Read the members of a record from a line of JSON. The value keeps its exact bytes."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from kvsctl import codes, jsontext
from kvsctl.model import Cause
from kvsctl.records.causes import MemberError, cause_of
from kvsctl.records.checks import Breach

# Members that get, export, plans and failures files add. They are ignored, so that the output of
# these can be input again.
_IGNORED: Final = frozenset({"createdAt", "updatedAt", "error", "source", "installation"})
_RAW: Final = frozenset({"raw", "raw_base64"})
"""Members in which a failures file keeps input that is not a record."""
KNOWN_MEMBERS: Final = _IGNORED | {"key", "value", "entityName", "ttl", "options", "expireTime"}

# Lengths of `{"key":""}`, `,"value":` and `,"entityName":""` without white space, and of the
# shortest duplicate member, `"key":"",`. A line with fewer spare bytes has no duplicate member.
_FRAME_BYTES: Final = 10
_VALUE_BYTES: Final = 9
_ENTITY_BYTES: Final = 16
_REPEATED_MEMBER_BYTES: Final = 9
_PLAIN_NAMES: Final = (b'"key"', b'"value"', b'"entityName"')
LEAST_BYTES: Final = _FRAME_BYTES + _VALUE_BYTES
"""The fewest bytes that a line with a key and a value has besides these two."""
ROOM_BYTES: Final = LEAST_BYTES + _REPEATED_MEMBER_BYTES
"""The fewest bytes besides key and value that leave room for a duplicate member."""


class Fields(msgspec.Struct, gc=False):
    """The members of a record. `value` is b"" if the line has none.

    `plain` is True if the line itself can be sent unchanged. `ttl` and `expire_time` are the
    parsed JSON, not checked yet.
    """

    key: str
    value: bytes = b""
    entity: str | None = None
    ttl: Any = None
    expire_time: Any = None
    plain: bool = False


class Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line with no members but these. `entityName` may be null in the line."""

    key: str
    value: msgspec.Raw = msgspec.Raw(b"")
    entityName: str | msgspec.UnsetType | None = msgspec.UNSET  # noqa: N815 - the service's name


# int() refuses more than 4,300 digits. An integer too long for any member read here becomes a
# float instead, and the checks refuse a float both as a whole number and as a name.
_loads: Callable[[bytes], Any] = partial(
    json.loads, parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits)
)
decode_plain = msgspec.json.Decoder(Plain).decode
"""Decode a line that has no members but those of `Plain`. Raise MsgspecError for any other line.

It does not check the UTF-8 of the value.
"""
decode_all_plain = msgspec.json.Decoder(list[Plain]).decode
"""Decode an array of such lines, like `decode_plain`."""


def read_fields(line: bytes) -> Fields | Breach:
    """Read one JSON object, or return a Breach (`INVALID_JSON`) that says what is wrong and where.

    The caller must have checked the depth (`PARSER_DEPTH`) and removed outer white space.
    """
    try:
        if not line.isascii():
            line.decode()  # msgspec does not check the UTF-8 inside a Raw
        plain = decode_plain(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _read_carefully(line)
    entity = None if plain.entityName is msgspec.UNSET else plain.entityName
    if entity is None and plain.entityName is None:
        return _read_carefully(line)  # never send null: the service documents no meaning for it
    value = bytes(plain.value)
    spare = len(line) - len(plain.key) - len(value) - _FRAME_BYTES
    if value:
        spare -= _VALUE_BYTES
    if entity is not None:
        spare -= len(entity) + _ENTITY_BYTES
    if spare >= _REPEATED_MEMBER_BYTES and may_repeat(line):
        return _read_carefully(line)
    return Fields(plain.key, value, entity, plain=True)


def may_repeat(line: bytes) -> bool:
    """Return whether a member of `Plain` may occur twice. Escapes may hide the name of one."""
    return b"\\" in line or max(map(line.count, _PLAIN_NAMES)) > 1


def _read_carefully(line: bytes) -> Fields | Breach:
    try:
        members = jsontext.members(line)
        return _typed(members)
    except jsontext.JsonTextError as error:
        return Breach(codes.INVALID_JSON, str(error), cause_of(line, error))


def _typed(members: dict[str, bytes]) -> Fields:
    if raw := [name for name in members if name in _RAW]:
        raise MemberError(
            f'an earlier run could not read this input: rewrite the text in "{raw[0]}" as a record',
            Cause.RAW,
        )
    if unknown := [name for name in members if name not in KNOWN_MEMBERS]:
        raise MemberError(
            f"unknown member {jsontext.quoted(unknown[0])}: a record has key, value, entityName, "
            "ttl, options and expireTime",
            Cause.MEMBERS if "key" in members else Cause.MAP,
        )
    if "key" not in members:
        raise MemberError('the record has no "key"', Cause.NO_KEY)
    key = _loads(members["key"])
    if not isinstance(key, str):
        raise MemberError('"key" is not a string', Cause.KEY_KIND)
    return fields_of(key, members.get("value", b""), members)


def fields_of(key: str, value: bytes, members: Mapping[str, bytes]) -> Fields:
    """Return the fields of a record, with the entity, ttl and expiry that `members` give.

    Raise JsonTextError if one of these members has the wrong type.
    """
    entity = _loads(members.get("entityName", b"null"))
    if not isinstance(entity, str | None):
        raise MemberError('"entityName" is not a string', Cause.MEMBER_KIND)
    ttl = _loads(members.get("ttl", b"null"))
    if "options" in members:
        ttl = _ttl_of_options(_loads(members["options"]), ttl)
    return Fields(
        key=key,
        value=value,
        entity=entity,
        ttl=ttl,
        expire_time=_loads(members.get("expireTime", b"null")),
    )


def _ttl_of_options(options: Any, ttl: Any) -> Any:
    if options is None:
        return ttl
    if not isinstance(options, dict) or options.keys() - {"ttl"}:
        raise MemberError(
            '"options" must be an object with no member except "ttl"', Cause.MEMBER_KIND
        )
    if "ttl" not in options:
        return ttl
    if ttl is not None:
        raise MemberError(
            'the record has two ttls: "ttl" and the one in "options"', Cause.MEMBER_KIND
        )
    return options["ttl"]
