"""The events of a run, which listeners receive. The engine writes to no terminal and no file."""

from asyncio import CancelledError
from collections.abc import Callable, Container, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import msgspec

from kvsctl.errors import KvsctlError
from kvsctl.model import Outcome, Verb

if TYPE_CHECKING:
    from kvsctl.service.client import Answer, QueryAnswer
    from kvsctl.service.faults import Fault


class RecordsRead(msgspec.Struct, frozen=True, gc=False):
    """`count` more records and problems were read."""

    count: int


class RequestEnded(msgspec.Struct, frozen=True, gc=False):
    """One request ended. `status` is None if it got no answer, and `trouble` then says why.

    `units` are quota units by the documented rule; 0 unless the answer was 200, or 204 without
    content. `is_retry`: it carried records that had been sent before. `headers`: lines to show,
    with secrets hidden, if they were asked for. `is_throttled`: see `Fault`. `is_query`: it was a
    query, and `records` is how many it found.
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
    is_query: bool = False

    @property
    def operation(self) -> str:
        """The operation by the name that users know: set, get, delete or query."""
        return "query" if self.is_query else self.verb.value


def request_ended(
    verb: Verb,
    answer: "Answer | QueryAnswer",
    records: int,
    units: int,
    *,
    is_retry: bool,
    is_query: bool = False,
) -> RequestEnded:
    """Return the event of a request that ended with this answer."""
    fault = answer.fault
    return RequestEnded(
        verb,
        records,
        answer.status,
        answer.elapsed_seconds,
        answer.bytes_sent,
        answer.bytes_received,
        units,
        is_retry,
        answer.trace_id,
        f"{fault.code}: {fault.message}" if fault else None,
        answer.headers,
        is_throttled=fault is not None and fault.is_throttled,
        is_query=is_query,
    )


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
    RETRYING = "retrying"
    """Records of failed requests are left, and each is retried after a wait of its own."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """No request starts for `wait_seconds`, unless something changes earlier.

    `detail` says in a few words what failed, if anything did, such as `connection refused`.
    `asked_seconds`: the wait that the service asked for.
    """

    reason: WaitReason
    wait_seconds: float
    detail: str | None = None
    asked_seconds: float | None = None


def waiting_after(reason: WaitReason, wait_seconds: float, fault: "Fault | None") -> Waiting:
    """Return the event of a wait. `fault`: the fault that caused it; None: no fault did."""
    if fault is None:
        return Waiting(reason, wait_seconds)
    return Waiting(reason, wait_seconds, fault.brief, fault.retry_after_seconds)


class SizeLearnt(msgspec.Struct, frozen=True, gc=False):
    """Refusals have shown how much the service accepts in one request. Later ones carry no more."""

    max_records: int
    max_bytes: int


class PageListed(msgspec.Struct, frozen=True, gc=False):
    """A page of a listing was read, with this many `records`.

    `prefix`: what its keys begin with. `keys`: the keys of the records. `entity`: the custom entity
    of these keys; None: they are plain.
    """

    prefix: str
    records: int = 0
    entity: str | None = None
    keys: Sequence[str] = ()


class Settled(msgspec.Struct, frozen=True, gc=False):
    """These records and problems have their final outcome. Each is settled once in a run."""

    outcomes: Sequence[Outcome]


Event: TypeAlias = RecordsRead | RequestEnded | Waiting | SizeLearnt | PageListed | Settled
Listener: TypeAlias = Callable[[Event], None]
"""Receives events: all of them, unless it is a `SelectiveListener`."""


@runtime_checkable
class SelectiveListener(Protocol):
    """A listener that receives only events of the types in `wants`."""

    @property
    def wants(self) -> Container[type[Event]]:
        """The types of event to receive."""
        ...

    def __call__(self, event: Event) -> None:
        """Receive an event."""
        ...


def wants(listener: Listener, kind: type[Event]) -> bool:
    """Return whether a listener receives events of this type."""
    # Not isinstance: with a Protocol, it takes too long for a run of few records.
    wanted: Container[type[Event]] | None = getattr(listener, "wants", None)
    return wanted is None or kind in wanted


class Emitter:
    """Passes events to listeners.

    `listeners` may grow until the first event. `inner` are listeners of the run itself. `stop` is
    called with the error of a listener that failed.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        *,
        inner: Sequence[Listener] = (),
        stop: Callable[[KvsctlError], None],
    ) -> None:
        self._listeners = listeners
        self._inner = inner
        self._wanted: dict[type[Event], list[Listener]] = {}
        self._stop = stop
        self.is_torn = False
        """Whether a listener has crashed on an event. From then on, their states may differ."""

    def emit(self, event: Event) -> None:
        """Pass an event to every listener that wants it, in order, even if one of them fails."""
        kind = type(event)
        listeners = self._wanted.get(kind)
        if listeners is None:
            everyone = [*self._listeners, *self._inner]
            listeners = [listener for listener in everyone if wants(listener, kind)]
            self._wanted[kind] = listeners
        for listener in listeners:
            try:
                listener(event)
            except KvsctlError as error:
                self._stop(error)
            except CancelledError as error:  # it would pass for the end of the task that emits
                self.is_torn = True
                raise RuntimeError("a listener raised CancelledError") from error
            except BaseException:
                self.is_torn = True
                raise
