"""Parse one piece of input into a record, or into the reason why it is not one."""

import json
from datetime import datetime
from typing import Final

import orjson

from kvsctl import codes, jsontext
from kvsctl.jsontext import PARSER_DEPTH
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.model import Cause, Identity
from kvsctl.records import checks
from kvsctl.records.causes import cause_of_key
from kvsctl.records.checks import READABLE_DEPTH, RECORD_DEPTH, Breach
from kvsctl.records.fast.lines import key_lines_reader, plain_keys_reader, set_lines_reader
from kvsctl.records.fast.written import written_lines_reader
from kvsctl.records.fields import Fields, read_fields
from kvsctl.records.invisible import check_raw, is_plainly_visible
from kvsctl.records.parsed import BlockParser, Parsed, Parser, Rejected
from kvsctl.records.rules import Rules
from kvsctl.records.ttl import CLOCKS_APART_SECONDS, Ttl, parse_expire_time, parse_ttl

_READABLE: Final = DEFAULT_LIMITS._replace(value_depth=READABLE_DEPTH)
"""The depth limit for records without limits (`--no-checks`): what parsers can read."""


def set_line_parser(rules: Rules) -> Parser:
    """Return a parser of `{"key": …, "value": …}` lines.

    A line that has only a key and a value, and hardly a byte more, is sent with its exact bytes.
    Any other is written anew, around the exact bytes of the value.
    """
    return BlockParser(careful_set_line_parser(rules), set_lines_reader(rules))


def written_record_parser(rules: Rules) -> Parser:
    """Return a parser with the results of `set_line_parser`, for records that a program wrote."""
    return BlockParser(careful_set_line_parser(rules), written_lines_reader(rules))


def careful_set_line_parser(rules: Rules) -> Parser:
    """Return a parser with the results of `set_line_parser`, without its fast path."""
    limits = rules.limits

    def parse(piece: bytes) -> Parsed | Rejected:
        line = piece.strip(jsontext.WHITE_SPACE)
        too_deep = _check_depth(line, limits, around=RECORD_DEPTH)
        fields = _fields(line, too_deep)
        if isinstance(fields, Rejected):
            return fields
        identity = _identity(fields, rules)
        parsed: Parsed | Breach
        if not fields.value:
            parsed = Breach(codes.INVALID_JSON, 'the record has no "value"', Cause.NO_VALUE)
        elif breach := _check(identity, fields, too_deep, limits) or _check_installation(
            line, rules
        ):
            parsed = breach
        elif fields.plain and rules.ttl is None and rules.entity is None:
            return Parsed(identity, line)
        else:
            parsed = _rebuilt(fields, identity, rules)
        if isinstance(parsed, Breach):
            return Rejected(parsed, identity, record=_with_default_ttl(line, fields, rules))
        return parsed

    return parse


def _check_installation(line: bytes, rules: Rules) -> Breach | None:
    """Return the breach of a record that is not of the same installation as the first one."""
    if rules.one_installation is None:
        return None
    if b'"installation"' not in line and b"\\u" not in line:  # names may be spelt with escapes
        return None
    name = jsontext.members(line).get("installation")
    if name is None or rules.one_installation.admits(orjson.loads(name)):
        return None
    return Breach(
        codes.MIXED_INSTALLATIONS,
        f"the record is of another installation than {rules.one_installation.name}, that of the "
        "records before it",
    )


def set_argument_parser(rules: Rules, *, string: bool) -> Parser:
    """Return a parser of `KEY=VALUE`, split at the first `=`.

    VALUE is JSON if it parses, else a string. If `string` is True, VALUE is always a string.
    """
    limits = rules.limits

    def parse(piece: bytes) -> Parsed | Rejected:
        name, found, text = piece.partition(b"=")
        if not found:
            no_value = Breach(
                codes.INVALID_JSON, 'the argument has no "=": write KEY=VALUE', Cause.ARGUMENT
            )
            return Rejected(no_value, readable=False)
        try:
            key, (value, too_deep) = name.decode(), _argument_value(text, limits, string=string)
        except UnicodeDecodeError:
            return Rejected(
                Breach(codes.INVALID_JSON, "invalid UTF-8 in the argument"), readable=False
            )
        identity = Identity(rules.entity, key)
        if not value:
            assert too_deep  # noqa: S101
            return Rejected(too_deep, identity, readable=False)
        return set_record(Fields(key, value), rules)

    return parse


def key_line_parser(rules: Rules, *, ends_in_nul: bool = False) -> Parser:
    """Return a parser of plain keys. A key may also be a JSON string (`"a\\tb"`)."""
    careful = careful_key_line_parser(rules, ends_in_nul=ends_in_nul)
    return BlockParser(careful, plain_keys_reader(rules))


def key_argument_parser(rules: Rules) -> Parser:
    """Return a parser of arguments as plain keys. They are not taken for rows of a table."""
    return BlockParser(careful_key_line_parser(rules, may_be_rows=False), plain_keys_reader(rules))


