"""The data of a run: records and problems that go in, and the outcomes that come out.

A run creates millions of these objects, so they are msgspec structs: C code creates them, and the
garbage collector does not track them (`gc=False`). That is safe because none of them is part of a
reference cycle.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final, NamedTuple, TypeAlias

import msgspec

from kvsctl.jsontext import json_line


class Verb(Enum):
    """The three batch operations. The value is the last path segment of the endpoint."""

    SET = "set"
    GET = "get"
    DELETE = "delete"

    __hash__ = object.__hash__
    """Enum's own would run Python code for each look-up in a mapping. Members are singletons."""


class Identity(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """What makes a record unique in a store. `entity` is None for plain keys."""

    entity: str | None
    key: str

    @property
    def lane(self) -> "Lane":
        """A unique name of the identity that is fast to make: see `Lane`."""
        return self.key if self.entity is None else name_in_json(self)


Lane: TypeAlias = str | bytes
"""The key of an identity without an entity; otherwise its name in JSON (`name_in_json`)."""


def name_in_json(identity: Identity) -> bytes:
    """Return the part of a record's JSON between the first and the last quote of its identity.

    The bytes of two identities differ, because a quote in a key is escaped.
    """
    key = json_line(identity.key)[1:-1]
    if identity.entity is None:
        return key
    return key + ENTITY_MEMBER + json_line(identity.entity)[1:-1]


ENTITY_MEMBER: Final = b'","entityName":"'
"""The text between the key and the entity in a name."""


class Origin(msgspec.Struct, frozen=True, gc=False):
    """The place of a record in the input: `users.jsonl:17`, `-:17` for stdin, `arg:3`."""

    source: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}"


class Record(msgspec.Struct, eq=False, gc=False):
    """A record that passed its checks.

    `position` counts records and problems from 0, in input order, over all inputs. `source` and
    `line` are the record's origin. `body` is the record's JSON in a batch request; it holds the
    value with the exact bytes of the input. If `expires_at`, which has a time zone, is set, the
    record's ttl is computed when the request is made.

    A run changes only the last five fields, and the body of a record that is made from what was
    read. `attempts` counts how often the record was sent. `strikes` counts the attempts that failed
    and that the limit on retries counts; throttled, split and unauthorized requests are not
    counted. `times_left_out` counts the replies that did not name the record. `ambiguous` is True
    after an attempt that got no answer: the service may have applied it, or may apply it late.
    `is_away` is True once the record's lane no longer counts it as waiting.
    """

    position: int
    source: str
    line: int
    identity: Identity
    body: bytes
    expires_at: datetime | None = None
    attempts: int = 0
    ambiguous: bool = False
    strikes: int = 0
    times_left_out: int = 0
    is_away: bool = False

    @property
    def origin(self) -> Origin:
        """The record's place in the input. Created on each call, because few records need it."""
        return Origin(self.source, self.line)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.position}, {self.origin}, {self.identity})"


class Cause(StrEnum):
    """Why a piece of input is not a record: one code, but different advice."""

    ARGUMENT = "argument"
    """An argument of set is not KEY=VALUE."""
    ARRAY = "array"
    """A line is a JSON array, such as a row of a query's result."""
    CELLS = "cells"
    """A plain key has a character that separates the cells of tables."""
    COMMA = "comma"
    """A comma follows the record, as in an array."""
    CR = "cr"
    """Lines end in CR alone."""
    DOCUMENT = "document"
    """A line is a part of a JSON document over several lines."""
    EMPTY = "empty"
    """A comma in an array has no element before or after it."""
    ENCODING = "encoding"
    """The text is not UTF-8."""
    HEADER = "header"
    """A row repeats the header."""
    KEY_KIND = "key kind"
    """The member for the key is an object, an array or null."""
    MANY = "many"
    """Several values are on one line."""
    MAP = "map"
    """An object without a key: its members may be the records."""
    MARK = "mark"
    """A line begins with a byte order mark."""
    MEMBERS = "members"
    """A record has other members too."""
    MEMBER_KIND = "member kind"
    """A member of a record has the wrong type."""
    NO_KEY = "no key"
    """The object lacks the member for the key."""
    NO_VALUE = "no value"
    """The object lacks the member for the value."""
    NUL = "nul"
    """A line of plain keys has a NUL, which may end each key."""
    PLAN = "plan"
    """A line is that of a plan, which says what would be done."""
    PYTHON = "python"
    """The line is in Python's syntax, not in JSON."""
    QUOTES = "quotes"
    """The quotes of a row do not match."""
    RAW = "raw"
    """A line of a failures file was not corrected."""
    RAW_CONTROL = "raw control"
    """A plain key has a control character that its line does not show."""
    TABLE = "table"
    """The line looks like a row of a table."""
    WIDTH = "width"
    """A row has too many or too few cells."""


class Problem(msgspec.Struct, eq=False, gc=False):
    """A piece of input that breaks a rule. Problems are found before anything is sent.

    `code` is the service's error code for the rule, where the service has one. `readable` is True
    if the piece could be read as a record. In that case `raw` is the record's JSON; otherwise
    `raw` holds the bytes of the piece. `cause` may say more about input that is not a record.
    """

    position: int
    origin: Origin
    identity: Identity | None
    code: str
    message: str
    raw: bytes
    readable: bool = True
    cause: Cause | None = None

    def __repr__(self) -> str:
        return f"Problem({self.position}, {self.origin}, {self.code})"


PieceList: TypeAlias = Sequence[Record | Problem]
"""What the input yields, in its order: a slab, or records and problems one by one."""


class Found(msgspec.Struct, frozen=True, gc=False):
    """A record that batch/get returned. `value` is its JSON, with the exact bytes of the reply.

    `created_at` and `updated_at` are epoch milliseconds. `expire_time` is ISO-8601. Each is None
    if the reply does not contain it.
    """

    value: bytes
    created_at: int | None = None
    updated_at: int | None = None
    expire_time: str | None = None

    def __repr__(self) -> str:
        return f"Found({len(self.value)} bytes)"


class State(Enum):
    """How a record ended. Each record has exactly one state; the report counts each state."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    DUPLICATE = "duplicates"
    UNKNOWN = "unknown"
    UNSENT = "unsent"


GET: Final = Verb.GET
SUCCEEDED: Final = State.SUCCEEDED
FAILED: Final = State.FAILED
"""Aliases for code that runs per record or per request.

In Python 3.11, looking up a member on its enum takes 129 ns, and reading a global 9 ns.
"""


class Failure(NamedTuple):
    """Why a record failed: a code and a message of the service or of kvsctl, and a trace id.

    `cause` may say more about input that is not a record.
    """

    code: str
    message: str
    trace_id: str | None = None
    cause: Cause | None = None


class Outcome(msgspec.Struct, eq=False, gc=False):
    """The result of one input position. Each position has exactly one.

    `failure` is set if the record failed, `found` if batch/get returned the record, and
    `skipped_by` if a rule skipped the record; it names the rule (`missing`, `expired`).
    """

    subject: Record | Problem
    state: State
    failure: Failure | None = None
    found: Found | None = None
    skipped_by: str | None = None

    @property
    def position(self) -> int:
        """The input position that this outcome settles."""
        return self.subject.position

    @property
    def is_final(self) -> bool:
        """Whether the record is done, so that a resumed run does not send it again."""
        return self.state not in (State.UNKNOWN, State.UNSENT)
