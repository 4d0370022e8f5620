"""What a run does, its bounds, and the interfaces that it needs."""

import math
from collections.abc import Sequence
from enum import Enum
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.bulk.shared_window import SharedWindow
from kvsctl.config.settings import DEFAULTS, Running
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Record, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.auth.lifetime import TokenNeed
from kvsctl.service.client import Answer

BEGINNING_CONCURRENCY: Final = 8
"""How many requests are in flight at first, until the run has found how many are useful."""
_MIN_WINDOW: Final = 1000
_WRITES_AHEAD: Final = 4
_READS_AHEAD: Final = 2


class Caller(Protocol):
    """What a run needs of the service: see `service.client.StoreClient`."""

    async def prepare(self) -> None:
        """Get the token that requests need, or the next one if it is due, without a request.

        Raise CredentialsError.
        """
        ...

    @property
    def token_need(self) -> TokenNeed:
        """Whether `prepare` has a token to get. It was awaited once."""
        ...

    @property
    def has_quick_token(self) -> bool:
        """Whether tokens need no command, so that `renew` takes no time."""
        ...

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        """Send one request. `prepare` was called before."""
        ...

    async def renew(self, refused: Secret | None) -> bool:
        """Replace the refused token. Return whether there is another one."""
        ...

    def now(self) -> float:
        """Return the time by the service's clock, in epoch seconds."""
        ...


class Pressure(Enum):
    """Whether listeners can take more output."""

    NONE = "none"
    """They can: any batch may go."""
    OLDEST_ONLY = "oldest only"
    """Output is held back until older records settle: only the oldest may go."""
    STOP = "stop"
    """They cannot until pending output is written: nothing may go."""


class RunPlan(msgspec.Struct, frozen=True):
    """What a run does, and its bounds.

    `give_up_after`: how many consecutive failed requests end the run; 429, 401, batches that are
    split and their parts do not count. `patience_seconds`: how long the service may answer nothing
    but 429. `max_failures`: how many failed records end the run; None: no limit. `verify`: read
    written records back before they settle.
    """

    verb: Verb
    packing: PackingRule = msgspec.field(default_factory=lambda: PackingRule.of(DEFAULT_LIMITS))
    pace: Pace = msgspec.field(default_factory=Pace)
    concurrency: int = BEGINNING_CONCURRENCY
    finds_concurrency: bool = False
    """Begin with `concurrency` requests at a time, and find out how many are useful."""
    retry: RetryPolicy = msgspec.field(default_factory=RetryPolicy)
    read_policy: ReadPolicy = msgspec.field(default_factory=ReadPolicy)
    give_up_after: int = DEFAULTS.give_up_after
    patience_seconds: float = DEFAULTS.patience
    max_failures: int | None = None
    verify: bool = False
    precondition: Precondition = msgspec.field(default_factory=Precondition)
    """When the records of a set are written."""
    stop_seconds: float = DEFAULTS.timeout
    """How long a run still reads back what it wrote after it was asked to stop."""
    splits_slabs: bool = False
    """Whether slabs are split before they are admitted. For tests: the outcomes are the same."""
    window_bytes: int = 16_000_000
    """The most bytes of all admitted records together. The last record may exceed it."""
    shared_window: SharedWindow | None = None
    """The bound that the records of this run share with those of others; None: there is none."""

    @classmethod
    def of(
        cls, verb: Verb, running: Running, *, is_local: bool, is_bridged: bool, commands: int = 1
    ) -> "RunPlan":
        """Return the plan of a run with these settings.

        `is_local`: the target is the embedded emulator. It has no quota and no live app, so only
        explicit settings limit the run. `is_bridged`: requests go through a bridge. `commands`: how
        many commands share the quota.
        """
        pace = Pace.of(
            math.inf if is_local else running.quota_share,
            rps=running.rps,
            units_per_minute=running.units_per_min,
            is_bridged=is_bridged,
            commands=commands,
        )
        return cls(
            verb,
            packing=PackingRule(running.batch_size, running.max_batch_bytes),
            pace=pace,
            concurrency=running.concurrency or BEGINNING_CONCURRENCY,
            finds_concurrency=running.concurrency is None and not is_local,
            retry=RetryPolicy(retries=running.retries),
            give_up_after=running.give_up_after,
            patience_seconds=running.patience,
            stop_seconds=running.timeout,
            max_failures=running.max_failures,
        )

    def conditioned(self, condition: Precondition) -> "RunPlan":
        """Return the plan of a set that writes under this condition.

        If the service decides which keys are absent, each record is set alone.
        """
        packing = self.packing
        if condition.write_if is WriteIf.ABSENT_EXACT:
            packing = PackingRule(1, packing.max_bytes)
        return replace(self, packing=packing, precondition=condition)

    def window_at(self, concurrency: int) -> int:
        """Return how many records may be admitted and unsettled at a time. This bounds memory.

        Reads have fewer, because each record of an answer can have 240 KiB.
        """
        at_a_time = concurrency * self.packing.max_records
        if self.verb is Verb.GET:
            return _READS_AHEAD * at_a_time
        return max(_MIN_WINDOW, _WRITES_AHEAD * at_a_time)
