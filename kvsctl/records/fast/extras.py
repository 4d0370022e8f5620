"""Read the other members of records, as columns: entities, ttls and expiry times."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any, Final, cast

import msgspec
import orjson
from msgspec import UNSET

from kvsctl.limits import TTL_UNIT_SECONDS, Limits
from kvsctl.records.checks import Breach, check_entity
from kvsctl.records.fast.columns import Entities, Extras, converted, name_end, string_of_json
from kvsctl.records.fast.members import Members
from kvsctl.records.rules import Rules
from kvsctl.records.ttl import CLOCKS_APART_SECONDS, SHORT_UNITS, parse_ttl

TEXTS: Final = frozenset({"entityName", "expireTime"})
"""The members that are texts, or null."""
_MISSING: Final = (b"", b"null")
_FEW: Final = 30
"""Up to this many different ttls are read one by one, because each is read only once."""
_are_short_ttls: Final = re.compile(rb'"[0-9]{1,12}[smhd]"(?:\n"[0-9]{1,12}[smhd]")*+').fullmatch


class _TtlObject(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    value: int
    unit: str


_encode_lines = msgspec.json.Encoder().encode_lines
_decode_ttls = msgspec.json.Decoder(list[_TtlObject]).decode


def default_extras(rules: Rules, count: int, others: set[int]) -> Extras:
    """Return the extras of records that have nothing but key and value: the defaults."""
    return Extras(default_entities(rules, count, others), repeat(_default_options(rules)))


def default_entities(rules: Rules, count: int, others: set[int]) -> Entities | None:
    """Return the entities of records that name none."""
    if rules.entity is None:
        return None
    if check_entity(rules.entity, rules.certain_limits):
        others.update(range(count))
    return Entities([rules.entity] * count, repeat(name_end(rules.entity)))


def extras_of_json(
    rules: Rules, members: Members, others: set[int], hidden: str | None = None
) -> Extras:
    """Return the extras of objects. A member named `hidden` has another meaning."""
    limits = rules.certain_limits
    extras = Extras(
        entities_of_json(rules, members, others, hidden), repeat(_default_options(rules))
    )
    ttls = None if hidden == "ttl" else _without_nulls(members.column_if_any("ttl"))
    options = None if hidden == "options" else _without_nulls(members.column_if_any("options"))
    times = _texts(members, "expireTime", others, hidden)
    ttl_texts: list[bytes | None]
    if options is not None:
        pairs = list(zip(_split(ttls) if ttls else repeat(b""), _split(options)))  # noqa: B905
        ttl_texts = converted(pairs, _options_of_both(limits), others, None)
    elif ttls is not None:
        ttl_texts = _options_of_ttls(_split(ttls), limits, others)
    else:
        ttl_texts = []
    expiries = [] if times is None else _expiries(times, rules, others)
    return _with_expiry(extras, rules, ttl_texts, expiries)


def extras_of_columns(
    rules: Rules,
    entities: Sequence[str | None] | None,
    ttls: list[bytes] | None,
    others: set[int],
) -> Extras:
    """Return the extras of records with these columns; None: no record has such a member.

    In a record without them, the entity is None and the ttl is empty.
    """
    count = len(entities or ttls or ())
    named = (
        default_entities(rules, count, others)
        if entities is None
        else _entities(entities, rules, others)
    )
    extras = Extras(named, repeat(_default_options(rules)))
    if ttls is None:
        return extras
    return _with_expiry(extras, rules, _options_of_ttls(ttls, rules.certain_limits, others), [])


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
    expiries = [] if times is None else _expiries(_filled(times), rules, others)
    return _with_expiry(extras, rules, ttl_texts, expiries)


def entities_of_json(
    rules: Rules, members: Members, others: set[int], hidden: str | None = None
) -> Entities | None:
    """Return the entities of objects; None if none has one."""
    column = _texts(members, "entityName", others, hidden)
    if column is None:
        return default_entities(rules, len(members.entries), others)
    return _entities(column, rules, others)


def entities_of_cells(column: Sequence[str], rules: Rules, others: set[int]) -> Entities:
    """Return the entities of rows whose `entityName` cells are this column."""
    return _entities(_filled(column), rules, others)


def _filled(cells: Sequence[str]) -> Sequence[str | None]:
    """Return cells, with None in place of empty ones."""
    return cells if all(cells) else [cell or None for cell in cells]


def _entities(column: Sequence[str | None], rules: Rules, others: set[int]) -> Entities:
    """Return the entities that a column names. Entries that name none get the default."""
    default_entities(rules, len(column), others)

    def end_of(name: str | None) -> bytes:
        if name is None:
            return name_end(rules.entity)
        if check_entity(name, rules.certain_limits):
            raise ValueError
        return name_end(name)

    ends = converted(column, end_of, others, b"")
    return Entities(column if all(column) else [name or rules.entity for name in column], ends)


def _texts(
    members: Members, name: str, others: set[int], hidden: str | None
) -> Sequence[str | None] | None:
    """Return the members of a name in `TEXTS`, None where null or missing; None if all are."""
    column = None if name == hidden else members.texts_if_any(name)
    if column is None:
        return None
    if isinstance(column[0], msgspec.Raw):
        return converted(_split(cast("list[msgspec.Raw]", column)), _text_of_json, others, None)
    if all(column):
        return cast("list[str]", column)
    return [None if text is UNSET else cast("str | None", text) for text in column]


def _split(column: Sequence[msgspec.Raw]) -> list[bytes]:
    """Return the bytes of a column, in a third of the time of `bytes` for each."""
    return b"\0".join(column).split(b"\0")  # no JSON holds a NUL


def _without_nulls(column: list[msgspec.Raw] | None) -> list[msgspec.Raw] | None:
    """Return a column; None if its entries are null or empty."""
    joined = b"".join(column or ())
    return None if joined == b"null" * (len(joined) // len(b"null")) else column


def _text_of_json(text: bytes) -> str | None:
    return None if text in _MISSING else string_of_json(text)


def require_options(
    ttls: Sequence[msgspec.Raw], options: Sequence[msgspec.Raw], rules: Rules, others: set[int]
) -> None:
    """Add to `others` the indexes of records whose options are not certainly valid."""
    pairs = list(zip(_split(ttls), _split(options), strict=True))
    converted(pairs, _options_of_both(rules.certain_limits), others, None)


def _with_expiry(
    extras: Extras,
    rules: Rules,
    ttl_texts: Sequence[bytes | None],
    expiries: Sequence[datetime | None],
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
    extras.expiries = expiries
    return extras


def _default_options(rules: Rules) -> bytes:
    return b"" if rules.ttl is None else b',"options":' + rules.ttl.json


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


def _expiries(
    texts: Sequence[str | None], rules: Rules, others: set[int]
) -> Sequence[datetime | None]:
    """Return expiry times; None for each record that has none."""
    limits = rules.certain_limits
    latest = rules.epoch() + limits.ttl_seconds + CLOCKS_APART_SECONDS

    def moment_of(text: str | None) -> datetime | None:
        if text is None:
            return None
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or moment.timestamp() > latest:
            raise ValueError
        return moment

    try:
        moments = list(map(datetime.fromisoformat, cast("Sequence[str]", texts)))
        if max(moments).timestamp() <= latest and moments[0].tzinfo is not None:
            return moments
    except (TypeError, ValueError):
        # One is missing, has no time zone, or is not valid.
        pass
    return converted(texts, moment_of, others, None)
