"""Read the members of records besides key and value, as columns: entities, ttls, expiry times."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from operator import sub
from typing import Any, Final

import msgspec
import orjson

from kvsctl.limits import TTL_UNIT_SECONDS, Limits
from kvsctl.records.checks import Breach, check_entity
from kvsctl.records.fast.columns import Extras, converted, string_of_json, strings_of_json
from kvsctl.records.rules import Rules
from kvsctl.records.ttl import CLOCKS_APART_SECONDS, SHORT_UNITS, parse_ttl

_MISSING: Final = (b"", b"null")
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_FEW: Final = 30
"""Up to so many different ttls are read one by one, because each is read only once."""
_are_short_ttls: Final = re.compile(rb'"[0-9]{1,12}[smhd]"(?:\n"[0-9]{1,12}[smhd]")*+').fullmatch


class _TtlObject(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    value: int
    unit: str


_encode_lines = msgspec.json.Encoder().encode_lines
_decode_ttls = msgspec.json.Decoder(list[_TtlObject]).decode


def default_extras(rules: Rules, count: int, others: set[int]) -> Extras:
    """Return the extras of records that have nothing but key and value: the defaults."""
    return Extras(default_entities(rules, count, others), repeat(_default_options(rules)))


def default_entities(rules: Rules, count: int, others: set[int]) -> list[str | None] | None:
    """Return the entities of records that name none."""
    if rules.entity is None:
        return None
    if check_entity(rules.entity, rules.certain_limits):
        others.update(range(count))
    return [rules.entity] * count


def extras_of_json(
    rules: Rules,
    members: Callable[[str], Sequence[msgspec.Raw] | None],
    count: int,
    others: set[int],
) -> Extras:
    """Return the extras of objects.

    `members` returns the members of a name, as JSON or empty; None if no object has one.
    """
    limits = rules.certain_limits
    entities = entity_column(members("entityName"), rules, count, others)
    extras = Extras(entities, repeat(_default_options(rules)))
    ttls, options, times = members("ttl"), members("options"), members("expireTime")
    ttl_texts: list[bytes | None]
    if options is not None:
        pairs = list(zip(map(bytes, ttls or repeat(b"")), map(bytes, options)))  # noqa: B905
        ttl_texts = converted(pairs, _options_of_both(limits), others, None)
    elif ttls is not None:
        ttl_texts = _options_of_ttls(list(map(bytes, ttls)), limits, others)
    else:
        ttl_texts = []
    expiries = [] if times is None else _moments_of_json(times, others)
    return _with_expiry(extras, rules, ttl_texts, expiries, others)


def extras_of_cells(
    rules: Rules, cells: Callable[[str], Sequence[str] | None], count: int, others: set[int]
) -> Extras:
    """Return the extras of rows. `cells` returns the column of a name; None if there is none."""
    extras = default_extras(rules, count, others)
    named, ttls, times = cells("entityName"), cells("ttl"), cells("expireTime")
    if named is not None:
        extras.entities = entities_of_cells(named, rules, others)
    of_ttl = _options_of_given(rules.certain_limits)
    ttl_texts = (
        [] if ttls is None else converted(ttls, lambda cell: of_ttl(cell or None), others, None)
    )
    expiries = [] if times is None else _moments_of_cells(times, others)
    return _with_expiry(extras, rules, ttl_texts, expiries, others)


def entity_column(
    column: Sequence[msgspec.Raw] | None, rules: Rules, count: int, others: set[int]
) -> list[str | None] | None:
    """Return the entities of `count` records whose `entityName` is this JSON, or empty.

    The column is None if no record has the member.
    """
    default = default_entities(rules, count, others)
    if column is None:
        return default
    legal = _legal_entity(rules.certain_limits)
    texts = strings_of_json(b"\n".join(column), len(column))
    if texts is not None:
        return converted(texts, legal, others, rules.entity)

    def of_json(text: bytes) -> str | None:
        return rules.entity if text in _MISSING else legal(string_of_json(text))

    return converted(list(map(bytes, column)), of_json, others, rules.entity)


def entities_of_cells(
    column: Sequence[str], rules: Rules, others: set[int]
) -> list[str | None] | None:
    """Return the entities of rows whose `entityName` is this cell."""
    default_entities(rules, len(column), others)
    legal = _legal_entity(rules.certain_limits)
    return converted(
        column, lambda name: legal(name) if name else rules.entity, others, rules.entity
    )


def require_options(
    ttls: Sequence[msgspec.Raw], options: Sequence[msgspec.Raw], rules: Rules, others: set[int]
) -> None:
    """Add to `others` the indexes of records that may not have these options."""
    pairs = list(zip(map(bytes, ttls), map(bytes, options), strict=True))
    converted(pairs, _options_of_both(rules.certain_limits), others, None)


def _with_expiry(
    extras: Extras,
    rules: Rules,
    ttl_texts: Sequence[bytes | None],
    expiries: list[float | None],
    others: set[int],
) -> Extras:
    """Add ttls and expiry times. A ttl overrides an expiry time, and both override the default."""
    default = _default_options(rules)
    if not expiries:
        if ttl_texts:
            extras.options = [default if text is None else text for text in ttl_texts]
        return extras
    if ttl_texts:
        pairs = list(zip(ttl_texts, expiries, strict=True))
        expiries = [moment if text is None else None for text, moment in pairs]
        extras.options = [
            text if text is not None else default if moment is None else b""
            for text, moment in pairs
        ]
    elif default:
        extras.options = [default if moment is None else b"" for moment in expiries]
    latest = rules.epoch() + rules.certain_limits.ttl_seconds + CLOCKS_APART_SECONDS
    others.update(
        place for place, moment in enumerate(expiries) if moment is not None and moment > latest
    )
    extras.expiries = expiries
    return extras


def _default_options(rules: Rules) -> bytes:
    return b"" if rules.ttl is None else b',"options":' + rules.ttl.json


def _legal_entity(limits: Limits) -> Callable[[str], str]:
    def convert(name: str) -> str:
        if check_entity(name, limits):
            raise ValueError
        return name

    return convert


def _options_of_ttls(column: list[bytes], limits: Limits, others: set[int]) -> list[bytes | None]:
    if len(set(column)) > _FEW:
        read = _options_of_texts if column[0].startswith(b'"') else _options_of_objects
        try:
            return [*read(column, limits)]
        except (msgspec.MsgspecError, ValueError, KeyError):
            pass
    return converted(column, _options_of_json(limits), others, None)


def _options_of_texts(column: list[bytes], limits: Limits) -> list[bytes]:
    """Return the options of ttls if all are short texts. Raise ValueError if not."""
    joined = b"\n".join(column)
    if not _are_short_ttls(joined):
        raise ValueError
    texts = joined[1:-1].decode().split('"\n"')
    return _options_of(
        [_TtlObject(int(text[:-1]), SHORT_UNITS[text[-1]]) for text in texts], limits
    )


def _options_of_objects(column: list[bytes], limits: Limits) -> list[bytes]:
    """Return the options of ttls if all are objects. Raise an error if not."""
    return _options_of(_decode_ttls(b"[%b]" % b",".join(column)), limits)


def _options_of(ttls: Sequence[_TtlObject], limits: Limits) -> list[bytes]:
    seconds = [ttl.value * TTL_UNIT_SECONDS[ttl.unit] for ttl in ttls]
    if min(seconds) <= 0 or max(seconds) > limits.ttl_seconds:
        raise ValueError
    texts = _encode_lines(ttls).split(b"\n")[:-1]
    return [b',"options":{"ttl":%b}' % text for text in texts]


def _options_of_given(limits: Limits) -> Callable[[Any], bytes | None]:
    def convert(given: Any) -> bytes | None:
        if given is None:
            return None
        ttl = parse_ttl(given, limits)
        if isinstance(ttl, Breach):
            raise ValueError  # noqa: TRY004 - it declines
        return b',"options":' + ttl.json

    return convert


def _options_of_json(limits: Limits) -> Callable[[bytes], bytes | None]:
    of_given = _options_of_given(limits)
    return lambda text: of_given(_loaded(text))


def _options_of_both(limits: Limits) -> Callable[[tuple[bytes, bytes]], bytes | None]:
    of_given = _options_of_given(limits)

    def convert(texts: tuple[bytes, bytes]) -> bytes | None:
        ttl, options = map(_loaded, texts)
        if options is None:
            return of_given(ttl)
        if not isinstance(options, dict) or options.keys() - {"ttl"}:
            raise ValueError
        if "ttl" not in options:
            return of_given(ttl)
        if ttl is not None:
            raise ValueError
        return of_given(options["ttl"])

    return convert


def _loaded(text: bytes) -> Any:
    return None if text in _MISSING else orjson.loads(text)


def _moments_of_json(column: Sequence[msgspec.Raw], others: set[int]) -> list[float | None]:
    texts = strings_of_json(b"\n".join(column), len(column))
    if texts is not None:
        try:
            return [*_moments(texts)]
        except ValueError:
            pass
    return converted(list(map(bytes, column)), _moment_of_json, others, None)


def _moments_of_cells(column: Sequence[str], others: set[int]) -> list[float | None]:
    try:
        return [*_moments(column)]
    except ValueError:
        return converted(column, lambda cell: _moment(cell) if cell else None, others, None)


def _moment_of_json(text: bytes) -> float | None:
    return None if text in _MISSING else _moment(string_of_json(text))


def _moment(text: str) -> float:
    return _moments([text])[0]


def _moments(texts: Sequence[str]) -> list[float]:
    """Return times in epoch seconds. Raise ValueError if one is not valid."""
    moments = map(datetime.fromisoformat, texts)
    try:
        since = list(map(sub, moments, repeat(_EPOCH)))
    except TypeError:  # a time without a time zone
        raise ValueError from None
    return list(map(timedelta.total_seconds, since))
