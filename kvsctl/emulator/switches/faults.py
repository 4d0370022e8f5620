"""Fault injection: the faults of each request, drawn from a seeded plan.

With the same plan, the n-th request gets the same faults in every run. A lost connection is raised
as `ConnectionLost`: `serve` then resets the TCP connection, and callers in the same process get the
exception.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from kvsctl.emulator.clock import http_date
from kvsctl.emulator.refusals import ConnectionLost, Refusal, unauthorized
from kvsctl.emulator.switches.fault_spec import FaultPlan
from kvsctl.emulator.switches.quota import announcement
from kvsctl.emulator.wire import Response, refusal_response

PORTAL = b"<html><head><title>Sign in</title></head><body>Sign in to this network</body></html>"
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
MESSAGES = {
    500: ("INTERNAL_SERVER_ERROR", "An internal server error has occurred"),
    502: ("BAD_GATEWAY", "Bad gateway"),
    503: ("SERVICE_UNAVAILABLE", "The service is unavailable"),
    504: ("GATEWAY_TIMEOUT", "The service did not answer in time"),
}
REFUSALS = {
    401: ("UNAUTHORIZED", "Missing, invalid or expired token"),
    403: ("FORBIDDEN", "This caller may not use this installation"),
    404: ("INSTALLATION_NOT_FOUND", "The app is not installed there"),
    429: ("TOO_MANY_REQUESTS", "Too many requests"),
    **MESSAGES,
}
Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Draw:
    """The faults drawn for one request. `kind` is a name of `fault_spec.KINDS`, or "ok"."""

    kind: str
    latency_seconds: float
    plan: FaultPlan
    chance: random.Random = field(repr=False)
    of_records: set[str] = field(default_factory=set)
    """The names of the faults of single records or of the cursor."""

    @property
    def names(self) -> list[str]:
        """The names of all faults of the request."""
        names = [] if self.kind == "ok" else [self.kind]
        return names + (["latency-ms"] if self.latency_seconds else []) + sorted(self.of_records)

    def leaves_out(self, _key: str) -> bool:
        """Return whether the response leaves out this key. Each call draws again."""
        return self._chance("leave-out", self.plan.leave_out)

    def refuses_cursor(self) -> bool:
        """Return whether the cursor of a query is refused. Each call draws again."""
        return self._chance("refuse-cursor", self.plan.refuse_cursor)

    def refusal(self, key: str) -> Refusal | None:
        """Return the refusal of this key, or None if the plan does not name its prefix."""
        for prefix, code in self.plan.refuse:
            if key.startswith(prefix):
                self.of_records.add("refuse")
                return Refusal(400, code, "Refused by the emulator's faults")
        return None

    def before(self, now_ms: int) -> None:
        """Raise the fault that prevents the request from being carried out, if there is one."""
        if self.kind in ("429", "throttled"):
            code = "TOO_MANY_REQUESTS" if self.kind == "429" else "REQUEST_THROTTLED"
            raise Refusal(429, code, "Too many requests", self._announced(now_ms))
        if self.kind == "reset-before":
            raise ConnectionLost("by a fault, before the request was carried out")
        if self.kind in ("500", "502", "503", "504"):
            raise _server_error(int(self.kind))

    def after(self, answer: Response) -> Response:
        """Return the response to send after the request was carried out.

        Raise ConnectionLost if the fault is a reset.
        """
        if self.kind == "reset-after":
            raise ConnectionLost("by a fault, after the request was carried out")
        if self.kind.endswith("-after"):
            return refusal_response(_server_error(int(self.kind[:3])))
        return answer

    def instead(self) -> Response | None:
        """Return the response that a failing proxy sends in place of the service's, or None."""
        if self.kind == "502-html":
            return Response(502, HTML, "text/html")
        if self.kind == "200-html":
            return Response(200, PORTAL, "text/html")
        return Response(502) if self.kind == "502-empty" else None

    def _chance(self, name: str, rate: float) -> bool:
        is_drawn = rate > 0 and self.chance.random() < rate
        if is_drawn:
            self.of_records.add(name)
        return is_drawn

    def _announced(self, now_ms: int) -> Mapping[str, str]:
        wait_ms = int(self.plan.announced_seconds * 1000)
        if self.plan.announces == "retry-after-date":
            return {"retry-after": http_date(now_ms + wait_ms + 999)}
        return announcement(self.plan.announces or "nothing", now_ms, wait_ms)


class Faults:
    """The source of draws, one per request in order. Use it in the event loop's thread only."""

    def __init__(self, plan: FaultPlan, sleep: Sleep = asyncio.sleep) -> None:
        self.plan = plan
        self.sleep = sleep
        self.counts: dict[str, int] = {}
        self._requests = 0
        self._first_use_ms: dict[str, int] = {}

    def draw(self, route: str) -> Draw | None:
        """Draw the faults of the next request. Return None if the plan does not cover it."""
        plan = self.plan
        if plan.only and route not in plan.only:
            return None
        number = self._requests
        self._requests += 1
        if plan.first is not None and number >= plan.first:
            return None
        source = random.Random(plan.seed * 1_000_003 + number)  # noqa: S311
        kind = plan.script[number] if number < len(plan.script) else self._kind(source.random())
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return Draw(kind, source.uniform(*plan.latency_ms) / 1000, plan, source)

    def check_token(self, bearer: str | None, now_ms: int) -> None:
        """Raise Refusal (401) if the token has expired. Its lifetime begins at its first use."""
        lifetime = self.plan.token_lifetime
        if lifetime is None or bearer is None:
            return
        first = self._first_use_ms.setdefault(bearer, now_ms)
        if now_ms - first >= lifetime * 1000:
            raise unauthorized()

    def check_installation(self, installation: str) -> None:
        """Raise Refusal if the plan refuses all requests of this installation."""
        status = self.plan.refuse_installation.get(installation)
        if status is not None:
            raise Refusal(status, *REFUSALS[status])

    def _kind(self, drawn: float) -> str:
        for kind, rate in self.plan.rates.items():
            drawn -= rate
            if drawn < 0:
                return kind
        return "ok"


def _server_error(status: int) -> Refusal:
    return Refusal(status, *MESSAGES[status])
