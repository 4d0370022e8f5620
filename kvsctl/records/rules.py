"""The limits that a command sets for its records, and its defaults for them."""

import time
from collections.abc import Callable

import msgspec

from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.records.ttl import Ttl


class OneInstallation:
    """Admits the records of one installation: that of the first record which names one."""

    def __init__(self) -> None:
        self.name: str | None = None

    def admits(self, name: object) -> bool:
        """Return whether a record may be of this installation. Admit values that are not names."""
        if not isinstance(name, str):
            return True
        if self.name is None:
            self.name = name
        return self.name == name


class Rules(msgspec.Struct, frozen=True):
    """The limits for records, and the entity and ttl of records that have none.

    If `limits` is None, a record must only be readable and possible to send. `one_installation`:
    all records must be of the same installation; None: they need not.
    """

    limits: Limits | None = DEFAULT_LIMITS
    entity: str | None = None
    ttl: Ttl | None = None
    epoch: Callable[[], float] = time.time
    one_installation: OneInstallation | None = None

    @property
    def certain_limits(self) -> Limits:
        """The limits within which a record is certainly legal, even if `limits` is None."""
        return self.limits or DEFAULT_LIMITS
