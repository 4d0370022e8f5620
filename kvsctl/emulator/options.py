"""Every setting of an emulator: limits, open points of the contract, tokens, quotas, faults.

Each default is the behaviour that the contract names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from kvsctl.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    # Not imported at run time: every command imports this module, and few use these.
    from pathlib import Path

    from kvsctl.emulator.storage.entities import Entity
    from kvsctl.emulator.switches.fault_spec import FaultPlan
    from kvsctl.emulator.switches.quota import QuotaOptions

DEFAULT_INSTALLATION = "default"


class Token(msgspec.Struct, frozen=True):
    """An accepted bearer token and the installation whose store it opens."""

    secret: str
    installation: str

    def __repr__(self) -> str:
        """Return the token without its secret."""
        return f"Token(installation={self.installation!r})"


def parse_token(text: str) -> Token:
    """Return the Token for a value of `--token`: `TOKEN` or `INSTALLATION=TOKEN`.

    A token without an installation opens a store of its own. An installation can have several
    tokens, so that a new one can replace one that expires. A trailing `=` is base64 padding, not a
    separator.
    """
    installation, _, secret = text.partition("=")
    if installation and secret.strip("="):
        return Token(secret, installation)
    return Token(text, installation_of_token(text))


def installation_of_token(secret: str) -> str:
    """Return the installation of a token that was given without one.

    The name is a hash, so it does not reveal the token.
    """
    import hashlib  # not at the top: the embedded target has no tokens

    return "token-" + hashlib.sha256(secret.encode()).hexdigest()[:16]


def is_sendable(secret: str) -> bool:
    """Return whether a caller can send a token in a header: printable ASCII, no space at its ends.

    Any other token is useless, and an empty one could match callers that send no token.
    """
    return bool(secret) and secret == secret.strip() and all(" " <= one <= "~" for one in secret)


def shared_by(tokens: Sequence[Token]) -> tuple[str, str] | None:
    """Return two installations that have the same token, which could open only one; else None."""
    owners: dict[str, str] = {}
    for one in tokens:
        owner = owners.setdefault(one.secret, one.installation)
        if owner != one.installation:
            return owner, one.installation
    return None


class EmulatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one emulator. They do not change while it runs.

    Raise ValueError for a token that no caller could send, and for one of two installations.
    """

    def __post_init__(self) -> None:
        """Check the tokens."""
        secrets = [("tokens", one.secret) for one in self.tokens]
        if self.admin_token is not None:
            secrets.append(("admin_token", self.admin_token))
        for name, secret in secrets:
            if not is_sendable(secret):
                raise ValueError(f"{name}: a token must be printable ASCII and not empty")
        if two := shared_by(self.tokens):
            raise ValueError(f"tokens: {two[0]} and {two[1]} have the same token")

    def __repr__(self) -> str:
        """Return what differs from the defaults, without the admin token."""
        shown = (
            f"{name}=…" if name == "admin_token" else f"{name}={getattr(self, name)!r}"
            for name, default in zip(self.__struct_fields__, self.__struct_defaults__, strict=True)
            if getattr(self, name) != default
        )
        return f"EmulatorOptions({', '.join(shown)})"

    limits: Limits = DEFAULT_LIMITS
    bad_record: Literal["fails-alone", "refuses-batch"] = "fails-alone"
    """Whether a bad record fails alone, in `failedKeys`, or has its whole batch refused."""
    refuse_batch_for: frozenset[str] = frozenset()
    """The codes for which the whole batch is refused, whatever `bad_record` is."""
    missing_keys: Literal["failed", "left-out"] = "failed"
    """Whether batch/get lists a key that does not exist in `failedKeys`, or in neither list."""
    payload_status: Literal[413, 400] = 413
    """The status code for a request body that is too large."""
    ttl_less_set: Literal["clears-expiry", "keeps-expiry"] = "clears-expiry"
    """What a set without ttl does to the expiry of an existing record."""
    expiry: Literal["lazy", "strict"] = "lazy"
    """`lazy`: expired records are served for 48 more hours. `strict`: they are hidden at once."""
    normalise: bool = False
    """Whether to return values as JavaScript would: members reordered, numbers as doubles."""
    query_lag_seconds: float = 0.0
    """How far queries lag behind writes. Gets never lag."""
    query_metadata: Literal["current", "stale", "omitted"] = "current"
    """`createdAt` and `updatedAt` in query responses. `stale`: `updatedAt` is the creation time."""
    delete_cost: Literal["size", "keys", "free"] = "size"
    """Whether a delete costs write units by the size of its request, one per key, or nothing."""
    refused_cost: Literal["free", "size"] = "free"
    """Whether a refused write costs nothing, or what it would have cost."""
    tokens: tuple[Token, ...] = ()
    """The accepted bearer tokens. Empty: every caller is accepted."""
    accepts_proxy_header: bool = False
    """Whether a `forge-proxy-authorization` header is accepted instead of a token."""
    admin_token: str | None = None
    """The token for `/_emulator/`, from any address. None: callers on loopback only."""
    installations: tuple[str, ...] = ()
    """Installations to list even if nothing was ever written to them."""
    entities: Mapping[str, Entity] | None = None
    """The entities that the app declares. None: every entity is accepted, without types."""
    quota: QuotaOptions | None = None
    """The enforced quotas, or None."""
    faults: FaultPlan | None = None
    """The injected faults, or None."""
    export_file: Path | None = None
    """The file that is written by `POST /_emulator/export`, and by the server when it stops."""
    admin: bool = True
    """Whether `/_emulator/` is served at all."""
