"""The emulator as an HTTP server, on uvicorn.

It listens on loopback by default; any other address requires a token, or the header for the proxy
of a Forge Container. On Ctrl-C, SIGTERM or SIGHUP it accepts no new requests, answers the requests
in flight and closes the database file.
"""

import contextlib
import ipaddress
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Literal

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.http.h11_impl import H11Protocol

from kvsctl.emulator.operations.exports import write_export
from kvsctl.emulator.operations.record_files import is_same_file, require_writable
from kvsctl.emulator.operations.seed import has_records, load_seed
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.page.recent import RecentRequests
from kvsctl.emulator.refusals import EmulatorError, reason_of
from kvsctl.emulator.storage.schema import MEMORY
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.web.app import Emulator
from kvsctl.emulator.web.connection import guarded
from kvsctl.emulator.web.guard import Guard

log = logging.getLogger(__name__)
DEFAULT_PORT = 8787
# SIGHUP is missing on Windows.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, *filter(None, [getattr(signal, "SIGHUP", None)]))
GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
SWITCH_SECONDS = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The address to listen on, the database to serve, and the emulator's own options."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0 picks a free port."""
    db: Path | str = MEMORY
    """A SQLite file, or `:memory:`."""
    seed: tuple[Path, ...] = ()
    """Files of records to load before the server starts."""
    imported: Path | None = None
    """A file of records to load. It may be missing if it is also the export file."""
    host_names: frozenset[str] = frozenset()
    """Host names to accept besides localhost, such as the name of a container."""
    request_seconds: float = 60.0
    """How long a request may take to arrive; then it is refused and its connection closed."""
    http: Literal["auto", "h11"] = "auto"
    """The HTTP parser: `auto` is httptools where it is installed."""
    verbose: bool = False
    """Log one line per request on the logger `kvsctl.emulator.access`."""
    stop_at_eof: bool = False
    """Stop when standard input ends: when the process at its other end closes it, or dies."""
    emulator: EmulatorOptions = field(default_factory=EmulatorOptions)