def careful_key_line_parser(
    rules: Rules, *, ends_in_nul: bool = False, may_be_rows: bool = True
) -> Parser:
    """Return a parser with the results of `key_line_parser`, without its fast path."""

    def parse(piece: bytes) -> Parsed | Rejected:
        if piece.startswith(b'"'):
            return quoted_key_record(piece, rules.entity, rules.limits)
        try:
            key = piece.decode()
        except UnicodeDecodeError as error:
            breach = Breach(
                codes.INVALID_JSON,
                f"invalid UTF-8 at byte {error.start + 1} of the key",
                Cause.ENCODING,
            )
            return Rejected(breach, readable=False)
        identity = Identity(rules.entity, key)
        parsed = plain_key_record(identity, rules.limits, ends_in_nul=ends_in_nul)
        if may_be_rows and isinstance(parsed, Rejected):
            return _with_cause(parsed, piece)
        return parsed

    return parse


def _with_cause(rejected: Rejected, line: bytes) -> Rejected:
    breach = rejected.breach
    if breach.cause is not None or breach.code != codes.INVALID_KEY:
        return rejected
    breach = Breach(breach.code, breach.message, cause_of_key(line))
    return Rejected(breach, rejected.identity, rejected.readable, rejected.record)


def _not_a_string(piece: bytes) -> Breach:
    try:
        jsontext.value(piece)
    except jsontext.JsonTextError as error:
        reason = str(error)
    else:
        reason = "UTF-8 cannot encode a lone surrogate"
    return Breach(
        codes.INVALID_JSON,
        f'a key that starts with " must be a JSON string: {reason}',
        Cause.COMMA if piece.endswith((b'",', b'", ')) else None,
    )


def quoted_key_record(text: bytes, entity: str | None, limits: Limits | None) -> Parsed | Rejected:
    """Make a record from a key that is written as a JSON string, as odd keys are printed."""
    try:
        key = orjson.loads(text)
    except orjson.JSONDecodeError:
        return Rejected(_not_a_string(text), readable=False)
    return key_record(Identity(entity, key), limits, is_plain=True)


def plain_key_record(
    identity: Identity, limits: Limits | None, *, ends_in_nul: bool = False, is_cell: bool = False
) -> Parsed | Rejected:
    """Make a record from a plain key to get or delete. The key must not hide characters."""
    key = identity.key
    if is_plainly_visible(key):
        return key_record(identity, limits, is_plain=True)
    if breach := check_raw(key, limits, ends_in_nul=ends_in_nul, is_cell=is_cell):
        return Rejected(breach, identity, readable=False)
    parsed = key_record(identity, limits, is_plain=True)
    if isinstance(parsed, Parsed):
        return Parsed(identity, parsed.body, has_odd_blanks=True)
    return parsed


def key_object_parser(rules: Rules) -> Parser:
    """Return a parser of `{"key": …, "entityName": …}` lines as keys.

    Other members of a record are ignored.
    """
    return BlockParser(careful_key_object_parser(rules), key_lines_reader(rules))


def careful_key_object_parser(rules: Rules) -> Parser:
    """Return a parser with the results of `key_object_parser`, without its fast path."""
    strings = careful_key_line_parser(rules)

    def parse(piece: bytes) -> Parsed | Rejected:
        line = piece.strip(jsontext.WHITE_SPACE)
        if line.startswith(b'"'):
            return strings(line)
        fields = _fields(line, _check_depth(line, rules.limits, around=RECORD_DEPTH))
        if isinstance(fields, Rejected):
            return fields
        return key_record(_identity(fields, rules), rules.limits, is_plain=False)

    return parse


def _fields(line: bytes, too_deep: Breach | None) -> Fields | Rejected:
    """Read a line. A value that is too deep is still read, if parsers can, to report its key."""
    if too_deep and jsontext.depth_exceeds(line, PARSER_DEPTH):
        return Rejected(too_deep, readable=False)
    fields = read_fields(line)
    if isinstance(fields, Breach):
        return Rejected(fields, readable=False)
    return fields


def _identity(fields: Fields, rules: Rules) -> Identity:
    return Identity(rules.entity if fields.entity is None else fields.entity, fields.key)


def _check_depth(text: bytes, limits: Limits | None, around: int = 0) -> Breach | None:
    return checks.check_depth(text, limits or _READABLE, around)


def _check_identity(identity: Identity, limits: Limits | None) -> Breach | None:
    if limits is None:
        return checks.check_text(identity.key + (identity.entity or ""))
    breach = checks.check_key(identity.key, limits)
    if breach is None and identity.entity is not None:
        breach = checks.check_entity(identity.entity, limits)
    return breach


def _check(
    identity: Identity, fields: Fields, too_deep: Breach | None, limits: Limits | None
) -> Breach | None:
    """Return the first rule that a record breaks, or None.

    `too_deep` is the result for the whole line. If it is set, the value is checked again, because
    other members may be the deep ones, unless there are none.
    """
    value = fields.value
    breach = _check_identity(identity, limits)
    if breach is None and limits is not None:
        breach = checks.check_value(value, limits)
        if breach is None and identity.entity is not None:
            breach = checks.check_entity_value(value)
    if breach is not None or too_deep is None or fields.plain:
        return breach or too_deep
    return _check_depth(value, limits)


