"""What the service charges for a request, by its answer, for the pacer and for the report."""

from typing import Final, Protocol

from kvsctl.bulk.pacing.pace import request_units
from kvsctl.bulk.pacing.pacer import Pacer, Start
from kvsctl.service.faults import Fault

_OK: Final = 200
_NO_CONTENT: Final = 204


class Answered(Protocol):
    """The end of a request or a query: see `service.client`."""

    fault: Fault | None
    status: int | None
    bytes_sent: int
    bytes_received: int


def charged_units(answer: Answered, *, reads: bool) -> int:
    """Return the quota units of a request by the documented rule; 0 unless it was accepted."""
    if not _is_accepted(answer):
        return 0
    return request_units(answer.bytes_received if reads else answer.bytes_sent)


def _is_accepted(answer: Answered) -> bool:
    """Return whether the status is 200, or 204 for a success without content."""
    return answer.status == _OK or (answer.status == _NO_CONTENT and answer.fault is None)


def note_end(pacer: Pacer, start: Start, answer: Answered, units: int, records_read: int) -> None:
    """Note in the pacer that a request ended and was not throttled.

    `units`: how many it was charged. `records_read`: how many records an answer to a read has.
    """
    if _is_accepted(answer):
        pacer.end(start, requests=1, units=units, is_accepted=True)
        if start.reads and records_read:
            pacer.note_read(records_read, units)
        return
    may_be_charged = answer.fault is not None and answer.fault.may_be_applied
    requests = 0 if answer.status is None and not may_be_charged else 1
    pacer.end(start, requests=requests, units=start.reserved * may_be_charged)
