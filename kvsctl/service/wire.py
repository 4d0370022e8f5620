"""Encode records as request bytes. The bytes of values stay as they are."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from operator import sub
from typing import Final

import msgspec
import orjson

from kvsctl.jsontext import json_line
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Identity, Record
from kvsctl.slabs import Slab, bodies_and_expiries

PLAIN_QUERY: Final = "/v1/query"
ENTITY_QUERY: Final = "/v1/entity/query"
"""The paths of the two endpoints for queries."""
_COMMA_BYTES: Final = 1
_TTL_BYTES: Final = 60
"""An upper bound for the ttl member that an expiry becomes when the request is encoded."""
_LONGEST: Final = timedelta(seconds=DEFAULT_LIMITS.ttl_seconds)
_ALMOST_A_SECOND: Final = timedelta(microseconds=999_999)
_DAY_SECONDS: Final = 24 * 3600
_CLOCK_GRAIN_SECONDS: Final = 2
"""How far our estimate of the service's clock may be off: its `Date` has whole seconds."""


class MetadataRequest(msgspec.Struct, frozen=True):
    """Which metadata a batch/get requests."""

    created: bool = False
    updated: bool = False
    expires: bool = False

    @property
    def member(self) -> bytes:
        """The `options` member of a batch/get record; b"" if no metadata is requested."""
        if not (self.created or self.updated or self.expires):
            return b""
        names = []
        if self.created:
            names.append(b'"CREATED_AT"')
        if self.updated:
            names.append(b'"UPDATED_AT"')
        if self.expires:
            names.append(b'"EXPIRE_TIME"')
        return b',"options":{"metadataFields":[%b]}' % b",".join(names)


def wire_bytes(record: Record) -> int:
    """Return an upper bound of the bytes that a record adds to a batch/set body."""
    expiry = _TTL_BYTES if record.expires_at is not None else 0
    return len(record.body) + _COMMA_BYTES + expiry


def wire_bytes_of_all(records: Sequence[Record]) -> int:
    """Return the sum of `wire_bytes` over all records, faster than one by one."""
    if isinstance(records, Slab):
        expiries, bodies_bytes, count = records.expiries, records.body_bytes, len(records.keys)
        if expiries is not None and not records.is_mixed:
            return bodies_bytes + count * (_COMMA_BYTES + _TTL_BYTES)
    else:
        bodies, expiries = bodies_and_expiries(records)
        bodies_bytes, count = sum(map(len, bodies)), len(bodies)
    timed = 0 if expiries is None else count - expiries.count(None)
    return bodies_bytes + count * _COMMA_BYTES + timed * _TTL_BYTES


def key_body(identity: Identity) -> bytes:
    """Return the JSON of one record in a batch/get or batch/delete body."""
    if identity.entity is None:
        return b'{"key":%b}' % json_line(identity.key)
    return b'{"key":%b,"entityName":%b}' % (
        json_line(identity.key),
        json_line(identity.entity),
    )


def key_bodies(keys: Sequence[str]) -> list[bytes]:
    """Return `key_body` of plain keys, faster than one by one."""
    texts = json_line(list(keys))[1:-1].split(b",")
    if len(texts) != len(keys):  # there is a comma in a key, which no legal key has
        texts = [json_line(key) for key in keys]
    return [b'{"key":%b}' % text for text in texts]


def encode(records: Sequence[Record], metadata: MetadataRequest, service_now: float) -> bytes:
    """Return the body of a batch request. An expiry becomes the remaining ttl, rounded up.

    `service_now` is the service's time in epoch seconds. Every `expires_at` must be later.
    """
    bodies, expiries = bodies_and_expiries(records)
    member = metadata.member
    if member:
        bodies = [b"%b%b}" % (body[:-1], member) for body in bodies]
    elif expiries is not None:
        return _with_ttls(records, datetime.fromtimestamp(service_now, UTC))
    return b"[%b]" % b",".join(bodies)


def _with_ttls(records: Sequence[Record], now: datetime) -> bytes:
    """Return the body of a request in which some records have expiries."""
    bodies, expiries = bodies_and_expiries(records)
    assert expiries is not None  # noqa: S101
    is_mixed = not isinstance(records, Slab) or records.is_mixed
    moments = [moment or now for moment in expiries] if is_mixed else expiries
    # No time is more exact than a microsecond. So counting whole seconds from here rounds up.
    since = now - _ALMOST_A_SECOND
    lifetimes: Iterable[timedelta] = map(sub, moments, repeat(since))
    left = [lifetime.days * _DAY_SECONDS + lifetime.seconds for lifetime in lifetimes]
    if not _certainly_have_legal_ttls(records, now):
        left = list(map(_legal_seconds, left))
    # Columns of parts instead of a text for each record: if any has an expiry, most do.
    parts = [b"", b',"options":{"ttl":{"value":', b"", b',"unit":"SECONDS"}}},'] * len(left)
    parts[::4] = list(map(bytes.removesuffix, bodies, repeat(b"}")))
    parts[2::4] = orjson.dumps(left)[1:-1].split(b",")
    for place, moment in enumerate(expiries) if is_mixed else ():
        if moment is None:
            parts[4 * place : 4 * place + 4] = bodies[place], b"", b"", b","
    return b"[%b]" % b"".join(parts)[:-1]


def _certainly_have_legal_ttls(records: Sequence[Record], now: datetime) -> bool:
    if not isinstance(records, Slab) or records.expiry_span is None:
        return False
    first, last = records.expiry_span
    return now < first and last - now <= _LONGEST


def _legal_seconds(seconds: int) -> int:
    longest = DEFAULT_LIMITS.ttl_seconds
    if longest < seconds <= longest + _CLOCK_GRAIN_SECONDS:
        return longest
    return max(1, seconds)
