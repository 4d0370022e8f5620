"""Parse objects that are not records: their members make the key and the value."""

import json
from collections.abc import Collection
from itertools import islice
from typing import Final

import orjson

from kvsctl import codes, jsontext
from kvsctl.limits import Limits
from kvsctl.model import Cause, Identity
from kvsctl.records.checks import Breach
from kvsctl.records.fast.lines import shaped_keys_reader, shaped_set_reader
from kvsctl.records.fields import Fields, fields_of, unreadable
from kvsctl.records.parsed import BlockParser, Parsed, Parser, Rejected
from kvsctl.records.parsing.records import key_record, set_record, too_deep_to_read
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import KeyTemplate, Shape

_SHOWN_MEMBERS: Final = 8


def shaped_set_parser(rules: Rules, shape: Shape) -> Parser:
    """Return a parser of objects as records to set.

    The value is the whole object, or one member of it. If it is one member, then `entityName`,
    `ttl`, `options` and `expireTime` mean what they mean in a record, and all other members are
    ignored.
    """

    def parse(piece: bytes) -> Parsed | Rejected:
        line = piece.strip(jsontext.WHITE_SPACE)
        found = _members_and_key(line, shape.key_template, rules.limits)
        if isinstance(found, Rejected):
            return found
        members, key = found
        fields = _fields(line, members, key, shape)
        if isinstance(fields, Breach):
            return Rejected(fields, readable=False)
        return set_record(fields, rules)

    return BlockParser(parse, shaped_set_reader(rules, shape))


def shaped_key_parser(rules: Rules, shape: Shape) -> Parser:
    """Return a parser of objects as keys. Members that do not make the key are ignored."""

    def parse(piece: bytes) -> Parsed | Rejected:
        found = _members_and_key(
            piece.strip(jsontext.WHITE_SPACE), shape.key_template, rules.limits
        )
        if isinstance(found, Rejected):
            return found
        return key_record(Identity(rules.entity, found[1]), rules.limits, is_plain=True)

    return BlockParser(parse, shaped_keys_reader(rules, shape))


def _members_and_key(
    line: bytes, template: KeyTemplate, limits: Limits | None
) -> tuple[dict[str, bytes], str] | Rejected:
    if breach := too_deep_to_read(line, limits):
        return Rejected(breach, readable=False)
    try:
        members = jsontext.members(line)
    except jsontext.JsonTextError as error:
        return Rejected(unreadable(line, error), readable=False)
    texts = []
    for name in template.members:
        text = _key_text(members.get(name, b"null"))
        if text is None:
            return Rejected(_no_key_text(name, members), readable=False)
        if not text and not template.is_bare:
            empty = Breach(
                codes.EMPTY_KEY, f"{jsontext.quoted(name)} is empty: the key is made from it"
            )
            return Rejected(empty, readable=False)
        texts.append(text)
    return members, template.fill(texts)


def _no_key_text(name: str, members: Collection[str]) -> Breach:
    shown = jsontext.quoted(name)
    if name in members:
        return Breach(
            codes.INVALID_JSON,
            f"{shown} is null, an object or an array: a key cannot be made from it",
            Cause.KEY_KIND,
        )
    return Breach(
        codes.INVALID_JSON,
        f"the object has no {shown}: the key is made from it; {_listed(members)}",
        Cause.NO_KEY,
    )


def _listed(members: Collection[str]) -> str:
    """Return a phrase with the names of an object's members."""
    names = ", ".join(map(jsontext.quoted, islice(members, _SHOWN_MEMBERS)))
    more = ", …" if len(members) > _SHOWN_MEMBERS else ""
    return f"its members: {names}{more}" if names else "it has no members"


def _key_text(text: bytes) -> str | None:
    """Return the text for the key: a string decoded; a number, true or false as written.

    Return None for null, objects and arrays.
    """
    if text.startswith(b'"'):
        try:
            return str(orjson.loads(text))
        except orjson.JSONDecodeError:
            return str(json.loads(text))  # has a lone surrogate; the checks refuse it
    if text == b"null" or text[:1] in (b"{", b"["):
        return None
    return text.decode()


def _fields(line: bytes, members: dict[str, bytes], key: str, shape: Shape) -> Fields | Breach:
    if shape.value_field is None:
        return Fields(key, line)
    if shape.value_field not in members:
        return Breach(
            codes.INVALID_JSON,
            f"the object has no {jsontext.quoted(shape.value_field)}: the value is read from it; "
            + _listed(members),
            Cause.NO_VALUE,
        )
    value = members.pop(shape.value_field)
    return fields_of(key, value, members)
