"""The events of a run, and the problems of its input, as lines of a JSON log."""

from kvsctl.bulk.alike import Unsent
from kvsctl.bulk.events import Event, RequestEnded, Settled, SizeLearnt, Waiting
from kvsctl.report.log.json_log import JsonLog


class RunEvents:
    """A listener that logs waits and learnt limits, and with `shows_requests` each request."""

    def __init__(self, log: JsonLog, *, shows_requests: bool) -> None:
        self._log = log
        self.wants = {Waiting, SizeLearnt} | ({RequestEnded} if shows_requests else set())

    def __call__(self, event: Event) -> None:
        """Log the event."""
        if isinstance(event, RequestEnded):
            self._log_request(event)
        elif isinstance(event, Waiting):
            self._log.log(
                "waiting",
                reason=event.reason.value,
                wait_s=round(event.wait_seconds, 3),
                detail=event.detail,
                asked_s=event.asked_seconds,
            )
        elif isinstance(event, SizeLearnt):
            self._log.log("learnt", max_records=event.max_records, max_bytes=event.max_bytes)

    def _log_request(self, request: RequestEnded) -> None:
        self._log.log(
            "request",
            "info" if request.trouble is None else "warning",
            operation=request.operation,
            status=request.status,
            elapsed_s=round(request.elapsed_seconds, 3),
            records=request.records,
            units=request.units,
            retry=request.is_retry,
            trace_id=request.trace_id,
            trouble=request.trouble,
            headers=[*request.headers] or None,
        )


class ProblemEvents:
    """A listener that logs each failure, in input order: see `problem_lines`."""

    wants = frozenset({Settled})

    def __init__(self, log: JsonLog) -> None:
        self._log = log

    def __call__(self, event: Event) -> None:
        """Log the failures of one event."""
        if isinstance(event, Settled) and not isinstance(event.outcomes, Unsent):
            for outcome in event.outcomes:
                if outcome.failure is not None:
                    self._log.log(
                        "problem",
                        "error",
                        source=str(outcome.subject.origin),
                        code=outcome.failure.code,
                        message=outcome.failure.message,
                    )
