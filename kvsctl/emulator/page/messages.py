"""The bodies of the page's requests and responses. The OpenAPI document is built from them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Limit = Annotated[int, Meta(ge=1, le=1000)]
Cursor = str | None
Milliseconds = int
DEFAULT_LIMIT = 100


class Space(msgspec.Struct, frozen=True, rename="camel"):
    """The keys of an installation that belong together."""

    name: str
    """"" for plain keys, `!secret` for secrets, otherwise the name of an entity."""


class Installation(msgspec.Struct, frozen=True, rename="camel"):
    """An installation and its spaces. There is always a space for plain keys."""

    id: str
    spaces: list[Space]


class InstallationList(msgspec.Struct, frozen=True, rename="camel"):
    """All installations, and the emulator's time."""

    now: Milliseconds
    installations: list[Installation]


class StoreRequest(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True
):
    """A request about the records of a space of an installation."""

    installation: str
    space: str = ""


class ChildrenRequest(StoreRequest, frozen=True, kw_only=True):
    """Asks for the nodes one level below a prefix."""

    prefix: str = ""
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ":"
    after: Cursor = None
    limit: Limit = DEFAULT_LIMIT


class ListRequest(StoreRequest, frozen=True, kw_only=True):
    """Asks for the records with a prefix, without their values."""

    prefix: str = ""
    never_expires: bool = False
    """Only records without an expiry."""
    sort: Literal["key", "size"] = "key"
    """By key, or by size with the largest first."""
    after: Cursor = None
    limit: Limit = DEFAULT_LIMIT


class CountRequest(StoreRequest, frozen=True, kw_only=True):
    """Asks how many records have a prefix."""

    prefix: str = ""
    never_expires: bool = False


class RecordRequest(StoreRequest, frozen=True, kw_only=True):
    """Asks for a record."""

    key: str


class SaveRequest(StoreRequest, frozen=True, kw_only=True):
    """Asks to change a record that has not changed since it was read."""

    key: str
    value: str
    """The value as JSON text. It is stored character by character."""
    version: str
    """The version of the record that was read."""
    expiry: Literal["keep", "never"] | dict[str, Any] = "keep"
    """Keep the expiry, remove it, or expire after a ttl: `{"value": 7, "unit": "DAYS"}`."""


class DeleteRequest(StoreRequest, frozen=True, kw_only=True):
    """Asks to delete records by their keys, or some of those with a prefix.

    A prefix needs `agreed`, the most records that a person agreed to delete, and takes several
    requests: `deleted` is the number of records that earlier requests deleted since then.
    """

    keys: Annotated[list[str], Meta(max_length=1000)] | None = None
    prefix: Annotated[str, Meta(min_length=1)] | None = None
    agreed: Annotated[int, Meta(ge=0, lt=2**53)] | None = None
    deleted: Annotated[int, Meta(ge=0, lt=2**53)] = 0


class DownloadRequest(StoreRequest, frozen=True, kw_only=True):
    """Asks for records by their keys, or for a page of those with a prefix."""

    keys: Annotated[list[str], Meta(max_length=1000)] | None = None
    prefix: str = ""
    never_expires: bool = False
    after: Cursor = None


class Listed(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A record without its value. `size` is the bytes of the value."""

    key: str
    size: int
    created_at: Milliseconds
    updated_at: Milliseconds
    expires_at: Milliseconds | None


class Node(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A record, or a prefix that at least one key has."""

    record: Listed | None = None
    prefix: str | None = None
    count: int | None = None
    """How many keys have the prefix."""
    is_counted: bool = True
    """False: there are more than `count`."""


class Children(msgspec.Struct, frozen=True, rename="camel"):
    """A page of nodes, in the order of keys."""

    now: Milliseconds
    nodes: list[Node]
    cursor: Cursor


class RecordList(msgspec.Struct, frozen=True, rename="camel"):
    """A page of records."""

    now: Milliseconds
    records: list[Listed]
    cursor: Cursor


class Count(msgspec.Struct, frozen=True, rename="camel"):
    """How many records there are, and the bytes of all their values."""

    records: int
    bytes: int


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """A record. `value` is the JSON text that was set, character by character."""

    now: Milliseconds
    key: str
    value: str
    version: str
    size: int
    created_at: Milliseconds
    updated_at: Milliseconds
    expires_at: Milliseconds | None


class Deleted(msgspec.Struct, frozen=True, rename="camel"):
    """How many records were deleted. `is_more`: the prefix has more."""

    records: int
    is_more: bool


class Entry(msgspec.Struct, rename="camel", kw_only=True):
    """One of the last requests, and how it ended."""

    number: int = 0
    """Requests are numbered as they end, from 1."""
    at: Milliseconds
    method: str
    path: str
    installation: str | None = None
    status: int | None = None
    """None: the connection was lost before a response was sent."""
    code: str | None = None
    """The error code of a refused request."""
    cost: Literal["read", "write"] | None = None
    units: int | None = None
    faults: list[str] = []
    """The faults that were injected into this request."""
    milliseconds: float = 0.0


class EntryList(msgspec.Struct, frozen=True, rename="camel"):
    """The last requests, the latest first."""

    now: Milliseconds
    requests: list[Entry]
