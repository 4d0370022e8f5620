"""Open a target: the embedded emulator, or a service over the network."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kvsctl.config.targets import FORGE_URL, Target
from kvsctl.config.waiting import is_named_pipe
from kvsctl.errors import Defect, KvsctlError, StreamError, UsageError
from kvsctl.jobs.access import read_only
from kvsctl.service.auth.credentials import (
    Credentials,
    GivenToken,
    Secret,
    TokenCommand,
    TokenFile,
    TokenSource,
    bearer,
    bridged,
    container,
)
from kvsctl.service.bridges import Bridge, Lookout
from kvsctl.service.client import StoreClient
from kvsctl.service.transport.carrier import Carrier
from kvsctl.service.transport.in_process import AsgiApp, in_process
from kvsctl.service.wire import MetadataRequest

if TYPE_CHECKING:
    from kvsctl.emulator import Emulator

_Client = TypeVar("_Client", bound=StoreClient)
_EMBEDDED_URL = "http://kvsctl.localhost"


def credentials_of(target: Target, *, allow_http: bool) -> Credentials:
    """Return the target's credentials.

    Raise UsageError for an unsafe URL, a missing token, or a token file that cannot be opened.
    """
    if target.url is None:
        return Credentials(None, bearer)
    from kvsctl.service.transport.urls import is_loopback_url, require_safe

    require_safe(target.url, allow_http=allow_http, place=target.url_place)
    source = _token_source(target)
    if isinstance(source, TokenFile):
        _require_no_named_pipe(source)
        source.require_readable()
    if source is None and not target.is_proxied and not is_loopback_url(target.url):
        raise UsageError(
            f"target {target.display} has no token",
            "Set KVSCTL_TOKEN, or use --token-file or --token-command.",
        )
    return Credentials(source, bearer)


def _require_no_named_pipe(file: TokenFile) -> None:
    if is_named_pipe(file.path):
        raise UsageError(
            f"cannot read {file.name}: a read of a named pipe could wait for ever",
            "Give a file, <(command), or a token command.",
        )


class Carriers(Protocol):
    """Carriers that share connections: see `service.transport.shared.SharedCarriers`."""

    def carrier(self, url: str, timeout_seconds: float) -> Carrier:
        """Return a carrier to the URL for one more client."""
        ...


def connected(
    target: Target,
    credentials: Credentials,
    *,
    timeout_seconds: float,
    asked: MetadataRequest,
    wants_headers: bool,
    creates: bool = False,
    may_write: bool = False,
    carriers: Carriers | None = None,
) -> AbstractAsyncContextManager[StoreClient]:
    """Open the target's service; close its connections and an embedded emulator at the end.

    `creates`: the client sets records one by one, each only if its key does not exist. Without
    `may_write`, and for a read-only target, the client refuses requests that could write.
    `carriers`: the connections that this client shares with others.
    """
    return connected_as(
        _creating_client() if creates else StoreClient,
        target,
        credentials,
        timeout_seconds=timeout_seconds,
        asked=asked,
        wants_headers=wants_headers,
        may_write=may_write,
        carriers=carriers,
    )


@asynccontextmanager
async def connected_as(
    kind: Callable[..., _Client],
    target: Target,
    credentials: Credentials,
    *,
    timeout_seconds: float,
    asked: MetadataRequest,
    wants_headers: bool = False,
    may_write: bool = False,
    carriers: Carriers | None = None,
    looks_out: bool = True,
) -> AsyncIterator[_Client]:
    """Open the target's service with a client of this kind. Other arguments are as in `connected`.

    `looks_out`: the client refuses to work through a bridge that is not configured as one.
    """
    make = partial(
        kind,
        credentials=credentials,
        timeout_seconds=timeout_seconds,
        metadata=asked,
        wants_headers=wants_headers,
        write_refusal=_write_refusal(target, may_write=may_write),
    )
    if target.local_path is not None:
        embedded = _open_embedded(target.local_path)
        carrier = in_process(_EMBEDDED_URL, _ending_runs(embedded), timeout_seconds)
        service = make(carrier, fixed_headers={})
        try:
            yield service
        finally:
            await service.aclose()
            await embedded.aclose()
        return
    assert target.url is not None  # noqa: S101
    carrier = (carriers.carrier if carriers else _over_network)(target.url, timeout_seconds)
    bridge = Bridge() if target.is_bridge else None
    lookout = Lookout(target.display) if _may_be_bridge(target) and looks_out else None
    service = make(carrier, fixed_headers=_fixed_headers(target), bridge=bridge, lookout=lookout)
    try:
        yield service
    finally:
        await service.aclose()


def _over_network(url: str, timeout_seconds: float) -> Carrier:
    from kvsctl.service.transport.choose import over_network

    return over_network(url, timeout_seconds)


def _fixed_headers(target: Target) -> Mapping[str, str]:
    """Return the headers of every request, by which proxies and bridges know the installation."""
    if target.installation is None:
        return {}
    if target.is_proxied:
        return container(target.installation)
    # A target that is not configured as a bridge may be one: then it refuses requests for another
    # installation.
    return bridged(target.installation) if target.is_bridge or _may_be_bridge(target) else {}


def _may_be_bridge(target: Target) -> bool:
    """Return whether the target could be a bridge although it is not described as one."""
    is_known = target.is_bridge or target.is_proxied or target.url is None
    return not is_known and target.url != FORGE_URL


def _write_refusal(target: Target, *, may_write: bool) -> KvsctlError | None:
    if target.is_read_only:
        return read_only(target)
    return None if may_write else Defect("a command that only reads was about to write")


def _creating_client() -> type[StoreClient]:
    from kvsctl.service.single_sets import CreatingClient

    return CreatingClient


def _open_embedded(path: Path) -> "Emulator":
    from kvsctl import emulator  # not needed for a target over the network

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return emulator.embedded(path)
    except emulator.DatabaseFailed as failed:
        raise _failed(failed) from failed
    except emulator.EmulatorError as error:
        raise UsageError(str(error)) from error
    except FileExistsError:
        raise UsageError(f"cannot open {path}: {path.parent} is not a directory") from None
    except OSError as error:
        raise UsageError(f"cannot open {path}: {error.strerror}") from error


def _ending_runs(embedded: "Emulator") -> AsgiApp:
    """Return the emulator as an application that raises StreamError if its database fails."""
    from kvsctl.emulator import DatabaseFailed

    async def application(*scope_and_channels: Any) -> None:
        try:
            await embedded(*scope_and_channels)
        except DatabaseFailed as failed:
            raise _failed(failed) from failed

    return application


def _failed(failed: Exception) -> StreamError:
    return StreamError(
        str(failed), "Correct that, or give another file with KVSCTL_LOCAL_DB. Then run it again."
    )


def _token_source(target: Target) -> TokenSource | None:
    if target.token_file is not None:
        return TokenFile(target.token_file, target.token_file_place)
    if target.token_command is not None:
        return TokenCommand(target.token_command)
    if target.token is not None:
        return GivenToken("KVSCTL_TOKEN", Secret(target.token))
    return None
