"""From what a caller gives to records and problems: mappings to set, keys to read or delete."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import orjson

from kvsctl import codes
from kvsctl.limits import Limits
from kvsctl.model import Identity, Origin, PieceList, Problem, Verb
from kvsctl.records.cutting.lines import Lines
from kvsctl.records.parsed import Parser
from kvsctl.records.parsing.records import key_object_parser, set_line_parser
from kvsctl.records.pieces import OddBlanks, Pieces
from kvsctl.records.rules import Rules

Key: TypeAlias = str | Mapping[str, Any]
"""A key, or a mapping with `key` and, for a record of an entity, `entityName`."""

SOURCE: Final = "record"
"""The source of a caller's records. Their line is their number, from 1."""
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_NULL: Final = b"null"
_NO_NUMBER: Final = "NaN and infinities are not JSON"


class Unusable(msgspec.Struct, frozen=True):
    """Why a caller's record cannot be written as JSON, and what it is called if that is known."""

    message: str
    identity: Identity | None = None


class Items(msgspec.Struct):
    """Makes records and problems of what a caller gives, and numbers them from 0."""

    verb: Verb
    pieces: Pieces

    @classmethod
    def of(
        cls, verb: Verb, limits: Limits, entity: str | None = None, *, keeps_numbers: bool = False
    ) -> "Items":
        """Return the items of an operation. `entity`: that of records which name none.

        `keeps_numbers`: a record to set fails if JavaScript, as in a bridge, would change a number
        of it.
        """
        rules = Rules(limits, entity)
        parser: Parser
        if verb is not Verb.SET:
            parser = key_object_parser(rules)
        elif keeps_numbers:
            from kvsctl.records.exact_numbers import exact_parser  # few targets are bridges

            parser = exact_parser(set_line_parser(rules))
        else:
            parser = set_line_parser(rules)
        return cls(verb, Pieces(SOURCE, parser, 0, OddBlanks()))

    def encoded(self, item: object) -> bytes | Unusable:
        """Return the JSON of one record or key. Nothing that is changed later counts."""
        if type(item) is dict:  # nearly every record, and a check for a Mapping takes long
            members: Mapping[str, Any] = item
        elif isinstance(item, str) and self.verb is not Verb.SET:
            members = {"key": item}
        elif isinstance(item, Mapping):
            members = dict(item)
        else:
            expected = "a mapping" if self.verb is Verb.SET else "a string or a mapping"
            return Unusable(f"expected {expected}, not {type(item).__name__}")
        try:
            text = orjson.dumps(members, option=_OPTIONS)
        except orjson.JSONEncodeError as error:
            return Unusable(f"the record cannot be written as JSON: {error}", _identity_of(members))
        if _NULL in text and _has_no_number(members):
            return Unusable(_NO_NUMBER, _identity_of(members))
        return text

    def taken(self, texts: Sequence[bytes | Unusable]) -> PieceList:
        """Return a record or a problem for each text, in order."""
        first = self.pieces.position
        unusable = {at: one for at, one in enumerate(texts) if isinstance(one, Unusable)}
        lines = [b"" if isinstance(one, Unusable) else one for one in texts]
        made = self.pieces.take(Lines(first + 1, lines))
        if not unusable:
            return made
        pieces = [*made]
        for at, one in unusable.items():
            pieces[at] = Problem(
                first + at,
                Origin(SOURCE, first + at + 1),
                one.identity,
                codes.INVALID_JSON,
                one.message,
                b"",
                readable=False,
            )
        return pieces


def _identity_of(members: Mapping[str, Any]) -> Identity | None:
    """Return what a record is called, for its failure; None if it has no usable key."""
    key, entity = members.get("key"), members.get("entityName")
    if isinstance(key, str) and (entity is None or isinstance(entity, str)):
        return Identity(entity, key)
    return None


def _has_no_number(value: object) -> bool:
    """Return whether a float anywhere in a value is not a number in JSON: it becomes null there."""
    return any(isinstance(one, float) and not math.isfinite(one) for one in _leaves(value))


def _leaves(value: object) -> Iterator[object]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        else:
            yield one
