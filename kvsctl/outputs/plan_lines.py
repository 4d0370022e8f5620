"""The lines of a plan: each says what would be done with one record, and identifies it.

A line is `{"plan":1,"action":…,"ttl"?,"rule"?,"target":…,"installation"?,"key":…,"entityName"?,
"updatedAt"?,"hash":…,"value"?}`. To carry it out, read the record again with the metadata of
`ASKED`, and leave it alone if its hash or its time of update has changed.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from kvsctl.jsonequal import canonical
from kvsctl.jsontext import one_line, string
from kvsctl.model import Found, Identity, Record
from kvsctl.outputs.records import Formatter
from kvsctl.service.wire import MetadataRequest
from kvsctl.slabs import FoundSlab

PLAN_VERSION: Final = 1
"""The version of the format: what `plan` holds in each line."""
DELETE: Final = "delete"
EXPIRE: Final = "expire"
"""The actions: a record is deleted, or gets a ttl."""
ASKED: Final = MetadataRequest(updated=True, expires=True)
"""The metadata to read a record with, for its line and before the line is carried out."""


def record_hash(identity: Identity, found: Found) -> str:
    """Return the SHA-256 of a record that batch/get returned, in hexadecimal digits.

    The hash is that of the canonical JSON (`jsonequal.canonical`) of an object with `key`, `value`
    and, where the record has them, `entityName` and `expireTime`. The times of creation and update
    are left out: a service need not return them.
    """
    return hashlib.sha256(canonical(_record(identity, found))).hexdigest()


class Planned(msgspec.Struct, frozen=True):
    """What is planned, and where.

    `ttl`: what an expiry gives to records, as users write it. `rule`: the name of the rule that
    chose them, for people; None: there is no rule.
    """

    action: str
    target: str
    installation: str | None
    ttl: str | None = None
    rule: str | None = None


class PlannedFor(Record, gc=False, kw_only=True):
    """A record to read for its line, with what is planned for it."""

    planned: Planned


def plan_line(
    planned: Planned, identity: Identity, found: Found, *, has_value: bool = False
) -> bytes:
    """Return the line of a record as batch/get returned it, with a line feed.

    `has_value`: with the value, for people and programs that decide by it.
    """
    updated = b"" if found.updated_at is None else b',"updatedAt":%d' % found.updated_at
    return b'{"plan":%d,"action":%b%b%b,"target":%b%b,%b%b,"hash":"%b"%b}\n' % (
        PLAN_VERSION,
        string(planned.action),
        _member("ttl", planned.ttl),
        _member("rule", planned.rule),
        string(planned.target),
        _member("installation", planned.installation),
        _identity(identity),
        updated,
        record_hash(identity, found).encode(),
        b',"value":' + one_line(found.value) if has_value else b"",
    )


def deletion_line(target: str, installation: str | None, identity: Identity, found: Found) -> bytes:
    """Return the line that plans to delete a record as batch/get returned it."""
    return plan_line(Planned(DELETE, target, installation), identity, found)


def plan_lines(*, has_values: bool) -> Formatter:
    """Return a formatter of the lines of records that are PlannedFor: see `plan_line`."""

    def line_of(record: Record, found: Found) -> bytes:
        assert isinstance(record, PlannedFor)  # noqa: S101
        return plan_line(record.planned, record.identity, found, has_value=has_values)

    def format_lines(records: Sequence[Record], found: FoundSlab) -> bytes:
        return b"".join(line_of(*pair) for pair in zip(records, found, strict=True))

    return format_lines


def _record(identity: Identity, found: Found) -> bytes:
    expiry = _member("expireTime", found.expire_time)
    return b'{%b,"value":%b%b}' % (_identity(identity), found.value, expiry)


def _identity(identity: Identity) -> bytes:
    return b'"key":%b%b' % (string(identity.key), _member("entityName", identity.entity))


def _member(name: str, text: str | None) -> bytes:
    return b"" if text is None else b',"%b":%b' % (name.encode(), string(text))
