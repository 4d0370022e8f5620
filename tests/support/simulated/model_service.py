"""The service as a model: a dict store, scripted or seeded faults, and a record of what landed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeAlias

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.model import Failure, Found, Identity, Record, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.auth.lifetime import TokenNeed
from kvsctl.service.client import Answer
from kvsctl.service.faults import Fault, FaultKind, kind_of_status
from kvsctl.service.reply import AllDone, Reply
from kvsctl.service.wire import wire_bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """How one request goes.

    `fault`: it gets this instead of a reply; `applies`: its writes land all the same;
    `late_seconds`: they land so long after the answer. Of a request that is answered, `left_out`
    keys are in neither list (`applies` says whether they land) and `later` keys fail with a code.
    """

    seconds: float = 0.1
    fault: Fault | None = None
    applies: bool = False
    late_seconds: float = 0.0
    left_out: frozenset[Identity] = frozenset()
    later: Mapping[Identity, str] = field(default_factory=dict)


EPOCH: Final = 1_767_225_600.0
"""The service's time when the clock of the test is at 0."""

Script: TypeAlias = Callable[[Sequence[Record]], Turn]


@dataclass(frozen=True, slots=True)
class Landing:
    """One write that reached the store. `answered`: its request's reply called it done."""

    identity: Identity
    position: int
    answered: bool


@dataclass(slots=True)
class Request:
    """One request as the service saw it."""

    started: float
    records: list[Record]
    token: Secret | None


def refused(status: int, code: str, *, retry_after_seconds: float | None = None) -> Fault:
    """The fault that an answer with this status is."""
    kind = kind_of_status(status, code)
    return Fault(kind, code, "said the service", status, "trace", retry_after_seconds)


THROTTLED = refused(429, "RATE_LIMIT_EXCEEDED")
BROKEN = refused(503, "SERVICE_UNAVAILABLE")
TIMED_OUT = Fault(FaultKind.UNANSWERED, "TIMEOUT", "no answer within 30 s")
NO_CONNECTION = Fault(FaultKind.UNREACHED, "UNREACHABLE", "no connection")
UNREADABLE = Fault(FaultKind.UNANSWERED, "UNREADABLE_ANSWER", "cut", 200)


def always(turn: Turn) -> Script:
    """Every request goes the same way."""
    return lambda _: turn


def in_turn(*turns: Turn, then: Turn = Turn()) -> Script:
    """The first requests go as `turns` say, all others as `then`."""
    left = list(turns)
    return lambda _: left.pop(0) if left else then


def seeded(random: Random, rate: float) -> Script:
    """Each request goes wrong with probability `rate`, in any of the ways there are."""
    faults = [
        (THROTTLED, False),
        (refused(429, "TOO_MANY_REQUESTS", retry_after_seconds=2.0), False),
        (BROKEN, True),
        (TIMED_OUT, True),
        (UNREADABLE, True),
        (NO_CONNECTION, False),
        (None, True),
    ]

    def script(records: Sequence[Record]) -> Turn:
        seconds = random.choice((0.01, 0.1, 1.0))
        if random.random() >= rate:
            return Turn(seconds)
        fault, may_apply = random.choice(faults)
        applies = may_apply and random.random() < 0.5
        if fault is not None:
            late = random.choice((0.0, 0.0, 5.0)) if applies else 0.0
            return Turn(seconds, fault, applies, late)
        names = [one.identity for one in records]
        left_out = frozenset(random.sample(names, random.randint(0, len(names))))
        later = random.sample(names, random.randint(0, len(names)))
        return Turn(
            seconds, None, applies, left_out=left_out, later=dict.fromkeys(later, "TIMEOUT")
        )

    return script


