"""The limits that a command sets for its records, and its defaults for them."""

import time
from collections.abc import Callable

import msgspec

from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.records.ttl import Ttl


class Rules(msgspec.Struct, frozen=True):
    """The limits for records, and the entity and ttl of records that have none.

    If `limits` is None, a record must only be readable and possible to send.
    """

    limits: Limits | None = DEFAULT_LIMITS
    entity: str | None = None
    ttl: Ttl | None = None
    epoch: Callable[[], float] = time.time

    @property
    def certain_limits(self) -> Limits:
        """The limits within which a record is legal for certain, with limits or without."""
        return self.limits or DEFAULT_LIMITS
