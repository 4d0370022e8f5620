"""Queries: list the keys of a store or of an entity, page by page.

Answers always carry values. Of the metadata only `expireTime` is promised; an answer may lack the
rest although it was requested (contract: section "Endpoints").
"""

import json
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from kvsctl import jsontext
from kvsctl.jsontext import json_line
from kvsctl.service.found import (
    FoundMembers,
    UnreadableAnswer,
    found_plain,
    found_with_members,
    members_of,
    require_shallow,
    require_utf8,
    too_deep,
)
from kvsctl.service.wire import ENTITY_QUERY, PLAIN_QUERY, MetadataRequest
from kvsctl.slabs import FoundRecord, FoundSlab

BY_KEY: Final = "by-key"
"""The index that every entity has. It lists in key order, and costs nothing extra."""


class EntityIndex(msgspec.Struct, frozen=True):
    """An entity, and the index by which it is listed.

    `partition` holds one value for each attribute of the index's partition. `range` is a condition
    on the index's range attribute: `{"condition": …, "values": […]}`.
    """

    entity: str
    index: str = BY_KEY
    partition: Sequence[Any] = ()
    range: Mapping[str, Any] | None = None

    @property
    def is_by_key(self) -> bool:
        """Whether it lists in key order, and can be asked for a prefix."""
        return self.index == BY_KEY and self.range is None


class Query(msgspec.Struct, frozen=True):
    """A request for at most `limit` records, in the order of the keys or of the entity's index.

    With `prefix`, it lists only keys that begin with it; an entity then must be listed by key.
    `cursor` is that of the page before; None for the first page. `entity` None: plain keys.
    """

    prefix: str
    limit: int
    cursor: str | None = None
    entity: EntityIndex | None = None

    @property
    def path(self) -> str:
        """The path of the endpoint."""
        return PLAIN_QUERY if self.entity is None else ENTITY_QUERY


class Page(msgspec.Struct, frozen=True, gc=False):
    """The records of one page. `keys` and `found` have the same length. `cursor` None: the last.

    `body_bytes` is the size of the whole answer.
    """

    keys: Sequence[str]
    found: FoundSlab
    cursor: str | None = None
    body_bytes: int = 0


def encode_query(query: Query, metadata: MetadataRequest) -> bytes:
    """Return the body of a query."""
    clause = {"condition": "BEGINS_WITH", "values": [query.prefix]}
    body: dict[str, object] = {"limit": query.limit}
    if (entity := query.entity) is not None:
        body |= {"entityName": entity.entity, "indexName": entity.index}
        if entity.partition:
            body["partition"] = list(entity.partition)
        if entity.range is not None:
            body["range"] = entity.range
        elif query.prefix:
            body["range"] = clause
        if query.cursor is not None:
            body["cursor"] = query.cursor
    else:
        if query.prefix:
            body["where"] = [{"property": "key", **clause}]
        if query.cursor is not None:
            body["after"] = query.cursor
    return json_line(body)[:-1] + metadata.member + b"}"


class _PlainPage(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A page of records with only a key and a value, as nearly all pages are."""

    data: list[FoundRecord]
    cursor: str | None = None


class _Page(msgspec.Struct, gc=False):
    data: list[FoundMembers]
    cursor: str | None = None


_decode_plain = msgspec.json.Decoder(_PlainPage).decode
_decode = msgspec.json.Decoder(_Page).decode


def decode_page(body: bytes, *, of_entity: bool = False) -> Page:
    """Return the page that a 200 answer to a query holds. Raise UnreadableAnswer.

    `of_entity`: its records are those of an entity, whose name the answer does not contain.
    """
    size, body = len(body), body.removeprefix(BOM_UTF8)
    try:
        require_utf8(body)
        plain = _decode_plain(body)
        found = found_plain(plain.data, body)
        if of_entity:  # a line of such a record has more than the members of the answer
            found = FoundSlab(found.values, is_compact=found.is_compact)
        return Page([one.key for one in plain.data], found, plain.cursor or None, size)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        page = _decoded(body)
    found = found_with_members(page.data, body)
    return Page([one.key for one in page.data], found, page.cursor or None, size)


def _decoded(body: bytes) -> _Page:
    try:
        require_utf8(body)
        return _decode(body)
    except RecursionError:
        raise too_deep() from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        require_shallow(body)
    try:
        answer = jsontext.members(body)
        records = [members_of(one) for one in jsontext.elements(answer["data"])]
        cursor = msgspec.convert(json.loads(answer.get("cursor", b"null")), str | None)
    except KeyError as error:
        raise UnreadableAnswer(f"no member {error}") from None
    except (jsontext.JsonTextError, msgspec.MsgspecError, ValueError, TypeError) as error:
        raise UnreadableAnswer(str(error)) from None
    _require_text([*(one.key for one in records), cursor or ""])
    return _Page(records, cursor)


def _require_text(names: Sequence[str]) -> None:
    """Raise UnreadableAnswer if a name has a lone surrogate, which no request can carry."""
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        raise UnreadableAnswer("a key or the cursor is not valid Unicode") from None
