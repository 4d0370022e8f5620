"""Decode the records that an answer holds: of batch/get and of queries. Values keep their bytes."""

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from kvsctl import jsontext
from kvsctl.service.faults import iso_epoch
from kvsctl.slabs import FoundRecord, FoundSlab

_VALUE_DEPTH: Final = jsontext.PARSER_DEPTH - 3
"""How deep a value may nest: the answer, its list and the record nest around it."""
_MOST_SHALLOW_BYTES: Final = 2 * _VALUE_DEPTH
"""A value of at most this many bytes does not nest too deep: each level needs two brackets."""


class UnreadableAnswer(Exception):
    """The body is not an answer of the endpoint. `str()` says why and holds no value."""


class FoundMembers(msgspec.Struct, gc=False):
    """A record of an answer, with all the members that it may have."""

    key: str
    value: msgspec.Raw = msgspec.Raw(b"")
    entityName: str | None = None  # noqa: N815 - the service's names
    createdAt: int | float | None = None  # noqa: N815
    updatedAt: int | float | None = None  # noqa: N815
    expireTime: str | None = None  # noqa: N815


def found_with_members(records: Sequence[FoundMembers], body: bytes) -> FoundSlab:
    """Return what was found, in the order of the answer. `body` is the text of the answer.

    Raise UnreadableAnswer if a record has no value, a value that nests too deep, or a time that is
    out of range.
    """
    values = [one.value for one in records]
    lengths = [len(value) for value in values]
    if 0 in lengths:
        raise UnreadableAnswer("a found record has no value")
    if max(lengths, default=0) > _MOST_SHALLOW_BYTES:
        _require_shallow_values(values, body)
    expiries = [one.expireTime for one in records]
    return FoundSlab(
        values,
        _times([one.createdAt for one in records]),
        _times([one.updatedAt for one in records]),
        None if expiries.count(None) == len(expiries) else expiries,
        is_compact=not jsontext.has_line_break(body),
    )


def found_plain(records: Sequence[FoundRecord], body: bytes) -> FoundSlab:
    """Return what was found if every record is a key and a value. `body` is the whole answer.

    Raise UnreadableAnswer if a value nests too deep.
    """
    values = [one.value for one in records]
    if values and max(map(len, values)) > _MOST_SHALLOW_BYTES:
        _require_shallow_values(values, body)
    return FoundSlab(values, is_compact=not jsontext.has_line_break(body), plain_records=records)


def members_of(record: bytes) -> FoundMembers:
    """Return a record that msgspec cannot decode because its value has lone surrogates.

    Raise JsonTextError, ValueError or MsgspecError if it is not a record.
    """
    members = jsontext.members(record)
    value = members.pop("value", b"")
    plain: dict[str, Any] = {name: json.loads(text) for name, text in members.items()}
    found = msgspec.convert(plain, FoundMembers)
    found.value = msgspec.Raw(value)
    return found


def is_past(expire_time: str | None, now: float) -> bool:
    """Return whether an `expireTime` is past. `now`: the service's time in epoch seconds.

    A text that is not a time is not past.
    """
    epoch = None if expire_time is None else iso_epoch(expire_time)
    return epoch is not None and epoch <= now


def require_shallow(body: bytes) -> None:
    """Raise UnreadableAnswer if the body nests deeper than a parser may follow."""
    if jsontext.depth_exceeds(body, jsontext.PARSER_DEPTH):
        raise too_deep()


def too_deep() -> UnreadableAnswer:
    """Return the error for an answer that nests deeper than a parser may follow."""
    return UnreadableAnswer(f"more than {jsontext.PARSER_DEPTH} levels of nesting")


def _require_shallow_values(values: Sequence[msgspec.Raw], body: bytes) -> None:
    """Raise UnreadableAnswer if a value nests too deep. `body` holds all of them."""
    if body.count(b"[") + body.count(b"{") <= _VALUE_DEPTH:
        return
    for value in values:
        is_long = len(value) > _MOST_SHALLOW_BYTES
        if is_long and jsontext.depth_exceeds(bytes(value), _VALUE_DEPTH):
            raise too_deep()


def require_utf8(body: bytes) -> None:
    """Raise UnicodeDecodeError unless all of the body is UTF-8. msgspec does not check values."""
    if not body.isascii():
        body.decode()


def _times(times: list[int | float | None]) -> list[int | None] | None:
    """Return the times as whole numbers; None if there are none."""
    if times.count(None) == len(times):
        return None
    try:
        return [None if time is None else int(time) for time in times]
    except OverflowError:
        raise UnreadableAnswer("a time is out of range") from None
