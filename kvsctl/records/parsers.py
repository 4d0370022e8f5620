"""One piece of input to one record, or to what is wrong with it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

import orjson

from kvsctl import jsontext
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.model import Identity
from kvsctl.records import checks
from kvsctl.records.checks import Breach
from kvsctl.records.fields import Fields, read_fields
from kvsctl.records.ttl import Ttl, parse_expire_time, parse_ttl

_RECORD_DEPTH: Final = 1  # the record's own braces
_PARSER_DEPTH: Final = 200
"""Far past what a value may have, and safe for every parser."""
_CLOCKS_APART_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Rules:
    """What a record is held to, and what it gets where it names none itself."""

    limits: Limits = field(default=DEFAULT_LIMITS)
    entity: str | None = None
    ttl: Ttl | None = None
    epoch: Callable[[], float] = field(default=time.time)


class Parsed(NamedTuple):
    """A record without its place: `body` is what a batch request carries for it."""

    identity: Identity
    body: bytes
    expires_at: float | None = None


class Rejected(NamedTuple):
    """Why a piece of input is no record. `readable`: it is one by its form."""

    breach: Breach
    identity: Identity | None = None
    readable: bool = True


Parser: TypeAlias = Callable[[bytes], Parsed | Rejected]


def set_line_parser(rules: Rules) -> Parser:
    """Reads `{"key": …, "value": …}` lines; an unchanged line is sent as the bytes it is."""
    limits = rules.limits

    def parse(piece: bytes) -> Parsed | Rejected:
        line = piece.strip(jsontext.WHITE_SPACE)
        too_deep = checks.check_depth(line, limits, around=_RECORD_DEPTH)
        fields = _fields(line, too_deep)
        if isinstance(fields, Rejected):
            return fields
        identity = _identity(fields, rules)
        if not fields.value:
            return Rejected(Breach("INVALID_JSON", 'the record has no "value"'), identity)
        if breach := _check_identity(identity, limits) or checks.check_value(fields.value, limits):
            return Rejected(breach, identity)
        if too_deep and (breach := checks.check_depth(fields.value, limits)):
            return Rejected(breach, identity)
        if fields.plain and rules.ttl is None and identity.entity == fields.entity:
            return Parsed(identity, line)
        return _rebuilt(fields, identity, rules)

    return parse


def set_argument_parser(rules: Rules, *, string: bool) -> Parser:
    """Reads `KEY=VALUE`, split at the first `=`; VALUE is JSON if it parses, else a string."""
    limits = rules.limits

    def parse(piece: bytes) -> Parsed | Rejected:
        name, found, text = piece.partition(b"=")
        if not found:
            no_value = Breach("INVALID_JSON", "no = in the argument: write KEY=VALUE")
            return Rejected(no_value, readable=False)
        try:
            key, value = name.decode(), _argument_value(text, limits, string=string)
        except UnicodeDecodeError:
            return Rejected(Breach("INVALID_JSON", "the argument is not UTF-8"), readable=False)
        if isinstance(value, Breach):
            return Rejected(value, Identity(rules.entity, key), readable=False)
        identity = Identity(rules.entity, key)
        if breach := _check_identity(identity, limits) or checks.check_value(value, limits):
            return Rejected(breach, identity, readable=False)
        return _rebuilt(Fields(key, value), identity, rules)

    return parse


def key_line_parser(rules: Rules) -> Parser:
    """Reads plain keys as they stand, and keys written as JSON strings (`"a\\tb"`)."""

    def parse(piece: bytes) -> Parsed | Rejected:
        try:
            key = orjson.loads(piece) if piece.startswith(b'"') else piece.decode()
        except orjson.JSONDecodeError as error:
            breach = Breach("INVALID_JSON", f'a line that begins with " is a JSON string: {error}')
            return Rejected(breach, readable=False)
        except UnicodeDecodeError as error:
            breach = Breach("INVALID_JSON", f"the key is not UTF-8 at byte {error.start + 1}")
            return Rejected(breach, readable=False)
        return _key_record(Identity(rules.entity, key), rules.limits, readable=False)

    return parse


def key_object_parser(rules: Rules) -> Parser:
    """Reads `{"key": …, "entityName": …}` lines; other members of a record are passed over."""
    strings = key_line_parser(rules)

    def parse(piece: bytes) -> Parsed | Rejected:
        line = piece.strip(jsontext.WHITE_SPACE)
        if line.startswith(b'"'):
            return strings(line)
        fields = _fields(line, checks.check_depth(line, rules.limits, around=_RECORD_DEPTH))
        if isinstance(fields, Rejected):
            return fields
        return _key_record(_identity(fields, rules), rules.limits, readable=True)

    return parse


def _fields(line: bytes, too_deep: Breach | None) -> Fields | Rejected:
    """Reads a line; one that is too deep is read as far as parsers bear, to say which it is."""
    if too_deep and jsontext.depth_exceeds(line, _PARSER_DEPTH):
        return Rejected(too_deep, readable=False)
    fields = read_fields(line)
    if isinstance(fields, Breach):
        return Rejected(fields, readable=False)
    return fields


def _identity(fields: Fields, rules: Rules) -> Identity:
    return Identity(rules.entity if fields.entity is None else fields.entity, fields.key)


def _check_identity(identity: Identity, limits: Limits) -> Breach | None:
    breach = checks.check_key(identity.key, limits)
    if breach is None and identity.entity is not None:
        breach = checks.check_entity(identity.entity, limits)
    return breach


def _key_record(identity: Identity, limits: Limits, *, readable: bool) -> Parsed | Rejected:
    if breach := _check_identity(identity, limits):
        return Rejected(breach, identity, readable)
    return Parsed(identity, b"{%b}" % _identity_members(identity))


def _rebuilt(fields: Fields, identity: Identity, rules: Rules) -> Parsed | Rejected:
    """The record's JSON written anew around the value's own bytes."""
    ttl: Ttl | Breach | None = rules.ttl
    expires_at: float | Breach | None = None
    if fields.ttl is not None:
        ttl = parse_ttl(fields.ttl, rules.limits)
    elif fields.expire_time is not None:
        ttl, expires_at = None, _expiry(fields, rules)
    for checked in (ttl, expires_at):
        if isinstance(checked, Breach):
            return Rejected(checked, identity)
    assert not isinstance(ttl, Breach) and not isinstance(expires_at, Breach)  # noqa: S101, PT018
    options = b',"options":' + ttl.json if ttl else b""
    body = b'{%b,"value":%b%b}' % (_identity_members(identity), fields.value, options)
    return Parsed(identity, body, expires_at)


def _expiry(fields: Fields, rules: Rules) -> float | Breach:
    expires_at = parse_expire_time(fields.expire_time)
    if isinstance(expires_at, float):
        # The service's clock, which decides, may differ from this one: so a day more.
        seconds = int(expires_at - rules.epoch()) - _CLOCKS_APART_SECONDS
        if seconds > rules.limits.ttl_seconds:
            return Breach(
                "INVALID_TTL",
                f"the expireTime is too far away, at most {rules.limits.ttl_seconds:,} s "
                "are allowed",
            )
    return expires_at


def _identity_members(identity: Identity) -> bytes:
    key = b'"key":' + orjson.dumps(identity.key)
    if identity.entity is None:
        return key
    return key + b',"entityName":' + orjson.dumps(identity.entity)


def _argument_value(text: bytes, limits: Limits, *, string: bool) -> bytes | Breach:
    if not string:
        too_deep = checks.check_depth(text, limits)
        if too_deep and jsontext.depth_exceeds(text, _PARSER_DEPTH):
            return too_deep
        try:
            value = jsontext.value(text)
        except jsontext.JsonTextError:
            pass
        else:
            return too_deep or value
    return orjson.dumps(text.decode())
