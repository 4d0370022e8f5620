"""A line of JSON read as the members of a record, the value as the bytes that stand there."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from kvsctl import codes, jsontext
from kvsctl.records.checks import Breach

# What get, export, plans and failures files add: accepted, so that these can be fed back.
_PASSED_OVER: Final = frozenset({"createdAt", "updatedAt", "error", "source", "installation"})
_UNREAD: Final = frozenset({"raw", "raw_base64"})
"""Where a failures file keeps input that was no record."""
KNOWN_MEMBERS: Final = _PASSED_OVER | {"key", "value", "entityName", "ttl", "options", "expireTime"}

# `{"key":""}`, `,"value":` and `,"entityName":""` without white space, and the least that naming
# a member a second time adds: `"key":"",`. A line with less to spare names none twice.
_FRAME_BYTES: Final = 10
_VALUE_BYTES: Final = 9
_ENTITY_BYTES: Final = 16
_REPEATED_MEMBER_BYTES: Final = 9
_PLAIN_NAMES: Final = (b'"key"', b'"value"', b'"entityName"')
LEAST_BYTES: Final = _FRAME_BYTES + _VALUE_BYTES
"""What a line with key and value has beside both, at the least."""
ROOM_BYTES: Final = LEAST_BYTES + _REPEATED_MEMBER_BYTES
"""What a line with key and value has beside both, if it has room to name a member twice."""


class Fields(msgspec.Struct, gc=False):
    """What a line says. `value` is b"" where it has none; `plain`: the line can be sent as it is.

    `ttl` and `expire_time` are as they were parsed, unchecked.
    """

    key: str
    value: bytes = b""
    entity: str | None = None
    ttl: Any = None
    expire_time: Any = None
    plain: bool = False


class Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line that says no more than a record is made of. `entityName` may be null there."""

    key: str
    value: msgspec.Raw = msgspec.Raw(b"")
    entityName: str | msgspec.UnsetType | None = msgspec.UNSET  # noqa: N815 - the service's name


# An integer too long for any member read here becomes a float, which no check takes for a whole
# number, and none for a name; int() itself refuses more than 4,300 digits.
_loads: Callable[[bytes], Any] = partial(
    json.loads, parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits)
)
decode_plain = msgspec.json.Decoder(Plain).decode
"""Reads a line that has these members and no other. Raises MsgspecError; does not look at UTF-8."""
decode_all_plain = msgspec.json.Decoder(list[Plain]).decode
"""The same for an array of them."""


def read_fields(line: bytes) -> Fields | Breach:
    """Reads one JSON object. The caller has bounded its depth and cut outer white space.

    A Breach (`INVALID_JSON`) says what is wrong with the line and where in it.
    """
    try:
        if not line.isascii():
            line.decode()  # msgspec does not look at the UTF-8 inside a Raw
        plain = decode_plain(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _read_carefully(line)
    entity = None if plain.entityName is msgspec.UNSET else plain.entityName
    if entity is None and plain.entityName is None:
        return _read_carefully(line)  # the service is not asked what it makes of null
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
    """Whether one of the names in `Plain` may stand twice; a name could be spelt by escapes."""
    return b"\\" in line or max(map(line.count, _PLAIN_NAMES)) > 1


def _read_carefully(line: bytes) -> Fields | Breach:
    try:
        members = jsontext.members(line)
        return _typed(members)
    except jsontext.JsonTextError as error:
        return Breach(codes.INVALID_JSON, str(error))


def _typed(members: dict[str, bytes]) -> Fields:
    if unread := [name for name in members if name in _UNREAD]:
        raise jsontext.JsonTextError(
            f'this could not be read before: write what stands in "{unread[0]}" as a record'
        )
    if unknown := [name for name in members if name not in KNOWN_MEMBERS]:
        raise jsontext.JsonTextError(f"a record has no member {jsontext.quoted(unknown[0])}")
    if "key" not in members:
        raise jsontext.JsonTextError('the record has no "key"')
    key = _loads(members["key"])
    if not isinstance(key, str):
        raise jsontext.JsonTextError('"key" is not a string')
    return fields_of(key, members.get("value", b""), members)


def fields_of(key: str, value: bytes, members: Mapping[str, bytes]) -> Fields:
    """With what the members say of entity, ttl and expiry. Raises JsonTextError."""
    entity = _loads(members.get("entityName", b"null"))
    if not isinstance(entity, str | None):
        raise jsontext.JsonTextError('"entityName" is not a string')
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
    if not isinstance(options, dict) or options.keys() - {"ttl"}:
        raise jsontext.JsonTextError('"options" takes only "ttl"')
    if "ttl" not in options:
        return ttl
    if ttl is not None:
        raise jsontext.JsonTextError('the record has "ttl" twice: in "options" and beside it')
    return options["ttl"]
