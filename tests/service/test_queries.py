"""Queries: their bodies, and the pages that answer them."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl import emulator
from kvsctl.jsontext import PARSER_DEPTH
from kvsctl.model import Found, Identity, Record, Verb
from kvsctl.service.auth.credentials import Credentials, bearer
from kvsctl.service.client import QueryAnswer, StoreClient
from kvsctl.service.faults import FaultKind
from kvsctl.service.found import UnreadableAnswer
from kvsctl.service.queries import EntityIndex, Query, decode_page, encode_query
from kvsctl.service.transport.in_process import in_process
from kvsctl.service.wire import MetadataRequest
from tests.support.jsontexts import STRINGS, VALUES, array_of, object_of

_EXPIRES = MetadataRequest(expires=True)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (Query("", 100), {"limit": 100}),
        (
            Query("user:", 7, "c"),
            {
                "limit": 7,
                "where": [{"property": "key", "condition": "BEGINS_WITH", "values": ["user:"]}],
                "after": "c",
            },
        ),
        (
            Query("a", 2, "c", EntityIndex("pet")),
            {
                "limit": 2,
                "entityName": "pet",
                "indexName": "by-key",
                "range": {"condition": "BEGINS_WITH", "values": ["a"]},
                "cursor": "c",
            },
        ),
        (
            Query("", 2, None, EntityIndex("pet", "by-age", ["cat", 1], {"condition": "X"})),
            {
                "limit": 2,
                "entityName": "pet",
                "indexName": "by-age",
                "partition": ["cat", 1],
                "range": {"condition": "X"},
            },
        ),
    ],
)
def test_a_query_says_what_to_list(query: Query, body: dict[str, Any]) -> None:
    assert json.loads(encode_query(query, MetadataRequest())) == body
    options = {"options": {"metadataFields": ["EXPIRE_TIME"]}}
    assert json.loads(encode_query(query, _EXPIRES)) == body | options


@st.composite
def _pages(draw: st.DrawFn) -> tuple[str, list[str], list[Found], str | None]:
    keys, found, texts = [], [], []
    for key in draw(st.lists(STRINGS, max_size=4)):
        value = draw(VALUES)
        pairs = [('"key"', key), ('"value"', value)]
        created = expires = None
        if draw(st.booleans()):
            created, expires = 5, "2026-01-01T00:00:00Z"
            pairs += [('"createdAt"', "5"), ('"expireTime"', json.dumps(expires))]
        pairs += draw(st.sampled_from([[], [('"new"', "[1]")]]))
        keys.append(json.loads(key))
        found.append(Found(value.encode(), created, None, expires))
        texts.append(draw(object_of(draw(st.permutations(pairs)))))
    cursor = draw(st.sampled_from([None, "c", "\u00e9"]))
    members = [('"data"', draw(array_of(texts)))]
    if cursor or draw(st.booleans()):
        members.append(('"cursor"', json.dumps(cursor)))
    return draw(object_of(draw(st.permutations(members)))), keys, found, cursor


@given(_pages())
def test_a_page_holds_what_its_text_says(
    drawn: tuple[str, list[str], list[Found], str | None],
) -> None:
    text, keys, found, cursor = drawn
    body = text.encode()
    if any("\ud800" <= character <= "\udfff" for key in keys for character in key):
        with pytest.raises(UnreadableAnswer, match="not valid Unicode"):
            decode_page(body)
        return
    page = decode_page(body)
    assert page.keys == keys
    assert list(page.found) == found
    assert (page.cursor, page.body_bytes) == (cursor, len(body))


def test_the_records_of_an_entity_are_not_taken_for_whole_lines() -> None:
    body = b'{"data":[{"key":"a","value":1}]}'
    assert decode_page(body).found.plain_records is not None
    page = decode_page(body, of_entity=True)
    assert page.found.plain_records is None
    assert list(page.found) == [Found(b"1")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"data":1}',
        b'{"data":[1]}',
        b'{"data":[{"key":"a"}]}',
        b'{"data":[{"value":1}]}',
        b'{"data":[],"cursor":1}',
        b'{"data":[],"cursor":"\\ud800"}',
        b'{"data":[{"key":"a\\ud800","value":1}]}',
        b'{"data":[{"key":"a","value":"\xff"}]}',
        b'{"data":[{"key":"a","value":1}]',
        b'{"data":[{"key":"a","value":1,"createdAt":1e999}]}',
        b'{"data":[{"key":"a","value":%b1%b}]}'
        % (b"[" * (PARSER_DEPTH + 1), b"]" * (PARSER_DEPTH + 1)),
    ],
)
def test_anything_else_is_not_a_page(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        decode_page(body)


def _client(embedded: emulator.Emulator, metadata: MetadataRequest) -> StoreClient:
    return StoreClient(
        in_process("http://kvsctl.localhost", embedded, 30.0),
        Credentials(None, bearer),
        fixed_headers={},
        timeout_seconds=30.0,
        metadata=metadata,
    )


def _asked(path: Path, *queries: Query, metadata: MetadataRequest) -> Sequence[QueryAnswer]:
    async def work() -> Sequence[QueryAnswer]:
        async with aclosing(emulator.embedded(path)) as embedded:
            bodies = {key: b'{"key":"%b","value":1}' % key.encode() for key in "abcd"}
            records = [
                Record(place, "f", 1, Identity(None, key), body)
                for place, (key, body) in enumerate(bodies.items())
            ]
            await _client(embedded, MetadataRequest()).call(Verb.SET, records)
            client = _client(embedded, metadata)
            return [await client.query(query) for query in queries]

    return asyncio.run(work())


def test_a_store_is_asked(tmp_path: Path) -> None:
    first, refused = _asked(
        tmp_path / "db", Query("", 3), Query("", 101), metadata=MetadataRequest(True, True, True)
    )
    page = first.page
    assert page is not None
    assert page.keys == ["a", "b", "c"]
    assert [one.value for one in page.found] == [b"1"] * 3
    assert page.found.updated_at is not None
    assert page.cursor is not None
    assert first.bytes_received == page.body_bytes
    assert refused.page is None
    assert refused.fault is not None
    assert refused.fault.kind is FaultKind.REFUSED
    assert refused.fault.code == "LIST_QUERY_LIMIT_EXCEEDED"
