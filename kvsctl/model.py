"""The words of a run: what goes in, what is sent, what came of it.

Millions of them are made in a run, so they are structs of msgspec: made in C, and unknown to the
garbage collector, as none of them refers back to what refers to it.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple, overload

import msgspec


class Verb(Enum):
    """The three batch operations; the value is the endpoint's last path segment."""

    SET = "set"
    GET = "get"
    DELETE = "delete"


class Identity(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """What the service tells records apart by; `entity` is None for plain keys."""

    entity: str | None
    key: str


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where in the input a record stands: `users.jsonl:17`, `-:17` for stdin, `arg:3`."""

    source: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}"


class Record(msgspec.Struct, eq=False, gc=False):
    """One record that passed its checks.

    `position` counts records and problems from 0 in input order over all inputs; `source` and
    `line` are its origin. `body` is the JSON that a batch request carries for it, value bytes as
    they came. `expires_at` (epoch seconds) asks for a ttl that is worked out when the request is
    made. The last five change while the run works on it. `attempts` counts how often it was sent,
    `strikes` those of them that trouble undid (what retries bound: being throttled, split or
    refused a token is none), `times_left_out` the answers that did not name it. `ambiguous`: an
    attempt went unanswered, so it may have been applied or may land late. `is_away`: its lane no
    longer counts it as waiting.
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
        """Where in the input it stands. Few are asked, so it is made then."""
        return Origin(self.source, self.line)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.position}, {self.origin}, {self.identity})"


class Problem(msgspec.Struct, eq=False, gc=False):
    """One piece of input that breaks a rule, found before anything of it was sent.

    `code` is the service's own for that rule where it has one. `readable` says
    whether it could be read as a record at all: then `raw` is that record's JSON, otherwise the
    piece as it was read.
    """

    position: int
    origin: Origin
    identity: Identity | None
    code: str
    message: str
    raw: bytes
    readable: bool = True

    def __repr__(self) -> str:
        return f"Problem({self.position}, {self.origin}, {self.code})"


class Found(msgspec.Struct, frozen=True, gc=False):
    """What batch/get answered for a key. `value` is its JSON as the very bytes of the answer.

    `created_at` and `updated_at` are epoch milliseconds, `expire_time` is ISO-8601, each None
    where the answer has none.
    """

    value: bytes
    created_at: int | None = None
    updated_at: int | None = None
    expire_time: str | None = None

    def __repr__(self) -> str:
        return f"Found({len(self.value)} bytes)"


class State(Enum):
    """How a record ended. Exactly one each: the closing sum counts these."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    DUPLICATE = "duplicates"
    UNKNOWN = "unknown"
    UNSENT = "unsent"


GET: Final = Verb.GET
SUCCEEDED: Final = State.SUCCEEDED
FAILED: Final = State.FAILED
"""Looked up once, for what is asked of every record or request: 129 ns each time in 3.11, not 9."""


class Failure(NamedTuple):
    """Why a record failed: the service's code and message, or kvsctl's own, and the trace id."""

    code: str
    message: str
    trace_id: str | None = None


class Outcome(msgspec.Struct, eq=False, gc=False):
    """The one end of one input position.

    `failure` is set when it failed, `found` when batch/get answered it, `skipped_by` names the
    rule that skipped it (`missing`, `expired`).
    """

    subject: Record | Problem
    state: State
    failure: Failure | None = None
    found: Found | None = None
    skipped_by: str | None = None

    @property
    def position(self) -> int:
        """The input position that this settles."""
        return self.subject.position

    @property
    def is_final(self) -> bool:
        """Whether a run that goes on with the job need not look at the record again."""
        return self.state not in (State.UNKNOWN, State.UNSENT)


class Successes(Sequence[Outcome]):
    """The outcomes of records that all succeeded; as such they are made when asked for.

    `found` is what batch/get answered for each of them, None for writes. `ambiguous` counts those
    of which an attempt went unanswered.
    """

    __slots__ = ("ambiguous", "found", "records")

    def __init__(self, records: Sequence[Record], found: Sequence[Found] | None = None) -> None:
        self.records = records
        self.found = found
        self.ambiguous = [record.ambiguous for record in records].count(True)

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
