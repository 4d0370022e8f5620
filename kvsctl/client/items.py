"""Turn the caller's input into records and problems: mappings to set, keys to read or delete."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import eq
from typing import Any, Final, TypeAlias

import msgspec
import orjson

from kvsctl import codes
from kvsctl.model import Identity, Origin, PieceList, Problem, Verb
from kvsctl.records.cutting.lines import Lines
from kvsctl.records.parsed import Parser
from kvsctl.records.parsing.records import key_object_parser, written_record_parser
from kvsctl.records.pieces import OddBlanks, Pieces
from kvsctl.records.rules import Rules

Key: TypeAlias = str | Mapping[str, Any]
"""A key, or a mapping with `key` and, for a record of an entity, `entityName`."""

SOURCE: Final = "record"
"""The source of a caller's records. Their line is their number, from 1."""
_OPTIONS: Final = (
    orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_APPEND_NEWLINE
)
_RECORDS: Final[frozenset[type]] = frozenset({dict})
_RECORDS_OR_KEYS: Final[frozenset[type]] = frozenset({dict, str})
_SEPARATOR: Final[Any] = orjson.Fragment(b"\n")
_SEPARATED: Final = b",\n,"
"""The separator of texts that are encoded together: JSON from orjson has no line breaks."""
_NULL: Final = b"null"
_NON_FINITE: Final = "NaN and infinities are not JSON"


class Unusable(msgspec.Struct, frozen=True):
    """Why a caller's record cannot be written as JSON, and its identity if that is known."""

    message: str
    identity: Identity | None = None


class Block:
    """Records or keys of the caller, as JSON, before they are checked.

    `texts` has an empty text at each index in `unusable`.
    """

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.unusable: dict[int, Unusable] = {}

    def refuse(self, one: Unusable) -> None:
        """Add a record that cannot be used."""
        self.unusable[len(self.texts)] = one
        self.texts.append(b"")


class Items(msgspec.Struct):
    """Makes records and problems of what a caller gives, and numbers them from 0."""

    verb: Verb
    pieces: Pieces

    @classmethod
    def of(cls, verb: Verb, rules: Rules, *, keeps_numbers: bool = False) -> "Items":
        """Return the items of an operation. `rules`: the checks for them, and defaults.

        `keeps_numbers`: a record to set fails if JavaScript, as in a bridge, would change one of
        its numbers.
        """
        parser: Parser
        if verb is not Verb.SET:
            parser = key_object_parser(rules)
        elif keeps_numbers:
            from kvsctl.records.exact_numbers import exact_parser  # few targets are bridges

            parser = exact_parser(written_record_parser(rules))
        else:
            parser = written_record_parser(rules)
        return cls(verb, Pieces(SOURCE, parser, 0, OddBlanks()))

    def encode(self, items: Iterable[object], block: Block) -> None:
        """Add the JSON of records or keys. Each is encoded before the next one is taken.

        So later changes by the caller have no effect. Keys that are strings, which cannot change,
        are encoded many at once, which is faster.
        """
        if self.verb is Verb.SET:
            self._encode_each(items, block)
            return
        for kind, some in groupby(items, type):
            if kind is not str:
                self._encode_each(some, block)
                continue
            keys: list[object] = []
            try:
                keys.extend(some)
            finally:  # what was taken before an exception counts
                self.encode_at_once(keys, block)

    def _encode_each(self, items: Iterable[object], block: Block) -> None:
        is_set, dumps, append = self.verb is Verb.SET, orjson.dumps, block.texts.append
        for item in items:
            if type(item) is dict or (type(item) is str and not is_set):
                try:
                    text = dumps(item, None, _OPTIONS)
                except orjson.JSONEncodeError:
                    text = _NULL
                # bytes.find, because `in` raises and drops an error first, to tell bytes from a
                # number. The slice copies the text out of a larger buffer.
                if text.find(_NULL) < 0 or (text != _NULL and _read_back([text], [item])):
                    append(text[:-1])
                    continue
            self._encode_carefully(item, block)

    def encode_at_once(self, items: Sequence[object], block: Block) -> None:
        """Do the same as `encode`, faster, with items that all exist already."""
        if not items:
            return
        if not self._common.issuperset(map(type, items)):
            self._encode_each(items, block)
            return
        separated = [_SEPARATOR] * (2 * len(items) - 1)
        separated[::2] = items
        try:
            text = orjson.dumps(separated, None, _OPTIONS)
        except orjson.JSONEncodeError:
            self._encode_each(items, block)
            return
        texts = text[1:-2].split(_SEPARATED)
        # An orjson.Fragment may have line breaks.
        if len(texts) > len(items) or (_NULL in text and not _read_back(texts, items)):
            self._encode_each(items, block)
        else:
            block.texts += texts

    def pieces_of(self, block: Block) -> PieceList:
        """Return a record or a problem for each text of a block, in order."""
        first = self.pieces.position
        made = self.pieces.take(Lines(first + 1, block.texts))
        if not block.unusable:
            return made
        pieces = [*made]
        for at, one in block.unusable.items():
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

    @property
    def _common(self) -> frozenset[type]:
        """The types of items that are encoded as they are. Checking for a Mapping is slow."""
        return _RECORDS if self.verb is Verb.SET else _RECORDS_OR_KEYS

    def _encode_carefully(self, item: object, block: Block) -> None:
        if isinstance(item, str) and self.verb is not Verb.SET:
            members: Mapping[str, Any] = {"key": item}
        elif isinstance(item, Mapping):
            members = dict(item)
        else:
            expected = "a mapping" if self.verb is Verb.SET else "a string or a mapping"
            block.refuse(Unusable(f"expected {expected}, not {type(item).__name__}"))
            return
        try:
            text = orjson.dumps(members, None, _OPTIONS)
        except orjson.JSONEncodeError as error:
            message = f"the record cannot be written as JSON: {error}"
            block.refuse(Unusable(message, _identity_of(members)))
            return
        if _NULL in text and not _read_back([text], [members]) and _has_non_finite(members):
            block.refuse(Unusable(_NON_FINITE, _identity_of(members)))
        else:
            block.texts.append(text[:-1])


def _identity_of(members: Mapping[str, Any]) -> Identity | None:
    """Return the identity of a record, for its failure; None if it has no usable key."""
    key, entity = members.get("key"), members.get("entityName")
    if isinstance(key, str) and (entity is None or isinstance(entity, str)):
        return Identity(entity, key)
    return None


def _read_back(texts: Sequence[bytes], items: Sequence[object]) -> bool:
    """Return whether each text certainly equals its item, so that no float became a null.

    This is faster than checking each float. A tuple, for example, is not certain.
    """
    try:
        return all(map(eq, map(orjson.loads, texts), items))
    except Exception:  # of an `orjson.Fragment`, or of a comparison of the caller's
        return False


def _has_non_finite(value: object) -> bool:
    """Return whether a value contains NaN or an infinity, which orjson writes as null."""
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
