"""How the emulator answers: the service's limits and what its documents leave open.

Every default is the answer that the contract names; each field is one switch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from kvsctl.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    # Not at run time: every command imports this module, and few have entities, faults, quotas.
    from kvsctl.emulator.storage.entities import Entity
    from kvsctl.emulator.switches.fault_spec import FaultPlan
    from kvsctl.emulator.switches.quota import QuotaOptions

DEFAULT_INSTALLATION = "default"


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token that is accepted, and the installation whose store it opens."""

    secret: str = field(repr=False)
    installation: str


def parse_token(text: str) -> Token:
    """A token as `--token` takes it: `TOKEN`, or `INSTALLATION=TOKEN`.

    A token without installation opens a store of its own; several for one installation are how a
    token that expires is followed by the next. `=` at the end is padding, not a separator.
    """
    installation, _, secret = text.partition("=")
    if installation and secret.strip("="):
        return Token(secret, installation)
    return Token(text, installation_of_token(text))


def installation_of_token(secret: str) -> str:
    """The installation that a token stands for when nobody named one; it does not show it."""
    import hashlib  # only here: the embedded target needs no token

    return "token-" + hashlib.sha256(secret.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorOptions:
    """Settings of one emulator; they do not change while it runs."""

    limits: Limits = DEFAULT_LIMITS
    bad_record: Literal["fails-alone", "refuses-batch"] = "fails-alone"
    """What one bad record does to its batch."""
    missing_keys: Literal["failed", "left-out"] = "failed"
    """Where batch/get puts a key that does not exist: `failedKeys`, or neither list."""
    payload_status: Literal[413, 400] = 413
    """The status for a body that is too large."""
    ttl_less_set: Literal["clears-expiry", "keeps-expiry"] = "clears-expiry"
    """What a set without ttl does to a record that has one."""
    expiry: Literal["lazy", "strict"] = "lazy"
    """`lazy`: expired records are served until they are purged, 48 hours later."""
    normalise: bool = False
    """Give values back as a JavaScript service would: reordered, numbers as doubles."""
    query_lag_seconds: float = 0.0
    """How far queries lie behind writes. Gets never do."""
    query_metadata: Literal["current", "stale", "omitted"] = "current"
    """`createdAt` and `updatedAt` in query answers; `stale`: `updatedAt` is the creation."""
    delete_cost: Literal["size", "free"] = "size"
    """Whether a delete costs write units by the size of its request, or none."""
    tokens: tuple[Token, ...] = ()
    """Bearer tokens that are accepted; none: every caller is."""
    installations: tuple[str, ...] = ()
    """Installations to list although nothing was written to them yet."""
    entities: Mapping[str, Entity] | None = None
    """The entities that the app declares; None: every entity is taken, without types."""
    quota: QuotaOptions | None = None
    """Quotas; None: there are none."""
    faults: FaultPlan | None = None
    """Faults; None: there are none."""
    admin: bool = True
    """Whether `/_emulator/` is there, for loopback callers."""
