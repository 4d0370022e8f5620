"""The data of a run: records and problems that go in, and the outcomes that come out.

A run creates millions of these objects, so they are msgspec structs: C code creates them, and the
garbage collector does not track them (`gc=False`). That is safe because none of them is part of a
reference cycle.
"""

from collections.abc import Iterator, Sequence
from enum import Enum, StrEnum
from itertools import count, repeat
from typing import Final, NamedTuple, TypeAlias, overload

import msgspec


class Verb(Enum):
    """The three batch operations. The value is the last path segment of the endpoint."""

    SET = "set"
    GET = "get"
    DELETE = "delete"


class Identity(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """What makes a record unique in a store. `entity` is None for plain keys."""

    entity: str | None
    key: str


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
    value with the exact bytes of the input. If `expires_at` (epoch seconds) is set, the record's
    ttl is computed when the request is made.

    A run changes only the last five fields. `attempts` counts how often the record was sent.
    `strikes` counts the attempts that failed and that the limit on retries counts; throttled,
    split and unauthorized requests are not counted. `times_left_out` counts the replies that did
    not name the record. `ambiguous` is True after an attempt that got no answer: the service may
    have applied it, or may apply it late. `is_away` is True once the record's lane no longer
    counts it as waiting.
    """

    position: int
    source: str
    line: int
    identity: Identity
    body: bytes
    expires_at: float | None = None
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


class Slab(Sequence[Record]):
    """Consecutive records that have nothing special yet, as columns. Each `Record` is created on
    access.

    None has an entity or an `expires_at`, and none is ambiguous. The first is at `position`, and
    each next one at the next position; `lines` has their line numbers. Slices are slabs.

    `attempts` and `is_away` hold for each record: see `Record`. Anything else that a run changes
    about a record would be lost, so a record that changes is taken out first: `list(slab)` creates
    the records that then replace the slab.
    """

    __slots__ = (
        "_body_bytes",
        "attempts",
        "bodies",
        "is_away",
        "keys",
        "lines",
        "position",
        "source",
    )

    def __init__(
        self,
        position: int,
        source: str,
        lines: Sequence[int],
        keys: Sequence[str],
        bodies: Sequence[bytes],
    ) -> None:
        self.position = position
        self.source = source
        self.lines = lines
        self.keys = keys
        self.bodies = bodies
        self.attempts = 0
        self.is_away = False
        self._body_bytes = -1

    @property
    def body_bytes(self) -> int:
        """The size of all bodies together."""
        if self._body_bytes < 0:
            self._body_bytes = sum(map(len, self.bodies))
        return self._body_bytes

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> "Slab": ...
    def __getitem__(self, index: int | slice) -> "Record | Slab":
        places = range(len(self.keys))[index]
        if isinstance(places, int):
            return next(iter(self[places : places + 1]))
        if places.step != 1:
            raise ValueError("records of a slab follow each other")
        start, stop = places.start, places.stop
        part = Slab(
            self.position + start,
            self.source,
            self.lines[start:stop],
            self.keys[start:stop],
            self.bodies[start:stop],
        )
        part.attempts, part.is_away = self.attempts, self.is_away
        return part

    def __iter__(self) -> Iterator[Record]:
        # map() and repeat() create many records without Python bytecode for each.
        return map(
            Record,
            count(self.position),
            repeat(self.source),
            self.lines,
            map(Identity, repeat(None), self.keys),
            self.bodies,
            repeat(None),
            repeat(self.attempts),
            repeat(False),
            repeat(0),
            repeat(0),
            repeat(self.is_away),
        )

    def joined(self, other: "Slab") -> "Slab | None":
        """Return both as one slab; None if `other` does not follow this one in the same source."""
        if other.position != self.position + len(self) or other.source != self.source:
            return None
        lines: Sequence[int] = [*self.lines, *other.lines]
        if lines and lines[-1] - lines[0] == len(lines) - 1:
            lines = range(lines[0], lines[-1] + 1)
        return Slab(
            self.position,
            self.source,
            lines,
            [*self.keys, *other.keys],
            [*self.bodies, *other.bodies],
        )

    def __repr__(self) -> str:
        return f"Slab({self.position}, {len(self)} records)"


def plain_keys(records: Sequence[Record]) -> Sequence[str] | None:
    """Return the keys of records that all have no entity; None if one has an entity."""
    if isinstance(records, Slab):
        return records.keys
    identities = [record.identity for record in records]
    if [identity.entity for identity in identities].count(None) < len(identities):
        return None
    return [identity.key for identity in identities]


class Cause(StrEnum):
    """Why a piece of input is not a record: what to do differs, the code does not."""

    ARGUMENT = "argument"
    """An argument of set is not KEY=VALUE."""
    ARRAY = "array"
    """A line is a JSON array, such as a row of a query's result."""
    COMMA = "comma"
    """A comma follows the record, as in an array."""
    CR = "cr"
    """Lines end in CR alone."""
    DOCUMENT = "document"
    """A line is a part of a JSON document over several lines."""
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
    PYTHON = "python"
    """The line is written as Python writes it."""
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


class Successes(Sequence[Outcome]):
    """The outcomes of records that all succeeded. Each `Outcome` is created on access.

    `found` holds what batch/get returned for each record; it is None for writes. `ambiguous` is
    the number of records with an attempt that got no answer.
    """

    __slots__ = ("ambiguous", "found", "records")

    def __init__(self, records: Sequence[Record], found: Sequence[Found] | None = None) -> None:
        self.records = records
        self.found = found
        self.ambiguous = (
            0 if isinstance(records, Slab) else [record.ambiguous for record in records].count(True)
        )

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> "Successes": ...
    def __getitem__(self, index: int | slice) -> "Outcome | Successes":
        found = self.found
        if isinstance(index, slice):
            return Successes(self.records[index], None if found is None else found[index])
        one = None if found is None else found[index]
        return Outcome(self.records[index], SUCCEEDED, found=one)

    def __iter__(self) -> Iterator[Outcome]:
        return map(self.__getitem__, range(len(self)))