class ModelService:
    """A `Caller`. It fails the test where a request breaks a rule of the service.

    `poison`: a request that holds one of these is refused whole. `renewals`: how many further
    tokens can be had. A token in `revoked` is refused with 401.
    """

    def __init__(
        self,
        script: Script = always(Turn()),  # noqa: B008 - it keeps no state
        *,
        rule: PackingRule | None = None,
        concurrency: int | None = None,
        poison: frozenset[Identity] = frozenset(),
        renewals: int = 0,
        epoch: float = EPOCH,
    ) -> None:
        self.script = script
        self._rule = rule or PackingRule(25, 4_000_000)
        self._concurrency = concurrency
        self._poison = poison
        self._renewals_left = renewals
        self._epoch = epoch
        self._generation = 0
        self._away: list[Identity] = []
        self._in_flight = 0
        self.revoked: set[Secret] = set()
        self.store: dict[Identity, int] = {}
        self.landings: list[Landing] = []
        self.requests: list[Request] = []
        self.most_in_flight = 0
        self.renewals = 0

    @property
    def token(self) -> Secret:
        """The token that the next request carries."""
        return Secret(f"token-{self._generation}")

    @property
    def sent(self) -> list[list[int]]:
        """The positions that each request carried."""
        return [[one.position for one in request.records] for request in self.requests]

    def now(self) -> float:
        return self._epoch + asyncio.get_running_loop().time()

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
        await asyncio.sleep(0.05)
        if refused == self.token and self._renewals_left:
            self._renewals_left -= 1
            self.renewals += 1
            self._generation += 1
        return refused != self.token

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        taken, token = list(records), self.token
        self.requests.append(Request(asyncio.get_running_loop().time(), taken, token))
        self._check(taken)
        turn = self.script(taken)
        names = [one.identity for one in taken]
        self._away += names
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            await asyncio.sleep(turn.seconds / 2)
            reply, fault = self._meet(verb, taken, turn, token)
            await asyncio.sleep(turn.seconds / 2)
        finally:
            self._in_flight -= 1
            for name in names:
                self._away.remove(name)
        status = 200 if fault is None else fault.status
        sent = sum(map(wire_bytes, taken))
        return Answer(reply, fault, status, turn.seconds, sent, 100, "trace", token)

    def _check(self, records: Sequence[Record]) -> None:
        names = [one.identity for one in records]
        assert records, "an empty request"
        assert len(set(names)) == len(names), "an identity twice in a request"
        assert not set(names) & set(self._away), "an identity in two requests at once"
        assert len(records) <= self._rule.max_records
        body_bytes = 2 + sum(map(wire_bytes, records))
        assert len(records) == 1 or body_bytes <= self._rule.max_bytes
        assert self._concurrency is None or self._in_flight < self._concurrency

    def _meet(
        self, verb: Verb, records: list[Record], turn: Turn, token: Secret
    ) -> tuple[Reply | AllDone | None, Fault | None]:
        """What becomes of a request when it reaches the store."""
        fault = turn.fault
        if fault is None and token in self.revoked:
            fault = refused(401, "UNAUTHORIZED")
        if fault is None and any(one.identity in self._poison for one in records):
            fault = refused(400, "INVALID_KEY")
        if fault is not None:
            if turn.applies and fault.may_be_applied:
                self._land_late(verb, records, turn.late_seconds)
            return None, fault
        reply = Reply({}, {})
        succeeded: dict[Identity, Found | None] = {}
        failed: dict[Identity, Failure] = {}
        for one in records:
            name = one.identity
            if name in turn.left_out:
                if turn.applies:
                    self._land(verb, one, answered=False)
            elif name in turn.later:
                failed[name] = Failure(turn.later[name], "later", "trace")
            elif verb is not Verb.GET:
                self._land(verb, one, answered=True)
                succeeded[name] = None
            elif name in self.store:
                succeeded[name] = Found(b"%d" % self.store[name])
            else:
                failed[name] = Failure("KEY_NOT_FOUND", "Provided key does not exist", "trace")
        if list(succeeded) == [one.identity for one in records]:
            found = [one for one in succeeded.values() if one is not None]
            return AllDone(found if verb is Verb.GET else None), None
        reply.succeeded, reply.failed = succeeded, failed
        return reply, None

    def _land_late(self, verb: Verb, records: list[Record], seconds: float) -> None:
        def land() -> None:
            for one in records:
                self._land(verb, one, answered=False)

        if seconds:
            asyncio.get_running_loop().call_later(seconds, land)
        else:
            land()

    def _land(self, verb: Verb, one: Record, *, answered: bool) -> None:
        if verb is Verb.GET:
            return
        self.landings.append(Landing(one.identity, one.position, answered))
        if verb is Verb.SET:
            self.store[one.identity] = one.position
        else:
            self.store.pop(one.identity, None)
