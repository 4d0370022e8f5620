"""Which store a client works on, with which settings, and how it is opened."""

import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, TypedDict

import msgspec

from kvsctl.bulk.plan import RunPlan
from kvsctl.config.base_urls import require_base_url
from kvsctl.config.file import read_config
from kvsctl.config.limitsfile import read_profile_limits
from kvsctl.config.settings import resolve_running
from kvsctl.config.targets import Target, TargetFlags, choose_target
from kvsctl.errors import UsageError
from kvsctl.jobs.access import read_only
from kvsctl.jobs.connect import connected, credentials_of
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.model import Verb
from kvsctl.service.auth.credentials import Credentials, GivenToken, Secret, bearer
from kvsctl.service.client import StoreClient
from kvsctl.service.transport.carrier import Carrier
from kvsctl.service.wire import MetadataRequest

_OF_CARRIERS: Final = tuple(name for name in vars(Carrier) if not name.startswith("_"))
"""The members that every carrier must have."""


class Settings(TypedDict, total=False):
    """The settings of a client. Defaults are those of the commands: see docs/running.md."""

    concurrency: int
    batch_size: int
    max_batch_bytes: int
    timeout: float
    retries: int
    give_up_after: int
    patience: float
    max_failures: int
    quota_share: float
    rps: float
    units_per_min: float


class Access(msgspec.Struct, frozen=True):
    """How the store is reached.

    `allow_http`: allow connections without TLS, even to other machines. `metadata`: reads ask for
    the times of records. `confirm`: the name of a protected target, to allow writes to it.
    `transport`: sends the requests; None: the client's own connections.
    """

    allow_http: bool = False
    metadata: bool = False
    confirm: str | None = None
    transport: Carrier | None = None


class Opening(msgspec.Struct, frozen=True):
    """A store and everything that is needed to open it."""

    target: Target
    access: Access
    plan: RunPlan
    timeout_seconds: float
    limits: Limits

    @classmethod
    def of_target(
        cls,
        name: str,
        installation: str | None,
        access: Access,
        settings: Settings,
        environ: Mapping[str, str] = os.environ,
    ) -> "Opening":
        """Return the opening of a configured or built-in target. Raise UsageError.

        A setting that is not given comes from the environment, the target's section, or the
        defaults. The name is required: the commands choose a default target only because a person
        can see which one it is.
        """
        if not isinstance(name, str) or not name:
            raise UsageError(
                f"target: expected a name, not {name!r}",
                "Give the name of a target; local is the store on this machine.",
            )
        config = read_config(environ)
        flags = TargetFlags(target=name, installation=installation, named_by="target")
        target = choose_target(flags, environ, config, is_on_terminal=True)
        profile = target.section.get("profile")
        limits = DEFAULT_LIMITS
        if profile is not None:
            limits = read_profile_limits(Path(profile).expanduser())
        return cls._of(target, access, settings, environ, limits)

    @classmethod
    def of_url(cls, url: str, token: str | None, access: Access, settings: Settings) -> "Opening":
        """Return the opening of a base URL. The environment is not read. Raise UsageError."""
        if not isinstance(url, str) or not url:
            raise UsageError(f"url: expected a URL, not {url!r}", "Give the base URL of a store.")
        base = require_base_url(url, "url")
        target = Target(base, url=base, token=token, url_by="url")
        return cls._of(target, access, settings, {}, DEFAULT_LIMITS)

    @classmethod
    def _of(
        cls,
        target: Target,
        access: Access,
        settings: Settings,
        environ: Mapping[str, str],
        limits: Limits,
    ) -> "Opening":
        given: Mapping[str, Any] = {**settings}
        if unknown := given.keys() - Settings.__annotations__.keys():
            from kvsctl.config.nearest import hint_of

            name = min(unknown)
            raise UsageError(f"unknown setting {name}", hint_of(name, Settings.__annotations__))
        # Checked alone first, so that an error names the setting as the caller did.
        resolve_running({}, {}, given, "setting {}".format, limits)
        section = target.section
        running = resolve_running(given, environ, section, section.place, limits)
        _require_usable(access.transport, target)
        plan = RunPlan.of(
            Verb.GET,
            running,
            is_local=target.local_path is not None,
            is_bridged=target.is_bridge,
        )
        return cls(target, access, plan, running.timeout, limits)

    @property
    def asked(self) -> MetadataRequest:
        """The metadata that reads ask for."""
        metadata = self.access.metadata
        return MetadataRequest(metadata, metadata, metadata)

    def connected(self) -> AbstractAsyncContextManager[StoreClient]:
        """Open the store. Raise UsageError if that cannot be done."""
        transport = self.access.transport
        return connected(
            self.target,
            self._credentials(),
            timeout_seconds=self.timeout_seconds,
            asked=self.asked,
            wants_headers=False,
            may_write=True,
            carriers=None if transport is None else _Given(transport),
        )

    def require_writable(self) -> None:
        """Raise UsageError for a read-only target, and for a protected one without `confirm`."""
        target, confirm = self.target, self.access.confirm
        if target.is_read_only:
            raise read_only(target)
        if confirm is not None and confirm != target.name:
            raise UsageError(
                f"confirm={confirm!r}: the target is {target.name}; nothing was sent",
                "Give the name of the target that you mean to write to.",
            )
        if target.is_protected and confirm is None:
            raise UsageError(
                f"target {target.name} is protected: nothing was sent",
                f"Give confirm={target.name!r} to write to it.",
            )

    def _credentials(self) -> Credentials:
        target = self.target
        checked = credentials_of(target, allow_http=self.access.allow_http)
        if target.token is None or target.name != target.url:
            return checked
        return Credentials(GivenToken("token", Secret(target.token)), bearer)


def _require_usable(transport: object, target: Target) -> None:
    if transport is None:
        return
    if target.url is None:
        raise UsageError("transport: the target is not a URL", "Remove it.")
    missing = [name for name in _OF_CARRIERS if not hasattr(transport, name)]
    if missing:
        raise UsageError(
            f"transport: {type(transport).__name__} has no {missing[0]}",
            f"Give an object with {', '.join(_OF_CARRIERS)}: see Carrier.",
        )


class _Given:
    """The caller's transport, in place of connections that clients share."""

    def __init__(self, transport: Carrier) -> None:
        self._transport = transport

    def carrier(self, url: str, timeout_seconds: float) -> Carrier:
        """See jobs.connect.Carriers."""
        del url, timeout_seconds
        return self._transport