def set_record(fields: Fields, rules: Rules) -> Parsed | Rejected:
    """Make a record from separate parts: write its JSON around the exact bytes of the value.

    The caller must have checked that the value is JSON and not deeper than `PARSER_DEPTH`.
    """
    identity = _identity(fields, rules)
    too_deep = _check_depth(fields.value, rules.limits)
    breach = _check(identity, fields, too_deep, rules.limits)
    parsed = breach or _rebuilt(fields, identity, rules)
    if isinstance(parsed, Breach):
        return Rejected(parsed, identity, record=_as_given(fields, identity, rules))
    return parsed


def too_deep_to_read(text: bytes, limits: Limits | None) -> Breach | None:
    """Return a Breach if a text nests deeper than `PARSER_DEPTH`, else None."""
    return checks.too_deep(limits) if jsontext.depth_exceeds(text, PARSER_DEPTH) else None


def key_record(identity: Identity, limits: Limits | None, *, is_plain: bool) -> Parsed | Rejected:
    """Make a record from a key to get or delete.

    `is_plain` is False if the piece already is the JSON of a record with this key.
    """
    if breach := _check_identity(identity, limits):
        record = b"{%b}" % _identity_members(identity) if is_plain else None
        return Rejected(breach, identity, record=record)
    return Parsed(identity, b"{%b}" % _identity_members(identity))


def _rebuilt(fields: Fields, identity: Identity, rules: Rules) -> Parsed | Breach:
    """Write the record's JSON again, around the exact bytes of the value."""
    ttl: Ttl | Breach | None = rules.ttl
    expires_at: datetime | Breach | None = None
    if fields.ttl is not None:
        ttl = parse_ttl(fields.ttl, rules.limits)
    elif fields.expire_time is not None:
        ttl, expires_at = None, _expiry(fields, rules)
    if isinstance(ttl, Breach):
        return ttl
    if isinstance(expires_at, Breach):
        return expires_at
    return Parsed(identity, _body(identity, fields.value, ttl), expires_at)


def _body(identity: Identity, value: bytes, ttl: Ttl | None) -> bytes:
    options = b',"options":' + ttl.json if ttl else b""
    return b'{%b,"value":%b%b}' % (_identity_members(identity), value, options)


def _as_given(fields: Fields, identity: Identity, rules: Rules) -> bytes:
    """Return the JSON of a record with the ttl or expireTime of the input, valid or not."""
    expiry = b""
    if fields.ttl is not None:
        expiry = b',"ttl":' + json.dumps(fields.ttl).encode()
    elif fields.expire_time is not None:
        expiry = b',"expireTime":' + json.dumps(fields.expire_time).encode()
    elif rules.ttl is not None:
        expiry = b',"options":' + rules.ttl.json
    return b'{%b,"value":%b%b}' % (_identity_members(identity), fields.value, expiry)


def _with_default_ttl(line: bytes, fields: Fields, rules: Rules) -> bytes | None:
    """Return the line with the default ttl added; None if the default does not apply to it."""
    if rules.ttl is None or fields.ttl is not None or fields.expire_time is not None:
        return None
    members = jsontext.members(line) | {"options": rules.ttl.json}
    members.pop("ttl", None)
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), text) for name, text in members.items())


def _expiry(fields: Fields, rules: Rules) -> datetime | Breach:
    expires_at = parse_expire_time(fields.expire_time)
    if isinstance(expires_at, datetime) and rules.limits is not None:
        # The service's clock decides, and it may differ from this one: allow a day more.
        seconds = int(expires_at.timestamp() - rules.epoch()) - CLOCKS_APART_SECONDS
        if seconds > rules.limits.ttl_seconds:
            return Breach(
                codes.INVALID_TTL,
                f"the expireTime is too far away: at most {rules.limits.ttl_seconds:,} s "
                "from now are allowed",
            )
    return expires_at


def _identity_members(identity: Identity) -> bytes:
    key = b'"key":' + jsontext.string(identity.key)
    if identity.entity is None:
        return key
    return key + b',"entityName":' + jsontext.string(identity.entity)


def _argument_value(
    text: bytes, limits: Limits | None, *, string: bool
) -> tuple[bytes, Breach | None]:
    """Return the value's JSON, and a Breach if it is too deep.

    The JSON is b"" if the value is deeper than `PARSER_DEPTH`, so that it cannot be read.
    """
    if not string:
        too_deep = _check_depth(text, limits)
        if too_deep and jsontext.depth_exceeds(text, PARSER_DEPTH):
            return b"", too_deep
        try:
            return jsontext.value(text), too_deep
        except jsontext.JsonTextError:
            pass
    return orjson.dumps(text.decode()), None
