"""Decode the body of a 200 answer. The bytes of values stay as they are."""

import json
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from string import ascii_letters, digits
from typing import Any, Final, NamedTuple

import msgspec

from kvsctl import jsontext
from kvsctl.model import GET, Failure, Found, Identity, Record, Verb
from kvsctl.slabs import plain_keys

_BEFORE_KEYS: Final = b'{"successfulKeys":[{"key":"'
_BETWEEN_KEYS: Final = '"},{"key":"'
_AFTER_KEYS: Final = b'"}],"failedKeys":[]}'
_PLAIN_CHARACTERS: Final = f"{ascii_letters}{digits} :._#-".encode()


class UnreadableAnswer(Exception):
    """The body is not an answer of the endpoint. `str()` says why and holds no value."""


class Reply(msgspec.Struct):
    """The outcome of each identity that a batch answer names.

    An identity in both lists of the answer counts as failed. One in neither list is missing here.
    """

    succeeded: Mapping[Identity, Found | None]
    failed: Mapping[Identity, Failure]


class AllDone(NamedTuple):
    """A batch answer that names every record of the request, in the same order, as succeeded.

    `found` holds what was read, in that order; None for writes.
    """

    found: Sequence[Found] | None = None


class _Error(msgspec.Struct, gc=False):
    code: str
    message: str | None = None


class _Succeeded(msgspec.Struct, gc=False):
    key: str
    value: msgspec.Raw = msgspec.Raw(b"")
    entityName: str | None = None  # noqa: N815 - the service's names
    createdAt: int | float | None = None  # noqa: N815
    updatedAt: int | float | None = None  # noqa: N815
    expireTime: str | None = None  # noqa: N815


class _Failed(msgspec.Struct, gc=False):
    key: str
    error: _Error
    entityName: str | None = None  # noqa: N815


class _Answer(msgspec.Struct, gc=False):
    successfulKeys: list[_Succeeded]  # noqa: N815
    failedKeys: list[_Failed]  # noqa: N815


_decode = msgspec.json.Decoder(_Answer).decode
_decode_error = msgspec.json.Decoder(_Error).decode


def decode_error(body: bytes) -> tuple[str, str] | None:
    """Return the code and message of an error answer; None if it is not in the service's form."""
    try:
        error = _decode_error(body.removeprefix(BOM_UTF8))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return (error.code, error.message or "") if error.code else None


def decode(
    verb: Verb, body: bytes, trace_id: str | None, asked: Sequence[Record] = ()
) -> Reply | AllDone:
    """Decode the 200 answer of a batch endpoint. Raise UnreadableAnswer.

    `asked` are the records of the request. Without them the result is always a Reply.
    """
    if asked and verb is not GET and _names_all(body, asked):
        return AllDone()
    if jsontext.depth_exceeds(body, jsontext.PARSER_DEPTH):
        raise UnreadableAnswer(f"more than {jsontext.PARSER_DEPTH} levels of nesting")
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check the UTF-8 inside a Raw
        answer = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        if body.startswith(BOM_UTF8):
            return decode(verb, body[len(BOM_UTF8) :], trace_id, asked)
        answer = _decode_carefully(body)
    succeeded, failed = answer.successfulKeys, answer.failedKeys
    found = None if verb is not GET else _found(succeeded)
    if asked and not failed and _are_named(asked, succeeded):
        return AllDone(found)
    named = [Identity(one.entityName, one.key) for one in succeeded]
    return Reply(
        dict.fromkeys(named) if found is None else dict(zip(named, found, strict=True)),
        {
            Identity(one.entityName, one.key): Failure(
                one.error.code, one.error.message or "", trace_id
            )
            for one in failed
        },
    )


def _names_all(body: bytes, asked: Sequence[Record]) -> bool:
    """Fast path: return whether the body is exactly "all succeeded" in its shortest form.

    Nearly all answers to writes are, and need no further parsing.
    """
    keys = plain_keys(asked)
    if keys is None:
        return False
    # Any other character, such as a quote, could make one key look like several.
    if not _are_plain("".join(keys)):
        return False
    return body == b"%b%b%b" % (_BEFORE_KEYS, _BETWEEN_KEYS.join(keys).encode(), _AFTER_KEYS)


def _are_plain(keys: str) -> bool:
    """Return whether all characters are plain: JSON neither escapes them nor uses them itself."""
    return keys.isascii() and not keys.encode().translate(None, _PLAIN_CHARACTERS)


def _are_named(asked: Sequence[Record], succeeded: list[_Succeeded]) -> bool:
    """Return whether an answer names the records of the request, in the same order."""
    if len(asked) != len(succeeded):
        return False
    keys = plain_keys(asked)
    if keys is not None:
        named = [one.key for one in succeeded if one.entityName is None]
        return named == keys
    identities = [record.identity for record in asked]
    return [one.key for one in succeeded] == [identity.key for identity in identities] and [
        one.entityName for one in succeeded
    ] == [identity.entity for identity in identities]


def _found(succeeded: Sequence[_Succeeded]) -> list[Found]:
    values = [bytes(one.value) for one in succeeded]
    if b"" in values:
        raise UnreadableAnswer("a found record has no value")
    created = [one.createdAt for one in succeeded]
    updated = [one.updatedAt for one in succeeded]
    expiries = [one.expireTime for one in succeeded]
    if all(times.count(None) == len(values) for times in (created, updated, expiries)):
        return list(map(Found, values))
    return list(map(Found, values, map(_whole, created), map(_whole, updated), expiries))


def _whole(number: float | None) -> int | None:
    if number is None:
        return None
    try:
        return int(number)
    except OverflowError:
        raise UnreadableAnswer("a time is out of range") from None


def _decode_carefully(body: bytes) -> _Answer:
    """Decode what msgspec refuses but JSON allows: lone surrogate escapes inside values."""
    try:
        answer = jsontext.members(body)
        succeeded = [
            _succeeded(jsontext.members(one)) for one in jsontext.elements(answer["successfulKeys"])
        ]
        failed = msgspec.convert(json.loads(answer["failedKeys"]), list[_Failed])
    except KeyError as error:
        raise UnreadableAnswer(f"no member {error}") from None
    except (jsontext.JsonTextError, msgspec.MsgspecError, ValueError, TypeError) as error:
        raise UnreadableAnswer(str(error)) from None
    return _Answer(succeeded, failed)


def _succeeded(members: dict[str, bytes]) -> _Succeeded:
    value = members.pop("value", b"")
    plain: dict[str, Any] = {name: json.loads(text) for name, text in members.items()}
    found = msgspec.convert(plain, _Succeeded)
    found.value = msgspec.Raw(value)
    return found
