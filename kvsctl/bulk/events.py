"""What happens in a run, told to whoever listens. The engine writes to no terminal and no file."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from kvsctl.model import Outcome, Verb


class RecordsRead(msgspec.Struct, frozen=True, gc=False):
    """`count` more records and problems came in."""

    count: int


class RequestEnded(msgspec.Struct, frozen=True, gc=False):
    """One request ended: answered (`status`), or not (`status` None, `trouble` says why).

    `units` are quota units by the documented rule and 0 unless it was answered 200. `is_retry`:
    it carried records that had been sent before. `headers`: lines to show, secrets hidden, if
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


class Throttled(msgspec.Struct, frozen=True, gc=False):
    """The service asked for less, or showed a limit: no request starts for `wait_seconds`."""

    wait_seconds: float


class SizeLearnt(msgspec.Struct, frozen=True, gc=False):
    """Refusals taught what one request may carry; from now on none carries more."""

    max_records: int
    max_bytes: int


class Settled(msgspec.Struct, frozen=True, gc=False):
    """These input positions have their outcome, each exactly once in a run."""

    outcomes: Sequence[Outcome]


Event: TypeAlias = RecordsRead | RequestEnded | Throttled | SizeLearnt | Settled
Listener: TypeAlias = Callable[[Event], None]