def serve(
    options: ServeOptions,
    announce: Callable[[str], None],
    note: Callable[[str], None] = log.info,
) -> int:
    """Serve until a signal arrives, and return its number; 0 if standard input ended first.

    `announce` is called with the URL once the server accepts requests, and `note` with lines on
    what was loaded and exported. Raise `EmulatorError` if the address, the database, a seed or the
    export file cannot be used, if an address other than loopback is given without a token or proxy
    header that callers must send, or if the export would replace records that are not loaded.
    Raise `ExportFailed` if the export at the end fails.
    """
    _require_loaded(options)
    # The event loop and the store's thread pass the interpreter to each other at every request.
    # With the default interval of 5 ms, the slowest requests spend most of their time waiting.
    sys.setswitchinterval(SWITCH_SECONDS)
    with _opened(options, note) as (listener, emulator):
        server = _Server(_config(options, emulator), lambda: announce(url_of(listener)))
        if options.stop_at_eof:
            threading.Thread(target=_stop_at_eof, args=[server], daemon=True).start()
        server.run(sockets=[listener])
        _export(emulator, note)
        return server.stopped_by


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs in a thread of this process."""

    url: str
    emulator: Emulator


@contextlib.contextmanager
def running(options: ServeOptions) -> Iterator[Running]:
    """Serve from a thread until the block ends. Raise the same errors as `serve`.

    An earlier export is replaced even if it is not loaded, because tests run again and again.
    """
    with _opened(options, log.info) as (listener, emulator):
        ready = threading.Event()
        server = _Server(_config(options, emulator), ready.set)
        thread = threading.Thread(target=server.run, args=([listener],), name="emulator-server")
        thread.start()
        try:
            if not ready.wait(GRACE_SECONDS):
                raise EmulatorError(f"the emulator did not start within {GRACE_SECONDS} seconds")
            yield Running(url_of(listener), emulator)
        finally:
            server.should_exit = True
            thread.join()
        _export(emulator, log.info)


@contextlib.contextmanager
def _opened(
    options: ServeOptions, note: Callable[[str], None]
) -> Iterator[tuple[socket.socket, Emulator]]:
    if (export_file := options.emulator.export_file) is not None:
        if str(options.db) != MEMORY and is_same_file(export_file, Path(options.db)):
            raise EmulatorError(f"cannot export to {export_file}: it is the database")
        require_writable(export_file)
        _has_records(export_file)
    with contextlib.ExitStack() as stack:
        # Bound first: a port that is in use is refused before anything is written.
        listener = stack.enter_context(contextlib.closing(bound(options)))
        keeps = options.emulator.ttl_less_set == "keeps-expiry"
        store = stack.enter_context(contextlib.closing(Store(options.db, keep_expiry=keeps)))
        emulator = Emulator(options.emulator, store)
        emulator.recent = RecentRequests()
        for path in options.seed:
            load_seed(path, emulator.service, store)
        if options.imported is not None:
            _load(options.imported, emulator, note)
        # Only now, so that a client is refused until the load is done, and does not wait for it.
        with _listening_errors(options):
            listener.listen(2048)
        yield listener, emulator


def _require_loaded(options: ServeOptions) -> None:
    """Raise `EmulatorError` if the export would replace a file whose records are not loaded."""
    export_file = options.emulator.export_file
    if export_file is None or not _has_records(export_file):
        return
    loaded = options.seed if options.imported is None else (*options.seed, options.imported)
    if any(is_same_file(export_file, file) for file in loaded):
        return
    # An import into a database would replace newer records there.
    load = f"Load them with --import {export_file}, g" if str(options.db) == MEMORY else "G"
    raise EmulatorError(
        f"the export would replace {export_file}: it has records that are not loaded",
        f"{load}ive --export-on-exit another file name, or delete the file.",
    )


def _has_records(export_file: Path) -> bool:
    """Return whether the export would replace records.

    Raise `EmulatorError` if the file is not an export.
    """
    if not export_file.is_file():
        return False
    try:
        return has_records(export_file)
    except EmulatorError as error:
        raise EmulatorError(
            f"the export would replace another file: {error}",
            "Give --export-on-exit another file name, or delete the file.",
        ) from error


def _load(path: Path, emulator: Emulator, note: Callable[[str], None]) -> None:
    """Load the file of an earlier export. It may be missing if it is also the export file."""
    export_file = emulator.options.export_file
    if not path.exists() and export_file is not None and is_same_file(path, export_file):
        note(f"{path} is not there yet: starting without its records")
        return
    loaded = load_seed(path, emulator.service, emulator.store)
    note(f"{counted(loaded)} loaded from {path}")


def _export(emulator: Emulator, note: Callable[[str], None]) -> None:
    """Write the export file, if there is one. Call it once the server has stopped."""
    path = emulator.options.export_file
    if path is None:
        return
    emulator.store.finish()
    saved = write_export(emulator.service, path)
    note(f"{counted(saved.records)} exported to {path}")
    if saved.secrets:
        note(f"secrets are not exported: {saved.secrets} left out")


def counted(records: int) -> str:
    """Return a number of records as text."""
    return f"{records:,} record{'' if records == 1 else 's'}"


def bound(options: ServeOptions) -> socket.socket:
    """Return a socket that is bound to the address, and does not listen yet.

    Raise `EmulatorError` if the address cannot be used, or if it is not loopback and callers need
    not send a token or proxy header.
    """
    is_closed = options.emulator.tokens or options.emulator.accepts_proxy_header
    if not is_loopback(options.host) and not is_closed:
        raise EmulatorError(
            f"cannot listen on {options.host}: not a loopback address; give a token (--token) that "
            "callers must send, or serve containers with --accept-proxy-header"
        )
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with _listening_errors(options):
            listener.bind((options.host, options.port))
    except BaseException:
        listener.close()
        raise
    return listener


@contextlib.contextmanager
def _listening_errors(options: ServeOptions) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"{options.host}:{options.port}"
        raise EmulatorError(f"cannot listen on {where}: {reason_of(error)}") from error
    except OverflowError as error:
        raise EmulatorError(f"invalid port {options.port}: not from 0 to 65535") from error


def _stop_at_eof(server: "_Server") -> None:
    """Wait for the end of standard input, then stop the server as a signal does."""
    # Not through sys.stdin: this thread would hold its lock, and block the exit of Python.
    with contextlib.suppress(OSError):
        while os.read(0, 65536):
            pass
    server.should_exit = True


def url_of(listener: socket.socket) -> str:
    """Return the URL for clients, with the actual port."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether the address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _config(options: ServeOptions, emulator: Emulator) -> uvicorn.Config:
    # "auto" uses httptools and uvloop if they are installed.
    protocol = H11Protocol if options.http == "h11" else AutoHTTPProtocol
    return uvicorn.Config(
        Guard(emulator, options.host_names, verbose=options.verbose),
        http=guarded(protocol, emulator, options.request_seconds),
        loop="auto",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class _Server(uvicorn.Server):
    """A uvicorn server that reports when it is ready and does not raise signals again."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.stopped_by = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.should_exit:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on the first signal, at once on the second. Outside the main thread, handle none.

        A signal that was ignored when the process began, as under `nohup`, stays ignored.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous_handlers = {
            number: signal.signal(number, self._stop)
            for number in STOP_SIGNALS
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, previous in previous_handlers.items():
                signal.signal(number, previous)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped_by = number
        self.handle_exit(number, frame)
