"""The lines of `-v`: one for each request."""

from collections.abc import Callable

from kvsctl.bulk.events import Event, RequestEnded, SizeLearnt
from kvsctl.report.escape import visible
from kvsctl.report.summary import size_line

_SHOWN_ERROR = 200
_SHOWN_HEADER = 500


class RequestLines:
    """A listener that writes a line for each request, and for each limit that was learnt.

    A line holds no keys and no values. With `-vv` the headers follow, one per line.
    """

    wants = frozenset({RequestEnded, SizeLearnt})

    def __init__(self, write_line: Callable[[str], None]) -> None:
        self._write_line = write_line

    def __call__(self, event: Event) -> None:
        """Write the event if a request ended or a limit was learnt."""
        if isinstance(event, SizeLearnt):
            self._write_line(f"learnt: {size_line(event)}")
        if isinstance(event, RequestEnded):
            self._write_line(request_line(event))
            for header in event.headers:
                self._write_line(f"  {visible(header, _SHOWN_HEADER)}")


def request_line(request: RequestEnded) -> str:
    """Return verb, status, milliseconds, records and units; then the error and the trace id."""
    status = "no answer" if request.status is None else str(request.status)
    parts = [
        f"{request.operation} {status}",
        f"{request.elapsed_seconds * 1000:.0f} ms",
        f"{request.records} {'record' if request.records == 1 else 'records'}",
        f"{request.units} {'unit' if request.units == 1 else 'units'}",
    ]
    if request.is_retry:
        parts.append("retry")
    if request.trouble is not None:
        parts.append(visible(request.trouble, _SHOWN_ERROR))
    if request.trace_id is not None:
        parts.append(f"trace {visible(request.trace_id, _SHOWN_ERROR)}")
    return ", ".join(parts)
