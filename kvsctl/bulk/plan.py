"""What a run does, within which bounds, and what it needs of others."""

from collections.abc import Sequence
from enum import Enum
from typing import Final, Protocol

import msgspec

from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.config.settings import DEFAULTS
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Record, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.client import Answer

BEGINNING_CONCURRENCY: Final = 8
"""How many requests a run sends at a time before it knows what helps."""
_MIN_WINDOW: Final = 1000
_WRITES_AHEAD: Final = 4
_READS_AHEAD: Final = 2


class Caller(Protocol):
    """What a run needs of the service: see `service.client.BatchClient`."""

    async def prepare(self) -> None:
        """Has what requests need at hand, sending nothing. Raises CredentialsError."""
        ...

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        """Sends one request, once prepared."""
        ...

    async def renew(self, refused: Secret | None) -> bool:
        """Whether another token could be had."""
        ...

    def now(self) -> float:
        """The service's clock, epoch seconds."""
        ...


class Pressure(Enum):
    """How much more output the listeners can take."""

    NONE = "none"
    """Anything."""
    OLDEST_ONLY = "oldest only"
    """What is held back waits for older records: only those help."""
    STOP = "stop"
    """Nothing, until what is there has been written."""


class RunPlan(msgspec.Struct, frozen=True):
    """What a run does and within which bounds.

    `give_up_after`: failed requests in a row; 429, 401, batches that are split and their parts
    do not count. `patience_seconds`: how long the service may answer nothing but 429.
    `max_failures`: failed records in all; None: any number. `verify`: what is written is read
    back before it settles.
    """

    verb: Verb
    packing: PackingRule = msgspec.field(default_factory=lambda: PackingRule.of(DEFAULT_LIMITS))
    pace: Pace = msgspec.field(default_factory=Pace)
    concurrency: int = BEGINNING_CONCURRENCY
    finds_concurrency: bool = False
    """`concurrency` is where the run begins; it finds how many requests at a time help."""
    retry: RetryPolicy = msgspec.field(default_factory=RetryPolicy)
    read_policy: ReadPolicy = msgspec.field(default_factory=ReadPolicy)
    give_up_after: int = DEFAULTS.give_up_after
    patience_seconds: float = DEFAULTS.patience
    max_failures: int | None = None
    verify: bool = False
    stop_seconds: float = DEFAULTS.timeout
    """How long a run that was asked to stop goes on reading back what it wrote."""
    window_bytes: int = 16_000_000
    """How many bytes the admitted records may have together, give or take the last."""

    def window_at(self, concurrency: int) -> int:
        """How many records may be admitted and unsettled: bounds memory.

        Fewer for reads: each of their records may come back with 240 KiB.
        """
        at_a_time = concurrency * self.packing.max_records
        if self.verb is Verb.GET:
            return _READS_AHEAD * at_a_time
        return max(_MIN_WINDOW, _WRITES_AHEAD * at_a_time)
