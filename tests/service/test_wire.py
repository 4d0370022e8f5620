import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl import jsontext
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Identity, Record
from kvsctl.service.wire import (
    MetadataRequest,
    encode,
    key_bodies,
    key_body,
    wire_bytes,
    wire_bytes_of_all,
)
from tests.support.jsontexts import LEGAL_KEYS, VALUES
from tests.support.records import moment, slab_of

NOW = 1_767_225_600.0
_TICK = timedelta(microseconds=1)
ALL = MetadataRequest(created=True, updated=True, expires=True)
NOTHING = MetadataRequest()


def record(body: bytes, expires_at: float | None = None) -> Record:
    return Record(0, "f", 1, Identity(None, "a"), body, moment(expires_at))


@st.composite
def set_records(draw: st.DrawFn) -> Record:
    key, value = draw(LEGAL_KEYS), draw(VALUES)
    left = draw(st.none() | st.floats(0.001, 2e11))
    body = f'{{"key":{json.dumps(key)},"value":{value}}}'.encode()
    return record(body, None if left is None else NOW + left)


class TestEncode:
    @given(st.lists(set_records(), min_size=1, max_size=5))
    def test_holds_exactly_the_records(self, records: list[Record]) -> None:
        body = encode(records, NOTHING, NOW)
        parts = jsontext.elements(body)
        assert len(parts) == len(records)
        for part, one in zip(parts, records, strict=True):
            members = jsontext.members(part)
            own = jsontext.members(one.body)
            assert {name: members[name] for name in own} == own
            assert members.keys() - own.keys() == ({"options"} if one.expires_at else set())
            if one.expires_at is None:
                assert part == one.body

    @given(st.lists(set_records(), min_size=1, max_size=5))
    def test_is_never_longer_than_the_sum_of_wire_bytes(self, records: list[Record]) -> None:
        assert len(encode(records, NOTHING, NOW)) <= 2 + sum(map(wire_bytes, records))

    @given(st.lists(set_records(), min_size=1, max_size=5))
    def test_a_slab_is_encoded_as_its_records_are(self, records: list[Record]) -> None:
        whole = slab_of(records)
        assert encode(whole, NOTHING, NOW) == encode(records, NOTHING, NOW)
        assert encode(whole, ALL, NOW) == encode(records, ALL, NOW)
        assert wire_bytes_of_all(whole) == wire_bytes_of_all(records) == sum(map(wire_bytes, whole))

    @pytest.mark.parametrize(
        ("left", "seconds"),
        [
            (10.0, 10),
            (10.001, 11),
            (0.5, 1),
            (0.0, 1),
            (-5.0, 1),
            (DEFAULT_LIMITS.ttl_seconds, DEFAULT_LIMITS.ttl_seconds),
            (DEFAULT_LIMITS.ttl_seconds + 1.5, DEFAULT_LIMITS.ttl_seconds),
            (DEFAULT_LIMITS.ttl_seconds + 100, DEFAULT_LIMITS.ttl_seconds + 100),
        ],
    )
    def test_an_expiry_becomes_the_remaining_ttl(self, left: float, seconds: int) -> None:
        body = encode([record(b'{"key":"a","value":1}', NOW + left)], NOTHING, NOW)
        ttl = {"value": seconds, "unit": "SECONDS"}
        assert json.loads(body) == [{"key": "a", "value": 1, "options": {"ttl": ttl}}]

    @given(
        st.lists(st.integers(1, DEFAULT_LIMITS.ttl_seconds * 1_000_000), min_size=1, max_size=3),
        st.integers(0, 999_999),
    )
    @example([1], 999_999)
    @example([1_000_000, 999_999, 1_000_001], 500_000)
    def test_a_remaining_ttl_is_exact_to_the_microsecond(self, left: list[int], now: int) -> None:
        service_now = NOW + now / 1e6
        moments = [datetime.fromtimestamp(service_now, UTC) + one * _TICK for one in left]
        records = [Record(0, "f", 1, Identity(None, "a"), b'{"key":"a"}', one) for one in moments]
        for these in (records, slab_of(records)):
            body = json.loads(encode(these, NOTHING, service_now))
            seconds = [one["options"]["ttl"]["value"] for one in body]
            assert seconds == [-(-one // 1_000_000) for one in left]

    @pytest.mark.parametrize(
        ("metadata", "fields"),
        [
            (MetadataRequest(created=True), ["CREATED_AT"]),
            (MetadataRequest(updated=True, expires=True), ["UPDATED_AT", "EXPIRE_TIME"]),
            (ALL, ["CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"]),
        ],
    )
    def test_requests_metadata(self, metadata: MetadataRequest, fields: list[str]) -> None:
        body = encode([record(b'{"key":"a"}'), record(b'{"key":"b"}')], metadata, NOW)
        options: dict[str, Any] = {"metadataFields": fields}
        assert json.loads(body) == [
            {"key": "a", "options": options},
            {"key": "b", "options": options},
        ]

    def test_requests_no_metadata_by_default(self) -> None:
        assert encode([record(b'{"key":"a"}')], NOTHING, NOW) == b'[{"key":"a"}]'


@given(st.lists(LEGAL_KEYS | st.sampled_from(["a,b", "\ud800"]), max_size=5))
def test_bodies_of_keys_are_made_at_once_as_one_by_one(keys: list[str]) -> None:
    assert key_bodies(keys) == [key_body(Identity(None, key)) for key in keys]
