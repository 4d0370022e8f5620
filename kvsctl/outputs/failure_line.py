"""One line of the failures file: failed input as a record that can be read again."""

import base64
import re
from typing import Final

from kvsctl import jsontext
from kvsctl.jsontext import json_line, one_line
from kvsctl.model import Failure, Problem, Record
from kvsctl.records.ttl import expire_time_text

_OF_AN_EARLIER_RUN: Final = frozenset({"error", "source"})
_END: Final = re.compile(
    rb'[{,]"error":\{"code":"(?:[^"\\]|\\.)*","message":"(?:[^"\\]|\\.)*"\},'
    rb'"source":"(?:[^"\\]|\\.)*"\}(?:\r?\n)?\Z'
)
_UNREAD: Final = frozenset({"raw", "raw_base64"})


def failure_line(subject: Record | Problem, failure: Failure) -> bytes:
    """Return the input's own members followed by `error` and `source`, with a line feed.

    Values keep their bytes; if they hold line breaks, white space between tokens is removed. An
    expiry that the record has, and an entity name from an option, are written as members. Input
    that could not be read as a JSON record is the text in `raw`, or in `raw_base64` if it is not
    UTF-8. If that line is read again without being corrected, its `raw` stays unchanged.
    """
    if isinstance(subject, Record):
        members = [_inside(subject.body), *_expiry(subject)]
    else:
        members = _readable_members(subject) or _unreadable_members(subject.raw)
    error = {"code": failure.code, "message": failure.message}
    members += [_member("error", json_line(error))]
    members += [_member("source", json_line(str(subject.origin)))]
    return b"{%b}\n" % one_line(b",".join(members))


def is_failure_line(line: bytes) -> bool:
    """Return whether a line is one that `failure_line` has written: it ends in error and source.

    Its line feed may be missing, as after a kill.
    """
    return _END.search(line) is not None


def is_raw_line(line: bytes) -> bool:
    """Return whether a line of `failure_line` holds input that was not readable."""
    return bool(_earlier_raw_member(line.strip(jsontext.WHITE_SPACE)))


def _inside(body: bytes) -> bytes:
    return body.strip(jsontext.WHITE_SPACE)[1:-1].strip(jsontext.WHITE_SPACE)


def _expiry(record: Record) -> list[bytes]:
    if record.expires_at is None:
        return []
    return [_member("expireTime", json_line(expire_time_text(record.expires_at)))]


def _readable_members(problem: Problem) -> list[bytes]:
    if not problem.readable or jsontext.depth_exceeds(problem.raw, jsontext.PARSER_DEPTH):
        return []
    try:
        members = jsontext.members(problem.raw)
    except jsontext.JsonTextError:
        return []
    for name in _OF_AN_EARLIER_RUN:  # a repeated member would make the line unreadable
        members.pop(name, None)
    entity = problem.identity.entity if problem.identity else None
    if entity is not None and members.get("entityName", b"null") == b"null":
        members["entityName"] = json_line(entity)
    return [_member(name, value) for name, value in members.items()]


def _unreadable_members(raw: bytes) -> list[bytes]:
    return _earlier_raw_member(raw) or [_raw_member(raw)]


def _earlier_raw_member(raw: bytes) -> list[bytes]:
    """Return the `raw` of an earlier failures file's line, which would grow if nested again."""
    if jsontext.depth_exceeds(raw, jsontext.PARSER_DEPTH):
        return []
    try:
        members = jsontext.members(raw)
    except jsontext.JsonTextError:
        return []
    kept = members.keys() - _OF_AN_EARLIER_RUN
    if len(kept) != 1 or not kept <= _UNREAD:
        return []
    return [_member(name, members[name]) for name in kept]


def _raw_member(raw: bytes) -> bytes:
    try:
        return _member("raw", json_line(raw.decode("utf-8")))
    except UnicodeDecodeError:
        return _member("raw_base64", json_line(base64.b64encode(raw).decode()))


def _member(name: str, value: bytes) -> bytes:
    return json_line(name) + b":" + value
