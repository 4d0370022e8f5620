"""Workers of a Dask cluster. Dask is imported here only, and only if a job asks for it."""

import threading
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from kvsctl import __version__
from kvsctl.errors import ExitStatus, TargetError, UsageError
from kvsctl.jobs.fan_out.orders import send_stop
from kvsctl.jobs.fan_out.worker import version

_CONNECT_SECONDS: Final = 10
_CLOSE_SECONDS: Final = 2


class DaskCrew:
    """The workers of a cluster, as many at a time as the job has parts.

    Errors in a unit are part of its result. So any exception of a future is about the worker, the
    cluster or the connection.
    """

    lost: tuple[type[Exception], ...] = (Exception,)
    abort_seconds = 2.0

    def __init__(self, fan_out: str, size: int, address: str) -> None:
        self._fan_out = fan_out
        self.size = size
        self._address = address
        self._client = _client(address)
        try:
            _require_workers(self._client.run(version, on_error="return"), address)
        except BaseException:
            self.close()
            raise

    @property
    def gone(self) -> tuple[str, str] | None:
        """See Crew. All futures are lost with the connection, even if it comes back."""
        if self._client.status == "running":
            return None
        return (
            f"lost the connection to the Dask scheduler at {self._address}",
            "Workers may still be at work. When they have ended, run the same command again.",
        )

    @asynccontextmanager
    async def executor(self) -> AsyncIterator[Executor]:
        """See Crew."""
        # Pure functions with equal arguments are carried out once.
        # It has nothing to close. Its `shutdown` would wait for futures that may never end.
        executor: Executor = self._client.get_executor(pure=False, retries=0)
        yield executor

    def send_stop(self, status: ExitStatus, *, is_abort: bool) -> None:
        """See Crew. Do not wait for workers: they may not answer."""

        def send_to_all() -> None:
            with suppress(Exception):
                self._client.run(
                    send_stop, self._fan_out, int(status), is_abort=is_abort, on_error="ignore"
                )

        threading.Thread(target=send_to_all, name="kvsctl-stop", daemon=True).start()

    def close(self) -> None:
        """See Crew. If the cluster does not answer, the connection ends with the process."""
        with suppress(Exception):
            self._client.close(timeout=_CLOSE_SECONDS)


def _client(address: str) -> Any:
    """Return a connected client. Raise UsageError without Dask, TargetError without a cluster."""
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "--dask needs Dask, which is not installed", "Install kvsctl[dask]."
        ) from error
    try:
        return Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except ValueError as error:
        raise UsageError(
            f"--dask {address}: not the address of a scheduler",
            "Write it as tcp://HOST:PORT, such as tcp://scheduler:8786.",
        ) from error
    except OSError as error:  # a timeout, too
        raise TargetError(
            f"cannot reach the Dask scheduler at {address}",
            "Check the address, and that the scheduler is at work there.",
        ) from error


def _require_workers(versions: dict[str, Any], address: str) -> None:
    """Raise UsageError unless all workers have this version of kvsctl."""
    if not versions:
        raise UsageError(
            f"--dask {address}: the cluster has no workers", "Start workers: dask worker ADDRESS."
        )
    for worker, found in versions.items():
        if found != __version__:
            what = found if isinstance(found, str) else "none"
            raise UsageError(
                f"--dask: the worker {worker} needs kvsctl {__version__} and has {what}",
                "Install the same version for client and workers.",
            )
