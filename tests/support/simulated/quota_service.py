"""A service that answers after some latency and keeps to a quota, on the loop's clock."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from kvsctl.emulator.switches.quota import WINDOWS, Window
from kvsctl.model import Found, Record, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.auth.lifetime import TokenNeed
from kvsctl.service.client import Answer
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.reply import Reply

Kind = Literal["fixed", "sliding", "bucket"]


@dataclass(frozen=True, slots=True)
class Quota:
    """What the service allows: `limits` are (amount, seconds, counts units) each."""

    kind: Kind = "sliding"
    limits: tuple[tuple[int, float, bool], ...] = ((1000, 1.0, False), (4000, 60.0, True))
    announces: bool = False
    phase_seconds: float = 17.0
    """Where in a fixed window the run begins."""
    unlucky: float = 0.0
    """The share of requests that is refused for no reason."""
    failing: float = 0.0
    """The share of requests that is answered 500, and not charged."""


@dataclass(slots=True)
class Tick:
    """One request as the service saw it, and whether it was refused."""

    at: float
    units: int
    was_refused: bool


@dataclass(slots=True)
class QuotaService:
    """A `Caller`. Half of a request's latency passes before its quota is looked at."""

    quota: Quota
    latency_seconds: float = 0.1
    answer_bytes: Callable[[Record], int] = lambda _record: 100
    random: Random = field(default_factory=lambda: Random(11))
    ticks: list[Tick] = field(default_factory=list)
    most_in_flight: int = 0
    _in_flight: int = 0
    _windows: list[tuple[Window, bool]] = field(init=False)

    def __post_init__(self) -> None:
        make = WINDOWS[self.quota.kind]
        self._windows = [
            (make(limit, int(seconds * 1000)), counts_units)
            for limit, seconds, counts_units in self.quota.limits
        ]

    def now(self) -> float:
        return 1_767_225_600.0 + asyncio.get_running_loop().time()

    @property
    def token_need(self) -> TokenNeed:
        """No token is needed."""
        return TokenNeed.NONE

    @property
    def has_quick_token(self) -> bool:
        """Tokens need no command."""
        return True

    async def prepare(self) -> None:
        return None

    async def renew(self, refused: Secret | None) -> bool:
        return False

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        taken = list(records)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        latency = self.latency_seconds * self.random.uniform(0.7, 1.3)
        await asyncio.sleep(latency / 2)
        sent = 1 + sum([len(one.body) + 1 for one in taken])
        answered = 40 + (sum(map(self.answer_bytes, taken)) if verb is Verb.GET else 0)
        if self.random.random() < self.quota.failing:
            await asyncio.sleep(latency / 2)
            self._in_flight -= 1
            broken = Fault(FaultKind.TROUBLED, "INTERNAL_SERVER_ERROR", "no", 500)
            return Answer(None, broken, 500, latency, sent, 50, None, None)
        units = max(1, -(-(answered if verb is Verb.GET else sent) // 10_000))
        wait_ms = self._charge(units, reads=verb is Verb.GET)
        await asyncio.sleep(latency / 2)
        self._in_flight -= 1
        if wait_ms:
            asked = wait_ms / 1000 if self.quota.announces else None
            fault = Fault(FaultKind.THROTTLED, "RATE_LIMIT_EXCEEDED", "slow down", 429, None, asked)
            return Answer(None, fault, 429, latency, sent, 50, None, None)
        found = Found(b"1") if verb is Verb.GET else None
        reply = Reply({one.identity: found for one in taken}, {})
        return Answer(reply, None, 200, latency, sent, answered, None, None)

    def _charge(self, units: int, *, reads: bool) -> int:
        loop_seconds = asyncio.get_running_loop().time()
        now_ms = round((loop_seconds + self.quota.phase_seconds) * 1000)
        wait_ms = 0
        for window, counts_units in self._windows:
            amount = (1 if reads else units) if counts_units else 1
            wait_ms = max(wait_ms, window.wait_ms(now_ms, amount))
        if not wait_ms and self.random.random() < self.quota.unlucky:
            wait_ms = 1
        if not wait_ms:
            for window, counts_units in self._windows:
                window.use(now_ms, units if counts_units else 1)
        self.ticks.append(Tick(loop_seconds, units, bool(wait_ms)))
        return wait_ms


def let_through(ticks: Sequence[Tick], start: float, end: float) -> int:
    """Return the units that were accepted from `start` up to `end`."""
    return sum(tick.units for tick in ticks if start <= tick.at < end and not tick.was_refused)


def refused_share(ticks: Sequence[Tick], start: float = 0.0, end: float = float("inf")) -> float:
    """Return the share of requests that were refused in a time."""
    within = [tick for tick in ticks if start <= tick.at < end]
    return sum(tick.was_refused for tick in within) / max(1, len(within))


def most_in_any(ticks: Sequence[Tick], seconds: float) -> int:
    """Return the most units that were accepted within any window of `seconds`."""
    recent: deque[Tick] = deque()
    most = total = 0
    for tick in ticks:
        if tick.was_refused:
            continue
        recent.append(tick)
        total += tick.units
        while recent[0].at <= tick.at - seconds:
            total -= recent.popleft().units
        most = max(most, total)
    return most
