"""`-v`: a line for each request."""

from collections.abc import Callable

from kvsctl.bulk.events import Event, RequestEnded, SizeLearnt
from kvsctl.report.escape import visible
from kvsctl.report.summary import size_line

_SHOWN_TROUBLE = 200
_SHOWN_HEADER = 500


class RequestLines:
    """A listener that tells of each request in one line, and of what it taught: no keys or values.

    Headers follow, a line each, where the run asked for them (`-vv`).
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def __call__(self, event: Event) -> None:
        """Tells of the event if a request ended, or taught something."""
        if isinstance(event, SizeLearnt):
            self._tell(f"learnt: {size_line(event)}")
        if isinstance(event, RequestEnded):
            self._tell(request_line(event))
            for header in event.headers:
                self._tell(f"  {visible(header, _SHOWN_HEADER)}")


def request_line(request: RequestEnded) -> str:
    """Verb, status, milliseconds, records and units; then what went wrong, and the trace id."""
    status = "no answer" if request.status is None else str(request.status)
    parts = [
        f"{request.verb.value} {status}",
        f"{request.elapsed_seconds * 1000:.0f} ms",
        f"{request.records} {'record' if request.records == 1 else 'records'}",
        f"{request.units} {'unit' if request.units == 1 else 'units'}",
    ]
    if request.is_retry:
        parts.append("retry")
    if request.trouble is not None:
        parts.append(visible(request.trouble, _SHOWN_TROUBLE))
    if request.trace_id is not None:
        parts.append(f"trace {visible(request.trace_id, _SHOWN_TROUBLE)}")
    return ", ".join(parts)
