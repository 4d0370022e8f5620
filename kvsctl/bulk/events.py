"""The events of a run, which listeners receive. The engine writes to no terminal and no file."""

from collections.abc import Callable, Container, Sequence
from enum import Enum
from typing import TypeAlias

import msgspec

from kvsctl.model import Outcome, Verb


class RecordsRead(msgspec.Struct, frozen=True, gc=False):
    """`count` more records and problems were read."""

    count: int


class RequestEnded(msgspec.Struct, frozen=True, gc=False):
    """One request ended. `status` is None if it got no answer, and `trouble` then says why.

    `units` are quota units by the documented rule; 0 unless the status is 200. `is_retry`: it
    carried records that had been sent before. `headers`: lines to show, with secrets hidden, if
    they were asked for. `is_throttled`: see `Fault`.
    """

    verb: Verb
    records: int
    status: int | None
    elapsed_seconds: float
    bytes_sent: int
    bytes_received: int
    units: int
    is_retry: bool
    trace_id: str | None = None
    trouble: str | None = None
    headers: Sequence[str] = ()
    is_throttled: bool = False


class WaitReason(Enum):
    """Why a run sends nothing for a time."""

    QUOTA = "quota"
    """The quota that it may use is used up."""
    THROTTLED = "throttled"
    """The service asked for fewer requests, or a limit was met."""
    UNREACHABLE = "unreachable"
    """There is no connection to the service."""
    FAILING = "failing"
    """The service fails, for example with 5xx."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """No request starts for `wait_seconds`, unless something changes before."""

    reason: WaitReason
    wait_seconds: float


class SizeLearnt(msgspec.Struct, frozen=True, gc=False):
    """Refusals have shown how much one request may carry. From now on none carries more."""

    max_records: int
    max_bytes: int


class Settled(msgspec.Struct, frozen=True, gc=False):
    """These records and problems have their final outcome. Each is settled once in a run."""

    outcomes: Sequence[Outcome]


Event: TypeAlias = RecordsRead | RequestEnded | Waiting | SizeLearnt | Settled
Listener: TypeAlias = Callable[[Event], None]
"""Receives events. One with a `wants`, a set of types of event, receives only those."""


def wants(listener: Listener, kind: type[Event]) -> bool:
    """Return whether a listener receives events of this type."""
    kinds: Container[type[Event]] | None = getattr(listener, "wants", None)
    return kinds is None or kind in kinds
